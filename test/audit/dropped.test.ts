/** What retention dropped is missing exactly where an event says so; every question is answered or refused in words. */
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { accessAt } from '../../src/audit/access-at.ts'
import { writeBackup } from '../../src/audit/backup.ts'
import { historyOf } from '../../src/audit/history.ts'
import { eventsUntil } from '../../src/audit/moment.ts'
import { rebuildRows } from '../../src/audit/rebuild.ts'
import { encodeReceipt } from '../../src/audit/receipt.ts'
import { checkReceipt } from '../../src/audit/receipt-check.ts'
import { receiptFor } from '../../src/audit/receipts.ts'
import { replay } from '../../src/audit/replay.ts'
import { restoreBackup } from '../../src/audit/restore.ts'
import { ledgerStats } from '../../src/audit/stats.ts'
import { type Verification, verifyLedger, verifyLedgerInOrder } from '../../src/audit/verify.ts'
import { eventKey, rangeOf, sideKey, streamKey, tileKey } from '../../src/ledger/layout.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { leafReader } from '../../src/ledger/reader.ts'
import type { StorageBatch } from '../../src/ledger/storage.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import { payloadsDropped, sideRecordsDropped } from '../../src/oauth/retention.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { verificationText } from '../../src/verification-text.ts'
import { collect } from '../support/collect.ts'
import { daySeconds, drop, inside, laterMs, verifyInside, withDrop } from '../support/dropped-ledger.ts'
import { placesIn } from '../support/sealing.ts'
import {
  codec,
  copyOf,
  lifeEvents,
  liveThrough,
  named,
  options,
  startMs,
  tamper,
  template,
  temporaryDirectory,
  token,
} from './support.ts'

/** Session, grant and 20 tokens of a client; what is left are server, client, users and their consent. */
const kept = [0, 1, 2, 4, 11, 12]
const wentOfLife = [3, 5, 6, 7, 8, 9, 10]
let original: string
let dropped: string

beforeAll(async () => {
  original = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(20)
    await log.checkpoints.sign()
  })
  dropped = await copyOf(original)
  const retained = await drop(dropped)
  expect(retained).toMatchObject({ payloads: 27, streams: 22, sideRecords: 1 })
})

