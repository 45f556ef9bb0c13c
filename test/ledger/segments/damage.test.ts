/** A segment that is missing or altered is named; a write that fails leaves the old state or the new one. */
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Faults } from '../../../src/audit/fault.ts'
import { checkSegments } from '../../../src/audit/segment-check.ts'
import { eventKey } from '../../../src/ledger/layout.ts'
import { Sealer } from '../../../src/ledger/segments/sealer.ts'
import { layOver, type SegmentedStorage } from '../../../src/ledger/segments/segmented-storage.ts'
import { coldRows } from '../../../src/projections/cold-rows.ts'
import { worldOn } from '../../support/authorization.ts'
import { checkTree, codeOf, openWatchedStorage, temporaryFolder } from '../../support/ledger.ts'
import { emptyHoldings, perform } from '../../support/random-requests.ts'
import { entriesOf, openPlaces, openSealedWorld, placesIn, type SealedWorld } from '../../support/sealing.ts'

const requests = ['register client', 'register user', 'consent', 'redeem', 'issue', 'issue', 'issue'] as const

async function fill(world: Pick<SealedWorld, 'ledger'>): Promise<void> {
  const holdings = emptyHoldings()
  for (const kind of requests)
    for (const pick of [0, 1]) await perform(world as never, holdings, { kind, pick, other: pick })
}

/** A closed ledger with two segments, or more. */
async function sealedFolder(): Promise<{ folder: string; files: string[] }> {
  const world = await openSealedWorld()
  await fill(world)
  await world.sealer.run(world.clock.nowMs + 1)
  await world.ledger.close()
  const files = readdirSync(placesIn(world.folder).segments).map((name) =>
    join(placesIn(world.folder).segments, name),
  )
  expect(files.length).toBeGreaterThan(1)
  return { folder: world.folder, files }
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file)
  bytes[(at + bytes.length) % bytes.length]! ^= 1
  writeFileSync(file, bytes)
}

async function faultsOf(storage: SegmentedStorage): Promise<[number | null, string, string][]> {
  const faults = new Faults(100)
  const list = async () => storage.segments.list.map(({ registration }) => registration)
  await checkSegments({ folder: storage.segments.folder, list }, faults)
  return faults.sorted().map(({ position, kind, detail }) => [position, kind, detail])
}

describe('at opening', () => {
  test('a missing segment is named', async () => {
    const { folder, files } = await sealedFolder()
    rmSync(files[0]!)
    expect(await codeOf(openPlaces(folder))).toBe('damaged')
    await expect(openPlaces(folder)).rejects.toThrow(/^segment-0-7 is missing in /)
  })

  test.each([
    ['the header', 0, /^segment-0-7 is no segment of a version/],
    ['the trailer', -1, /^the trailer of segment-0-7 is altered/],
    ['the filter', -129, /^the filter of segment-0-7 is altered/],
  ])('one with another byte in %s', async (_, at, message) => {
    const { folder, files } = await sealedFolder()
    flip(files[0]!, at)
    await expect(openPlaces(folder)).rejects.toThrow(message)
  })

  test('one that stands for another', async () => {
    const { folder, files } = await sealedFolder()
    cpSync(files[1]!, files[0]!)
    await expect(openPlaces(folder)).rejects.toThrow(/^segment-0-7 holds positions 8 to /)
  })

  test('what a crash left goes', async () => {
    const { folder, files } = await sealedFolder()
    const { segments } = placesIn(folder)
    writeFileSync(join(segments, 'segment-90-99.partial'), 'x')
    cpSync(files[0]!, join(segments, 'kept'))
    const storage = await openPlaces(folder)
    const { registration } = storage.segments.list.at(-1)!
    const before = await entriesOf(storage)
    // As if the last one had been written and not registered.
    const batch = storage.hot.batch()
    for (const [key, value] of await sealedEntries(storage)) batch.put(key, value)
    batch.del(Buffer.concat([Buffer.from('zg'), eventKey(registration.first).subarray(1)]))
    await batch.write()
    await storage.close()
    const again = await openPlaces(folder)
    expect(await entriesOf(again)).toEqual(before)
    expect(readdirSync(segments).length).toBe(files.length)
    await again.close()
  })

  test('what belongs to another ledger stays, and is told', async () => {
    const { folder, files } = await sealedFolder()
    const other = temporaryFolder()
    cpSync(placesIn(folder).segments, placesIn(other).segments, { recursive: true })
    await expect(openPlaces(other)).rejects.toThrow(/segment-0-7 belongs to another ledger: move it away/)
    expect(readdirSync(placesIn(other).segments).length).toBe(files.length)
  })
})

async function sealedEntries({ segments }: SegmentedStorage): Promise<[Buffer, Buffer][]> {
  const all: [Buffer, Buffer][] = []
  const { file } = segments.list.at(-1)!
  for await (const entries of file.entryLists({ gte: Buffer.alloc(0), lt: Buffer.of(0xff) }))
    all.push(...entries)
  return all
}

test('another byte in a block: reads fail, the check names it, and the rest can be read', async () => {
  const { folder, files } = await sealedFolder()
  flip(files[0]!, 100)
  const storage = await openPlaces(folder)
  expect(() => storage.get(eventKey(3))).toThrow(/^block 0 of segment-0-7 is altered/)
  expect(storage.salvage.get(eventKey(3))).toBeUndefined()
  await expect(entriesOf(storage)).rejects.toThrow(/^block 0 of segment-0-7 is altered/)
  expect((await entriesOf(storage.salvage)).length).toBeGreaterThan(0)
  expect(await faultsOf(storage)).toEqual([
    [0, 'segment_altered', 'block 0 of segment-0-7 is altered: events from position 0 on'],
  ])
  // Gone while the ledger is open: what is open is still read.
  renameSync(files[0]!, `${files[0]}.away`)
  expect(await faultsOf(storage)).toEqual([
    [0, 'segment_missing', 'segment-0-7 is missing: positions 0 to 7'],
  ])
  await storage.close()
})

describe.each(['not stored', 'stored but not acknowledged'] as const)('a write that was %s', (fault) => {
  test.each([1, 2, 3, 4, 5, 6])('the write number %i of a sealing', async (number) => {
    const folder = temporaryFolder()
    const { ledger: directory, segments } = placesIn(folder)
    const watched = await openWatchedStorage(directory)
    const storage = await layOver(watched, segments)
    const world = worldOn(storage)
    const { ledger } = world
    await fill(world)
    const before = await entriesOf(storage)
    const sealer = new Sealer({ ledger, storage, coldRows, segmentEvents: 8 })
    watched.faults = [...Array<undefined>(number - 1).fill(undefined), fault]
    await sealer
      .run(world.clock.nowMs + 1)
      .catch(({ message }) => expect(message).toMatch(/could not be|injected/))
    expect(watched.faults).toEqual([])
    await storage.reopen()
    expect(await entriesOf(storage)).toEqual(before)
    await ledger.append('client:none', 0, [], 0).catch(() => {})
    await ledger.settled()
    await sealer.run(world.clock.nowMs + 1)
    expect(await entriesOf(storage)).toEqual(before)
    await checkTree(ledger)
  })
})
