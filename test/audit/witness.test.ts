/** A witness accepts every log that only grew, and no other. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type RemoteLog, RemoteLogError } from '../../src/audit/remote-log.ts'
import { type Witnessed, witness } from '../../src/audit/witness.ts'
import { createWitnessKey } from '../../src/audit/witness-key.ts'
import type { WitnessState } from '../../src/audit/witness-state.ts'
import { openCheckpoint } from '../../src/tree/checkpoint.ts'
import { parseCosignerKey, parseCosignerVerifierKey, timestampOf } from '../../src/tree/cosignature.ts'
import { ed25519PrivateKey } from '../../src/tree/ed25519.ts'
import { verifyConsistency } from '../../src/tree/proofs.ts'
import { ed25519Signer, parseVerifierKey } from '../../src/tree/signed-note.ts'
import {
  historyOrigin,
  historySigner,
  publishedHistory,
  remoteHistory,
} from '../support/published-history.ts'

const nowMs = Date.UTC(2026, 5, 1)

async function look(log: RemoteLog, before?: WitnessState, more: object = {}): Promise<Witnessed> {
  return witness(log, before, { nowMs, ...more })
}

async function stateAfter(log: RemoteLog, before?: WitnessState, more: object = {}): Promise<WitnessState> {
  const found = await look(log, before, more)
  if (found.outcome === 'alarm') throw new Error(found.evidence.detail)
  return found.state
}

const seen = (size: number, more: object = {}) =>
  stateAfter(remoteHistory(publishedHistory(size)), undefined, more)

/** The evidence, checked as a stranger would: by both notes, the key and the proof alone. */
function expectEvidence(found: Witnessed, kind: string): void {
  if (found.outcome !== 'alarm') throw new Error(`no alarm, but ${found.outcome}`)
  const { evidence } = found
  expect(evidence).toMatchObject({
    version: 1,
    kind,
    origin: historyOrigin,
    foundAt: '2026-06-01T00:00:00.000Z',
  })
  const opened = [evidence.seen, evidence.shown].map(
    (note) => openCheckpoint(note, evidence.origin, [parseVerifierKey(evidence.key)]).checkpoint,
  )
  const [before, after] = [opened[0]!, opened[1]!]
  if (kind === 'shrunk') expect(after.size).toBeLessThan(before.size)
  if (kind === 'forked')
    expect([after.size === before.size, after.root.equals(before.root)]).toEqual([true, false])
  if (kind === 'rewritten') {
    const proof = evidence.proof!.map((hash) => Buffer.from(hash, 'base64'))
    const other = Buffer.from(/have root (\S+), but/.exec(evidence.detail)![1]!, 'base64')
    expect(other.equals(before.root)).toBe(false)
    verifyConsistency(before.size, after.size, other, after.root, proof)
    expect(() => verifyConsistency(before.size, after.size, before.root, after.root, proof)).toThrow()
  }
}

describe('a log that only grows', () => {
  test('law: from any size to any other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 700 }), fc.nat(700), async (size, more) => {
        const before = await seen(size)
        expect(before).toMatchObject({
          size,
          trust: 'first use',
          key: historySigner.verifierKey,
          cosigned: null,
        })
        const found = await look(remoteHistory(publishedHistory(size + more)), before)
        expect(found.outcome).toBe(more === 0 ? 'unchanged' : 'grown')
      }),
      {
        numRuns: 40,
        examples: [
          [256, 1],
          [255, 1],
          [1, 699],
          [512, 188],
        ],
      },
    )
  })

  test('with a key from elsewhere the server is not asked for its own', async () => {
    const log = remoteHistory(publishedHistory(3), {
      verifierKey: () => Promise.reject(new Error('was asked')),
    })
    expect(await stateAfter(log, undefined, { key: historySigner.verifierKey })).toMatchObject({
      trust: 'given',
    })
  })
})

