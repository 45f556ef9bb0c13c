/** One flipped byte in a stored event, and `audit verify` names its position. */
import { Level } from 'level'
import { beforeAll, describe, expect, it } from 'vitest'
import { eventKey } from '../../src/ledger/layout.ts'
import { issueToken, registerSample } from '../support/oauth-requests.ts'
import { startServer, type TestServer } from '../support/server.ts'

describe('a byte of a stored event is flipped', () => {
  let server: TestServer
  let size: number

  beforeAll(async () => {
    server = await startServer()
    await registerSample(server)
    for (let count = 0; count < 10; count++) await issueToken(server.url)
    size = (await (await server.connect())!.operations.status({})).position
    await server.stop()
  })

  /** Changes one byte of a stored record, as somebody with the disk in his hands could. */
  async function flipByte(position: number, offset: number): Promise<void> {
    const db = new Level<Buffer, Buffer>(server.paths.ledger, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    })
    const record = Buffer.from((await db.get(eventKey(position)))!)
    record[(offset + record.length) % record.length]! ^= 1
    await db.put(eventKey(position), record)
    await db.close()
  }

  it('before, nothing is missing and nothing altered', async () => {
    const { exitCode, stdout } = await server.cli(['audit', 'verify'])
    expect(stdout).toMatch(/^13 events, \d+ checkpoints?, \d+ anchors?: nothing missing, nothing altered\n/)
    expect(exitCode).toBe(0)
    expect(size).toBe(13)
  })

  const places: [string, () => number, number][] = [
    ['in the middle of the log, at the end of the record', () => 6, -1],
    ['in the time of a record', () => 7, 14],
    ['in an act of administration', () => 1, -1],
    ['in the last record', () => size - 1, -1],
    ['in the first record', () => 0, -1],
  ]

  it.each(places)('%s', async (_where, positionOf, offset) => {
    const position = positionOf()
    await flipByte(position, offset)
    const { exitCode, stdout, stderr } = await server.cli(['audit', 'verify'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
    expect(stdout).toContain(`FAULT record_altered at position ${position}: `)
    const { stdout: json } = await server.cli(['audit', 'verify', '--json'])
    const { ok, events, faults } = JSON.parse(json)
    expect({ ok, events }).toEqual({ ok: false, events: size })
    expect(faults).toContainEqual({ position, kind: 'record_altered', detail: expect.any(String) })
    await flipByte(position, offset)
  })

  it('after, with the bytes as they were, nothing is altered', async () => {
    expect((await server.cli(['audit', 'verify'])).exitCode).toBe(0)
  })
})
