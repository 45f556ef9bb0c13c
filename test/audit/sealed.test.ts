/** Every question to a sealed ledger has the answer that it had before; damage is named with its file. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { accessAt } from '../../src/audit/access-at.ts'
import { writeBackup } from '../../src/audit/backup.ts'
import { type HistorySubject, historyOf } from '../../src/audit/history.ts'
import { rebuildRows } from '../../src/audit/rebuild.ts'
import { eventsOfToken } from '../../src/audit/receipt-subjects.ts'
import { receiptFor } from '../../src/audit/receipts.ts'
import { replay } from '../../src/audit/replay.ts'
import { restoreBackup } from '../../src/audit/restore.ts'
import { verifyLedger } from '../../src/audit/verify.ts'
import { rangeOf, rowKey, sideKey } from '../../src/ledger/layout.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { Sealer } from '../../src/ledger/segments/sealer.ts'
import { openStorage, type StorageReader } from '../../src/ledger/storage.ts'
import type { Event } from '../../src/oauth/events.ts'
import { coldRows } from '../../src/projections/cold-rows.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { collect } from '../support/collect.ts'
import { inside, verifyInside } from '../support/dropped-ledger.ts'
import { entriesOf, openPlaces, placesIn } from '../support/sealing.ts'
import {
  codec,
  copyOf,
  lifeEvents,
  liveThrough,
  named,
  options,
  startMs,
  template,
  temporaryDirectory,
  token,
} from './support.ts'

const laterMs = startMs + 10 ** 12
let original: string
let sealed: string

beforeAll(async () => {
  original = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(600)
    await log.checkpoints.sign()
  })
  sealed = await copyOf(original)
  await seal(sealed, 200)
})

async function seal(directory: string, segmentEvents: number): Promise<void> {
  const storage = await openPlaces(directory)
  const ledger = new Ledger<Event>(storage, codec, projectRows)
  const { events } = await new Sealer({ ledger, storage, coldRows, segmentEvents }).run(laterMs)
  expect(events).toBe(lifeEvents + 600)
  await ledger.close()
}

test('it is sealed', async () => {
  await inside(sealed, async ({ hot, segments }) => {
    expect(segments.list.length).toBe(4)
    for (const kind of ['event', 'stream'] as const)
      expect(await collect(hot.entries(rangeOf(kind)))).toEqual([])
    const rows = await collect(hot.entries(rangeOf('row')))
    expect(
      rows.map(([key]) => key.toString('latin1', 1, 5)).filter((row) => /^(sgra|sses|t|h)/.test(row)),
    ).toEqual([])
  })
})

test('it verifies, with its rows and its files', async () => {
  const { segments, ...before } = await verifyInside(original)
  expect(segments).toBe(0)
  expect(await verifyInside(sealed)).toEqual({ ...before, segments: 4 })
  expect(before).toMatchObject({ ok: true, unchecked: [] })
})

const questions: [string, (reader: StorageReader) => Promise<unknown>][] = [
  ...(
    [
      { token: token('at', 'one') },
      { token: token('se', 'one') },
      { username: 'alice' },
      { client: 'trusted' },
      { token: token('at', 'nothing') },
    ] as HistorySubject[]
  ).map((about): (typeof questions)[number] => [
    `history of ${JSON.stringify(about)}`,
    async (reader) => collect(await historyOf(reader, about)),
  ]),
  ['replay', (reader) => collect(replay(reader, { from: 3, disclose: true }))],
  ['access at a moment', (reader) => accessAt(reader, { atMs: startMs + 9500 })],
  [
    'receipt of a token',
    async (reader) => {
      const found = await eventsOfToken(reader, token('at', 'one'))
      const { verifyMessage } = options
      return receiptFor(reader, [found!.issued, ...found!.ended], { verifyMessage, unanchored: true })
    },
  ],
]
test.each(questions)('%s', async (_, ask) => {
  const answer = await inside(original, ask)
  expect(await inside(sealed, ask)).toEqual(answer)
})

test('a backup holds it all, and what is restored seals again', async () => {
  const backup = join(await temporaryDirectory(), 'backup')
  await inside(sealed, (storage) => writeBackup(storage, backup, { program: '1', nowMs: 0 }))
  const home = await temporaryDirectory()
  const { ledger, segments } = placesIn(home)
  const place = { ledger, segments, checkpointFile: join(home, 'checkpoint'), headFile: join(home, 'head') }
  const { verification } = await restoreBackup(backup, place, options)
  expect(verification).toMatchObject({ ok: true, unchecked: [] })
  expect(await inside(home, entriesOf)).toEqual(await inside(original, entriesOf))
  await seal(home, 1000)
  expect(await inside(home, entriesOf)).toEqual(await inside(original, entriesOf))
  await expect(restoreBackup(backup, { ...place, ledger: join(home, 'other') }, options)).rejects.toThrow(
    `there is a ledger in ${segments} already`,
  )
})

test('rows that are built anew are the ones in the segments', async () => {
  const copy = await copyOf(sealed)
  await inside(copy, async (storage) => {
    expect(await rebuildRows(storage, join(copy, 'scratch'))).toMatchObject({
      added: 0,
      altered: 0,
      removed: 0,
    })
    const batch = storage.batch()
    for await (const [key] of storage.entries(rangeOf('row'))) batch.del(key)
    batch.put(rowKey(Buffer.from('sgrant:nobody')), Buffer.from('x'))
    await batch.write()
    const { added, removed } = await rebuildRows(storage, join(copy, 'scratch'))
    expect(added).toBeGreaterThan(600)
    expect(removed).toBe(1)
  })
  expect(await inside(copy, entriesOf)).toEqual(await inside(original, entriesOf))
  expect(await verifyInside(copy)).toMatchObject({ ok: true, unchecked: [] })
})

test('side records stay in LevelDB, where erasure reaches them', async () => {
  await inside(sealed, async ({ hot, segments }) => {
    expect(hot.get(sideKey(2))).toBeDefined()
    for (const { file } of segments.list)
      for await (const entries of file.entryLists({ gte: Buffer.alloc(0), lt: Buffer.of(0xff) }))
        for (const [key, value] of entries) {
          expect(key[0]).not.toBe(sideKey(2)[0])
          expect(value.includes('192.0.2.7') || value.includes('Browser/1')).toBe(false)
        }
  })
})

describe('damage', () => {
  const files = (directory: string) =>
    readdirSync(placesIn(directory).segments).map((name) => join(placesIn(directory).segments, name))
  const fileOf = (directory: string, first: number) =>
    files(directory).find((name) => name.includes(`segment-${first}-`))!

  test('every block of a segment that is altered is named, with its events', async () => {
    const copy = await copyOf(sealed)
    const file = fileOf(copy, 200)
    const bytes = readFileSync(file)
    bytes[50]! ^= 4
    writeFileSync(file, bytes)
    const result = await verifyInside(copy)
    expect(result).toMatchObject({ ok: false, segments: 3, events: lifeEvents + 600 })
    expect(result.faults[0]).toEqual({
      position: 200,
      kind: 'segment_altered',
      detail: 'block 0 of segment-200-399 is altered: events from position 200 on',
    })
    // What cannot be read is missing, event by event; all else is verified.
    expect(named(result)[1]).toEqual([200, 'record_missing'])
    expect(result.faults.every(({ position }) => position === null || position >= 200)).toBe(true)
    expect(result.root).toBe((await verifyInside(original)).root)
  })

  test('a segment that is gone is named when the ledger is opened', async () => {
    const copy = await copyOf(sealed)
    rmSync(fileOf(copy, 400))
    await expect(verifyInside(copy)).rejects.toThrow(/^segment-400-599 is missing/)
  })

  test('a segment of another ledger in place of this one', async () => {
    const copy = await copyOf(sealed)
    const other = await template(async (log) => {
      await liveThrough(log)
      await log.issueToClient(600, 'others')
    })
    await seal(other, 200)
    cpSync(fileOf(other, 200), fileOf(copy, 200))
    await expect(verifyInside(copy)).rejects.toThrow(/^segment-200-399 is not the file that was registered/)
  })

  test('without segments LevelDB alone shows that events are missing', async () => {
    const storage = await openStorage(placesIn(sealed).ledger)
    const result = await verifyLedger(storage, { ...options, rows: true })
    await storage.close()
    expect(result.ok).toBe(false)
  })
})