describe('what is left', () => {
  test('verifies, with the root of before and the numbers of what went', async () => {
    const result = await verifyInside(dropped)
    expect(result.faults).toEqual([])
    expect(result).toMatchObject({
      ok: true,
      events: lifeEvents + 21,
      checkpoints: 3,
      droppedPayloads: 27,
      droppedSideRecords: 0,
      erased: 0,
      unchecked: [],
    })
    expect(verificationText(result)).toContain('\n27 payloads and 0 side records dropped by policy')
  })

  test('verifies in parts as in order, where whole blocks went', async () => {
    const long = await template(async (log) => {
      await liveThrough(log)
      await log.issueToClient(900)
      await log.checkpoints.sign()
    })
    const before = await verifyInside(long)
    await drop(long)
    const [inParts, inOrder] = await inside(long, async (storage) => [
      await verifyLedger(storage, options),
      await verifyLedgerInOrder(storage, options),
    ])
    expect(inParts).toEqual(inOrder)
    expect(inParts).toMatchObject({ ok: true, droppedPayloads: 907, checkpoints: before.checkpoints })
    await inside(long, async (storage) => {
      const batch = storage.batch()
      batch.put(sideKey(300), Buffer.alloc(40))
      await batch.write()
      expect(named(await verifyLedger(storage, options))).toEqual([[300, 'drop_undone']])
    })
  })

  test('is told by replay, with the leaf hashes of what went', async () => {
    const before = await inside(original, (storage) => collect(replay(storage)))
    const after = await inside(dropped, (storage) => collect(replay(storage)))
    const leaves = await inside(original, (storage) => {
      const leafAt = leafReader(storage)
      return Promise.all(before.map(({ position }) => leafAt(position)))
    })
    expect(after.slice(0, before.length)).toEqual(
      before.map((event, position) =>
        kept.includes(position)
          ? event
          : { position, leafHash: leaves[position]!.toString('base64'), dropped: true },
      ),
    )
    expect(after.at(-1)).toMatchObject({ type: 'payloads.dropped', count: 27, ageSeconds: daySeconds })
  })

  test('gives a history without what went', async () => {
    await inside(dropped, async (storage) => {
      const history = (await historyOf(storage, { subject: 'alice-subject' }))!
      expect((await collect(history)).map(({ position }) => position)).toEqual([2, 4])
      expect(await historyOf(storage, { token: token('at', 'one') })).toBeUndefined()
      expect(await historyOf(storage, { session: 'browser' })).toBeUndefined()
    })
  })

  test('tells who held access only where nothing of it was dropped', async () => {
    await inside(dropped, async (storage) => {
      const then = await accessAt(storage, { atMs: startMs + 8500 })
      expect(then).toMatchObject({ isComplete: false, access: [], sessions: [] })
      const edgeMs = laterMs - daySeconds * 1000
      expect(await accessAt(storage, { atMs: edgeMs - 1 })).toMatchObject({ isComplete: false })
      expect(await accessAt(storage, { atMs: edgeMs })).toMatchObject({ isComplete: true, access: [] })
      expect(await eventsUntil(storage, laterMs)).toBe(lifeEvents + 21)
    })
    const before = await inside(original, (storage) => accessAt(storage, { atMs: startMs + 8500 }))
    expect(before).toMatchObject({ isComplete: true })
    expect(before.access.length).toBeGreaterThan(0)
  })

  test('a receipt made before holds, one asked for now is refused in words', async () => {
    const { verifyMessage } = options
    const receipt = await inside(original, (storage) =>
      receiptFor(storage, [6], { verifyMessage, unanchored: true }),
    )
    expect(encodeReceipt(receipt)).toContain('proof')
    expect(
      (await checkReceipt(receipt, { verifyMessage })).stations.some((it) => it.outcome === 'failed'),
    ).toBe(false)
    await inside(dropped, async (storage) => {
      const why =
        'the record at position 6 was dropped by the retention policy, as the event at position 33 says; its leaf hash and all proofs made before stay'
      const asked = receiptFor(storage, [6], { verifyMessage, unanchored: true })
      await expect(asked).rejects.toMatchObject({ code: 'dropped', message: why })
    })
  })

  test('is in a backup, and restored from it', async () => {
    const backup = join(await temporaryDirectory(), 'backup')
    await inside(dropped, (storage) => writeBackup(storage, backup, { program: '1', nowMs: 0 }))
    const home = await temporaryDirectory()
    const { ledger, segments } = placesIn(home)
    const place = { ledger, segments, checkpointFile: join(home, 'checkpoint'), headFile: join(home, 'head') }
    const { verification } = await restoreBackup(backup, place, options)
    expect(verification).toMatchObject({ ok: true, droppedPayloads: 27, unchecked: [] })
  })

  test('has the rows of a fresh fold, also where they are built anew', async () => {
    const copy = await copyOf(dropped)
    await inside(copy, async (storage) => {
      const unchanged = { added: 0, altered: 0, removed: 0 }
      expect(await rebuildRows(storage, join(copy, 'scratch'))).toMatchObject(unchanged)
      const batch = storage.batch()
      for await (const [key] of storage.entries(rangeOf('row'))) batch.del(key)
      await batch.write()
      expect((await rebuildRows(storage, join(copy, 'scratch'))).added).toBeGreaterThan(5)
    })
    expect(await verifyInside(copy)).toMatchObject({ ok: true, unchecked: [] })
  })

  test('is told in the statistics', async () => {
    const stats = await inside(dropped, (storage) =>
      ledgerStats(storage, { directory: placesIn(dropped).ledger, lastEvents: 20 }),
    )
    expect(stats).toMatchObject({
      events: lifeEvents + 21,
      dropped: { payloads: 27, streams: 22, sideRecords: 0 },
      oldest: new Date(startMs + 1000).toISOString(),
      newest: new Date(laterMs).toISOString(),
    })
  })
})

const faultsOf = async (directory: string) => named(await verifyInside(directory))