describe('a log whose history was changed', () => {
  test('law: any event of the past is another one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 600 }), fc.nat(600), fc.nat(), async (size, more, pick) => {
        const other = publishedHistory(size + more, pick % size)
        const found = await look(remoteHistory(other), await seen(size))
        expectEvidence(found, more === 0 ? 'forked' : 'rewritten')
      }),
      {
        numRuns: 40,
        examples: [
          [256, 1, 0],
          [255, 1, 254],
          [512, 1, 300],
        ],
      },
    )
  })

  test('it has fewer events', async () => {
    expectEvidence(await look(remoteHistory(publishedHistory(299)), await seen(300)), 'shrunk')
  })
})

describe('nothing is found out, and nothing forgotten', () => {
  const other = ed25519Signer(historyOrigin, ed25519PrivateKey(Buffer.alloc(32, 22)))
  const history = publishedHistory(400)
  const rewritten = publishedHistory(400, 5)
  const broken: [string, Partial<RemoteLog>, object, string][] = [
    ['another key signed', { checkpoint: async () => history.note(other) }, {}, 'unsigned'],
    [
      'another log',
      { checkpoint: async () => history.note(historySigner, 'log.example/two') },
      {},
      'unsigned',
    ],
    ['no checkpoint', { checkpoint: async () => 'hello' }, {}, 'unsigned'],
    ['another key is given', {}, { key: other.verifierKey }, 'other_key'],
    ['no tiles', { readTile: () => Promise.reject(new RemoteLogError('404')) }, {}, 'unreachable'],
    ['tiles cut off', { readTile: async () => Buffer.alloc(32) }, {}, 'unreachable'],
    ['tiles of no hashes', { readTile: async () => Buffer.alloc(31) }, {}, 'unreachable'],
    [
      'tiles of another tree than the signed one',
      { readTile: async (level, index, width) => rewritten.tile(level, index, width)! },
      {},
      'unreachable',
    ],
  ]
  test.each(broken)('%s', async (_, changes, more, code) => {
    await expect(look(remoteHistory(history, changes), await seen(300), more)).rejects.toMatchObject({ code })
  })

  test('a key that is none', async () => {
    const log = remoteHistory(history, { verifierKey: async () => '<html>' })
    await expect(look(log)).rejects.toMatchObject({ code: 'other_key' })
  })
})

describe('with a key of its own', () => {
  const { privateKey, verifierKey } = createWitnessKey('witness.example/one')
  const cosigner = parseCosignerKey(privateKey, () => nowMs / 1000)

  test('it cosigns what it has verified, beside the log', async () => {
    const before = await seen(100, { cosigner })
    const { cosigned, note } = await stateAfter(remoteHistory(publishedHistory(200)), before, { cosigner })
    const { checkpoint, verified } = openCheckpoint(cosigned!, historyOrigin, [
      parseVerifierKey(historySigner.verifierKey),
      parseCosignerVerifierKey(verifierKey),
    ])
    expect(checkpoint.size).toBe(200)
    expect(verified.map(({ name }) => name)).toEqual([historyOrigin, 'witness.example/one'])
    expect(timestampOf(verified[1]!.signature)).toBe(BigInt(nowMs / 1000))
    expect(cosigned!.startsWith(note)).toBe(true)
  })

  test.each([
    ['https://witness.example/one', 'without https://, such as witness.example/one'],
    ['HTTP://witness.example', 'without HTTP://, such as witness.example'],
    ['//witness.example', 'without //, such as witness.example'],
    ['https://', 'without https://'],
  ])('its name has no scheme: %s', (name, why) => {
    expect(() => createWitnessKey(name)).toThrow(`${name}: a witness is named by a URL ${why}`)
  })

  test.each(['witness.example', 'witness.example:8443/one', 'oid/1.3.6.1.4.1.32473.1'])(
    'its name may be %s',
    (name) => expect(createWitnessKey(name).verifierKey).toMatch(`${name}+`),
  )

  test('it cosigns nothing in an alarm', async () => {
    const found = await look(remoteHistory(publishedHistory(200, 3)), await seen(100, { cosigner }), {
      cosigner,
    })
    expect(JSON.stringify(found)).not.toContain('witness.example')
  })
})
