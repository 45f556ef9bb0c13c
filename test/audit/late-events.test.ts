/** Streams with many events: they keep to the same laws, and the time that they take grows with the log alone. */
import { join } from 'node:path'
import type { Level } from 'level'
import { beforeAll, describe, expect, test } from 'vitest'
import { earlyEvents } from '../../src/audit/late-events.ts'
import { rebuildRows } from '../../src/audit/rebuild.ts'
import { type Verification, verifyLedger, verifyLedgerInOrder } from '../../src/audit/verify.ts'
import { rangeOf, rowKey, streamKey } from '../../src/ledger/layout.ts'
import { readStream } from '../../src/ledger/reader.ts'
import { openStorage, type StorageReader } from '../../src/ledger/storage.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import { stateRowKey } from '../../src/projections/rows.ts'
import {
  clientToken,
  codec,
  codeIssued,
  copyOf,
  lifeEvents,
  liveThrough,
  named,
  options,
  refreshed,
  revoked,
  type SampleLedger,
  tamper,
  template,
  temporaryDirectory,
  userToken,
} from './support.ts'

const grantCount = 40
const rotationCount = 60
/** Rotations begin with the third event. */
const grantEvents = 3 + rotationCount
const hash = (name: string) => clientToken(name).accessTokenHash
const grant = (i: number) => streamOf.grant(`long-${i}`)
const rotation = (i: number, round: number): Event => ({
  ...refreshed,
  accessTokenHash: hash(`at ${i} ${round}`),
  refreshTokenHash: hash(`rt ${i} ${round}`),
})
const attempts = streamOf.attempts('someone')

let original: string

/** All grants in turn, so that each reaches over the whole log. */
async function rotateLong(log: SampleLedger): Promise<void> {
  await liveThrough(log)
  const all = (version: number, events: (i: number) => Event[]) =>
    Promise.all(Array.from({ length: grantCount }, (_, i) => log.append(grant(i), version, events(i))))
  await all(0, (i) => [{ ...codeIssued, codeHash: hash(`code ${i}`) }])
  await all(1, (i) => [
    { type: 'code.redeemed' },
    { ...userToken, accessTokenHash: hash(`at ${i}`), refreshTokenHash: hash(`rt ${i}`) },
  ])
  for (let round = 0; round < rotationCount; round++) {
    await all(3 + round, (i) => [rotation(i, round)])
    await log.append(attempts, round, [
      {
        type: 'login.locked',
        of: 'user',
        failures: 5,
        pauses: round + 1,
        untilSeconds: 1,
        side: { address: `192.0.2.${round}` },
      },
    ])
  }
  await log.checkpoints.sign()
}

beforeAll(async () => {
  original = await template(rotateLong)
})

/** In parts, which goes on in order where something is wrong, and in order at once. */
async function verifyBothWays(directory: string): Promise<Verification> {
  const storage = await openStorage(join(directory, 'ledger'))
  try {
    const inOrder = await verifyLedgerInOrder(storage, { ...options, rows: true })
    expect(await verifyLedger(storage, { ...options, rows: true })).toEqual(inOrder)
    return inOrder
  } finally {
    await storage.close()
  }
}

async function changed(act: (db: Level<Buffer, Buffer>) => Promise<unknown>): Promise<Verification> {
  const copy = await copyOf(original)
  await tamper(copy, act)
  return verifyBothWays(copy)
}

async function positionsOf(stream: string): Promise<number[]> {
  const storage = await openStorage(join(original, 'ledger'))
  try {
    const positions: number[] = []
    for await (const { position } of readStream(storage, codec, stream)) positions.push(position)
    return positions
  } finally {
    await storage.close()
  }
}

test('a log of long streams holds, rows and all', async () => {
  const { ok, events, faults, unchecked } = await verifyBothWays(original)
  expect(faults).toEqual([])
  expect(unchecked).toEqual([])
  expect({ ok, events }).toEqual({
    ok: true,
    events: lifeEvents + grantCount * grantEvents + rotationCount,
  })
})

test('each event is looked up a bounded number of times', async () => {
  const storage = await openStorage(join(original, 'ledger'))
  try {
    let lookUps = 0
    const counting: StorageReader = Object.assign(Object.create(storage), {
      get(key: Buffer) {
        lookUps++
        return storage.get(key)
      },
    })
    for (const rows of [false, true]) {
      lookUps = 0
      const { ok, events } = await verifyLedger(counting, { ...options, rows })
      expect(ok).toBe(true)
      // Once for each late event and each pass that follows streams; early ones again for each stretch they reach into.
      expect(lookUps).toBeLessThan(events * (rows ? 5 : 4))
    }
  } finally {
    await storage.close()
  }
})

