/** The published log, point by point as C2SP tlog-tiles, tlog-checkpoint and signed-note ask for it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readRecords } from '../../../src/ledger/reader.ts'
import { streamOf } from '../../../src/oauth/events.ts'
import { openCheckpoint } from '../../../src/tree/checkpoint.ts'
import { leafHash } from '../../../src/tree/hash.ts'
import { parseNote, parseVerifierKey } from '../../../src/tree/signed-note.ts'
import { clientToken } from '../../audit/support.ts'
import { type HttpRoutes, openRoutes } from '../../support/http-routes.ts'
import { merkleTreeHash } from '../../tree/reference.ts'

const size = 600

describe('the published log (C2SP)', () => {
  let routes: HttpRoutes
  let records: Buffer[]
  const get = (path: string, method: 'GET' | 'HEAD' = 'GET') =>
    routes.http.inject({ method, url: `/ledger/${path}` })
  const grow = async (to: number) => {
    const { ledger } = routes.context
    const names = Array.from({ length: to - ledger.size }, (_, i) => `token-${ledger.size + i}`)
    await Promise.all(
      names.map((name) => ledger.append(streamOf.grant(name), 0, [clientToken(name)], routes.clock.nowMs)),
    )
  }

  beforeAll(async () => {
    routes = await openRoutes()
  })
  afterAll(() => routes.close())

  it('before the first checkpoint: nothing, and nothing that is cached', async () => {
    for (const path of ['checkpoint', 'tile/0/000.p/1', 'tile/0/000']) {
      const { statusCode, headers } = await get(path)
      expect({ statusCode, cache: headers['cache-control'] }).toEqual({ statusCode: 404, cache: 'no-store' })
    }
  })

  describe('with checkpoints of 200 and 600 events', () => {
    beforeAll(async () => {
      await grow(200)
      await routes.checkpoints.sign()
      await grow(size)
      await routes.checkpoints.sign()
      // Behind the last checkpoint: not to be seen.
      await grow(size + 50)
      records = []
      for await (const [, bytes] of readRecords(routes.context.ledger.storage, 0, size + 50))
        records.push(bytes)
    })

    it('tlog-tiles, Checkpoints: "text/plain; charset=utf-8", and no caching beyond a few seconds', async () => {
      const { statusCode, headers } = await get('checkpoint')
      expect(statusCode).toBe(200)
      expect(headers['content-type']).toBe('text/plain; charset=utf-8')
      expect(headers['cache-control']).toBe('no-cache')
      expect(headers).not.toHaveProperty('pragma')
    })

    it('tlog-checkpoint: origin, size and root; "at least one Ed25519 signature by the log", its name the origin', async () => {
      const { origin } = routes.context.settings
      const { body } = await get('checkpoint')
      const key = parseVerifierKey((await get('key')).body.trim())
      const { checkpoint, verified } = openCheckpoint(body, origin, [key])
      expect(checkpoint).toEqual({ origin, size, root: merkleTreeHash(records.slice(0, size)) })
      expect(verified).toMatchObject([{ name: origin }])
      expect(parseNote(body).text.split('\n')).toHaveLength(4)
      // "a schema-less URL containing neither Unicode spaces nor plus"
      expect(origin).toMatch(/^[^\s+:/]+(?:\/[^\s+]+)?$/)
    })

    it.each<[string, number, number]>([
      ['tile/0/000', 0, 256],
      ['tile/0/001', 256, 512],
      ['tile/0/002.p/88', 512, 600],
    ])('tlog-tiles, Merkle Tree: %s', async (path, from, to) => {
      const { statusCode, headers, rawPayload } = await get(path)
      expect(statusCode).toBe(200)
      expect(headers['content-type']).toBe('application/octet-stream')
      // "This endpoint is immutable, so its caching headers SHOULD be long-lived."
      expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
      expect(headers).not.toHaveProperty('pragma')
      expect(rawPayload).toEqual(Buffer.concat(records.slice(from, to).map(leafHash)))
      expect((await get(path, 'HEAD')).headers['content-length']).toBe(String((to - from) * 32))
    })

    it('level 1 holds the roots of full tiles only: "a partial tile MUST NOT be hashed into a tile at the level above"', async () => {
      const { rawPayload } = await get('tile/1/000.p/2')
      expect(rawPayload).toEqual(
        Buffer.concat([merkleTreeHash(records.slice(0, 256)), merkleTreeHash(records.slice(256, 512))]),
      )
      expect((await get('tile/1/000.p/3')).statusCode).toBe(404)
    })

    it('Partial Tiles: those of every checkpoint that was produced', async () => {
      const { statusCode, rawPayload } = await get('tile/0/000.p/200')
      expect(statusCode).toBe(200)
      expect(rawPayload).toEqual(Buffer.concat(records.slice(0, 200).map(leafHash)))
    })

    it.each([
      ['behind the last checkpoint', 'tile/0/002.p/89'],
      ['full before its time', 'tile/0/002'],
      ['"Empty tiles MUST NOT be served"', 'tile/0/003.p/1'],
      ['a level without hashes', 'tile/2/000.p/1'],
      ['width 0', 'tile/0/000.p/0'],
      ['width 256', 'tile/0/000.p/256'],
      ['a width with a leading zero', 'tile/0/000.p/088'],
      ['a level with a leading zero', 'tile/00/000'],
      ['a level above 63', 'tile/64/000'],
      ['an index without padding', 'tile/0/0'],
      ['an index with a needless element', 'tile/0/x000/000'],
      ['an element without x', 'tile/0/000/001'],
      ['another folder', 'tile/0/..%2F..%2Fcheckpoint'],
      ['records, which are not published', 'tile/entries/000'],
      ['a partial bundle of records', 'tile/entries/002.p/88'],
    ])('not there: %s', async (_, path) => {
      const { statusCode, headers } = await get(path)
      expect(statusCode).toBe(404)
      expect(headers['cache-control']).toBe('no-store')
    })

    it('signed-note: the key is a verifier key with the name of the log', async () => {
      const { headers, body } = await get('key')
      expect(headers['content-type']).toBe('text/plain; charset=utf-8')
      expect(headers['cache-control']).toBe('no-cache')
      expect(parseVerifierKey(body.trim()).name).toBe(routes.context.settings.origin)
    })

    it('while the ledger cannot be read: 503, never "not there"', async () => {
      routes.faults.reading = true
      const { statusCode, headers } = await get('tile/0/001')
      routes.faults.reading = false
      expect({ statusCode, cache: headers['cache-control'] }).toEqual({ statusCode: 503, cache: 'no-store' })
    })
  })
})