describe('what no event explains is found', () => {
  test('a record that somebody removed by hand, beside others that were dropped', async () => {
    const copy = await copyOf(dropped)
    await inside(copy, async (storage) => {
      const batch = storage.batch()
      batch.del(eventKey(11))
      await batch.write()
    })
    expect((await faultsOf(copy))[0]).toEqual([11, 'record_missing'])
  })

  test('a leaf hash of what was dropped, altered', async () => {
    const copy = await copyOf(dropped)
    await tamper(copy, async (db) => {
      const tile = Buffer.from((await db.get(tileKey(0, 0)))!)
      tile[6 * 32]! ^= 1
      await db.put(tileKey(0, 0), tile)
    })
    const kinds = (await faultsOf(copy)).map(([, kind]) => kind)
    expect(kinds).toContain('checkpoint_root')
  })

  test('the event of retention itself, removed', async () => {
    const copy = await copyOf(dropped)
    await inside(copy, async (storage) => {
      const batch = storage.batch()
      batch.del(streamKey(streamOf.retention('payloads'), 0))
      await batch.write()
    })
    const faults = await faultsOf(copy)
    for (const position of wentOfLife) expect(faults).toContainEqual([position, 'record_missing'])
  })

  test('a record and a side record that remain, though an event says that they went', async () => {
    const copy = await withDrop(original, payloadsDropped([3, 10], [streamOf.session('browser')], 60))
    const faults = await faultsOf(copy)
    expect(faults).toContainEqual([3, 'drop_undone'])
    expect(faults).toContainEqual([10, 'drop_undone'])
    const sides = await withDrop(original, sideRecordsDropped([3], 60))
    expect(await faultsOf(sides)).toEqual([[3, 'drop_undone']])
  })

  test('a side record of a user', async () => {
    const copy = await withDrop(original, sideRecordsDropped([2], 60), (batch) => batch.del(sideKey(2)))
    expect(await faultsOf(copy)).toContainEqual([2, 'drop_unlawful'])
  })

  test('a drop of what was younger than its policy says', async () => {
    const age = laterMs / 1000 - startMs / 1000
    const copy = await withDrop(original, sideRecordsDropped([3], age), (batch) => batch.del(sideKey(3)))
    expect(await faultsOf(copy)).toEqual([[33, 'drop_early']])
    const honest = await withDrop(original, sideRecordsDropped([3], age - 10), (batch) =>
      batch.del(sideKey(3)),
    )
    expect(await verifyInside(honest)).toMatchObject({ ok: true, droppedSideRecords: 1, erased: 0 })
  })

  test.each([
    ['the end of a grant', [9], 'drop_partial'],
    ['the beginning of a grant', [5, 6], 'stream_version'],
  ] as const)('%s, without the rest', async (_, positions, kind) => {
    const grant = streamOf.grant('first')
    const copy = await withDrop(original, payloadsDropped(positions, [grant], 60), (batch) => {
      for (const position of positions) batch.del(eventKey(position))
      for (const position of positions) batch.del(streamKey(grant, position - 5))
    })
    expect((await faultsOf(copy)).map(([, fault]) => fault)).toContain(kind)
  })

  test('a session that went under another name, to which a grant refers', async () => {
    const sessionOnly = (name: string) =>
      withDrop(original, payloadsDropped([3, 10], [name], 60), (batch) => {
        batch.del(sideKey(3))
        for (const [version, position] of [3, 10].entries()) {
          batch.del(eventKey(position))
          batch.del(streamKey(streamOf.session('browser'), version))
        }
      })
    const honest = (await verifyInside(await sessionOnly(streamOf.session('browser')))).faults
    expect(honest.filter(({ kind }) => !kind.startsWith('row_'))).toEqual([])
    const lying = await verifyInside(await sessionOnly(streamOf.session('another')))
    expect(named(lying)).toContainEqual([5, 'protocol'])
  })

  test('positions that do not stand before the event, or went before', async () => {
    const ahead = await withDrop(original, sideRecordsDropped([40], 60))
    expect(await faultsOf(ahead)).toEqual([[33, 'drop_malformed']])
    const again = await withDrop(dropped, payloadsDropped([6], [streamOf.grant('first')], 60))
    expect(await faultsOf(again)).toEqual([[34, 'drop_malformed']])
  })

  test('an event whose list is not the one that it sums up', async () => {
    const copy = await withDrop(original, { ...sideRecordsDropped([3], 60), count: 2 })
    expect(await faultsOf(copy)).toEqual([[33, 'protocol']])
  })
})