describe('a law that is broken late is named where it was broken', () => {
  const late = 3 + rotationCount
  const cases: [law: string, events: Event[], at: number[]][] = [
    ['nothing follows on the end', [rotation(0, 100), revoked, rotation(0, 101)], [2]],
    ['a refresh token never comes back', [rotation(0, rotationCount - 1)], [0]],
    [
      'no scope that nobody gave',
      [rotation(0, 100), { ...rotation(0, 101), scopes: ['admin'] } as Event],
      [1],
    ],
    ['a code is redeemed once', [{ type: 'code.redeemed' }, rotation(0, 100)], [0]],
  ]
  test.each(cases)('%s', async (_, events, at) => {
    const first = lifeEvents + grantCount * grantEvents + rotationCount
    const directory = await template(async (log) => {
      await rotateLong(log)
      await log.append(grant(0), late, events)
      await log.checkpoints.sign()
    })
    const result = await verifyBothWays(directory)
    expect(named(result).filter(([, kind]) => !kind.startsWith('row'))).toEqual(
      at.map((place) => [first + place, 'protocol']),
    )
  })

  test('behind an event that stands in the wrong kind of stream', async () => {
    const first = lifeEvents + grantCount * grantEvents + rotationCount
    const directory = await template(async (log) => {
      await rotateLong(log)
      await log.append(grant(0), late, [{ type: 'session.ended', reason: 'logout' }, revoked])
      await log.checkpoints.sign()
    })
    expect(named(await verifyBothWays(directory))[0]).toEqual([first, 'protocol'])
  })
})

describe('rows of long streams', () => {
  const row = rowKey(stateRowKey(grant(7)))

  test('a state that is lost, or another one, is named by the last event, and comes back', async () => {
    const last = (await positionsOf(grant(7))).at(-1)!
    for (const [act, kind] of [
      [(db: Level<Buffer, Buffer>) => db.del(row), 'row_missing'],
      [(db: Level<Buffer, Buffer>) => db.put(row, Buffer.from('another')), 'row_altered'],
    ] as const) {
      const copy = await copyOf(original)
      await tamper(copy, act)
      expect(named(await verifyBothWays(copy))).toEqual([[last, kind]])
      const storage = await openStorage(join(copy, 'ledger'))
      const scratch = join(await temporaryDirectory(), 'scratch')
      const { added, altered, removed } = await rebuildRows(storage, scratch, { mostRecent: 4 })
      await storage.close()
      expect(added + altered + removed).toBe(1)
      expect((await verifyBothWays(copy)).ok).toBe(true)
    }
  })

  test('a state as it was after the early events is another one', async () => {
    const early = await template(async (log) => {
      await liveThrough(log)
      const events: Event[] = [
        { ...codeIssued, codeHash: hash('code 7') },
        { type: 'code.redeemed' },
        { ...userToken, accessTokenHash: hash('at 7'), refreshTokenHash: hash('rt 7') },
        ...Array.from({ length: earlyEvents - 3 }, (_, round) => rotation(7, round)),
      ]
      await log.append(grant(7), 0, events)
    })
    let state: Buffer | undefined
    await tamper(early, async (db) => {
      state = await db.get(row)
    })
    const result = await changed((db) => db.put(row, state!))
    expect(named(result)).toEqual([[(await positionsOf(grant(7))).at(-1), 'row_altered']])
  })

  test('are not compared where the index does not lead to all events', async () => {
    const lost = 20
    const at = (await positionsOf(grant(7)))[lost]!
    const result = await changed((db) => db.del(streamKey(grant(7), lost)))
    expect(named(result)).toEqual([[at, 'index_missing']])
    expect(result.unchecked).toContain('the read models cannot be compared while the stream index is damaged')
  })

  test('all of them lost are all found again', async () => {
    const copy = await copyOf(original)
    await tamper(copy, (db) => db.clear(rangeOf('row')))
    const storage = await openStorage(join(copy, 'ledger'))
    const rebuilt = await rebuildRows(storage, join(await temporaryDirectory(), 'scratch'), { mostRecent: 4 })
    await storage.close()
    expect(rebuilt.altered + rebuilt.removed).toBe(0)
    expect((await verifyBothWays(copy)).ok).toBe(true)
  })
})