describe('failed logins', () => {
  const [forgotten, guessed] = [streamOf.attempts('forgotten'), streamOf.attempts('guessed')]
  const rounds = 10
  /** Position of the last of them, half an hour old. */
  const youngest = lifeEvents + 2 * rounds
  const youngSeconds = 1800
  const policy = { payloadsSeconds: daySeconds, sideRecordsSeconds: 3600 }
  let failed: string
  let retained: string

  const locked = (name: string): Event => ({
    type: 'login.locked',
    of: 'user',
    failures: 5,
    pauses: 1,
    untilSeconds: startMs / 1000 + 30,
    side: { address: `address of ${name}` },
  })

  /** Fails once more with a name that is at this version. */
  const failAgain = (directory: string, stream: string, version: number): Promise<unknown> =>
    inside(directory, (storage) =>
      new Ledger<Event>(storage, codec, projectRows).append(stream, version, [locked('anew')], laterMs),
    )

  const verifyBothWays = async (directory: string): Promise<Verification> => {
    const [inParts, inOrder] = await inside(directory, async (storage) => [
      await verifyLedger(storage, options),
      await verifyLedgerInOrder(storage, options),
    ])
    expect(inParts).toEqual(inOrder)
    return verifyInside(directory)
  }

  beforeAll(async () => {
    failed = await template(async (log) => {
      await liveThrough(log)
      for (let round = 0; round < rounds; round++)
        for (const stream of [forgotten, guessed]) await log.append(stream, round, [locked(stream)])
      await log.ledger.append(guessed, rounds, [locked('now')], laterMs - youngSeconds * 1000)
      await log.checkpoints.sign()
    })
    retained = await copyOf(failed)
    expect(await drop(retained, laterMs, policy)).toMatchObject({
      payloads: wentOfLife.length + rounds,
      streams: 3,
      sideRecords: 1 + 2 * rounds,
    })
  })

  test('of a name that was left alone went as a whole, of one that fails still the addresses', async () => {
    expect(await verifyBothWays(retained)).toMatchObject({
      faults: [],
      droppedPayloads: wentOfLife.length + rounds,
      droppedSideRecords: rounds,
      erased: 0,
      unchecked: [],
    })
    const events = await inside(retained, (storage) => collect(replay(storage)))
    expect(events.filter((event) => 'type' in event && event.type === 'login.locked')).toHaveLength(
      rounds + 1,
    )
    const backup = join(await temporaryDirectory(), 'backup')
    await inside(retained, (storage) => writeBackup(storage, backup, { program: '1', nowMs: 0 }))
    const home = await temporaryDirectory()
    const { ledger, segments } = placesIn(home)
    const place = { ledger, segments, checkpointFile: join(home, 'checkpoint'), headFile: join(home, 'head') }
    expect((await restoreBackup(backup, place, options)).verification).toMatchObject({ ok: true })
  })

  test('may begin anew where they went, and go on where they stayed', async () => {
    const copy = await copyOf(retained)
    for (let version = 0; version < rounds; version++) await failAgain(copy, forgotten, version)
    await failAgain(copy, guessed, rounds + 1)
    expect(await verifyBothWays(copy)).toMatchObject({ faults: [], unchecked: [] })
    await inside(copy, async (storage) => {
      const unchanged = { added: 0, altered: 0, removed: 0 }
      expect(await rebuildRows(storage, join(copy, 'scratch'))).toMatchObject(unchanged)
    })
  })

  test('a stream that goes on as if nothing had been dropped is found', async () => {
    const copy = await copyOf(retained)
    const change = (act: (batch: StorageBatch) => void) =>
      inside(copy, (storage) => {
        const batch = storage.batch()
        act(batch)
        return batch.write()
      })
    // The ledger would not append to what is not there.
    const last = streamKey(forgotten, rounds - 1)
    await change((batch) => batch.put(last, Buffer.alloc(8)))
    await failAgain(copy, forgotten, rounds)
    await change((batch) => batch.del(last))
    expect(await faultsOf(copy)).toEqual([[youngest + 3, 'stream_version']])
  })

  test('an address that went too early is found, to the second', async () => {
    const early = (ageSeconds: number) =>
      withDrop(failed, sideRecordsDropped([youngest], ageSeconds), (batch) => batch.del(sideKey(youngest)))
    expect(await verifyInside(await early(youngSeconds))).toMatchObject({ ok: true, droppedSideRecords: 1 })
    expect(await faultsOf(await early(youngSeconds + 1))).toEqual([[youngest + 1, 'drop_early']])
  })

  test('an address that remains, and one that nobody says was dropped, are told apart', async () => {
    const remaining = await withDrop(failed, sideRecordsDropped([lifeEvents], 3600))
    expect(await faultsOf(remaining)).toEqual([[lifeEvents, 'drop_undone']])
    const removed = await copyOf(retained)
    await inside(removed, async (storage) => {
      const batch = storage.batch()
      batch.del(sideKey(youngest))
      await batch.write()
    })
    expect(await verifyInside(removed)).toMatchObject({ droppedSideRecords: rounds, erased: 1 })
  })

  test('a part of a stream is found', async () => {
    const old = Array.from({ length: rounds }, (_, round) => lifeEvents + 2 * round + 1)
    const copy = await withDrop(failed, payloadsDropped(old, [guessed], 3600), (batch) => {
      for (const [version, position] of old.entries()) {
        batch.del(eventKey(position))
        batch.del(sideKey(position))
        batch.del(streamKey(guessed, version))
      }
    })
    expect(await faultsOf(copy)).toEqual(
      expect.arrayContaining([
        [youngest, 'drop_partial'],
        [youngest, 'stream_version'],
      ]),
    )
  })
})
