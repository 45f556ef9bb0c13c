/** Ledgers whose older part lies in segments. */
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { Sealer, type SealerOptions } from '../../src/ledger/segments/sealer.ts'
import { openSegmentedStorage, type SegmentedStorage } from '../../src/ledger/segments/segmented-storage.ts'
import type { StorageReader } from '../../src/ledger/storage.ts'
import { coldRows } from '../../src/projections/cold-rows.ts'
import { type World, worldOn } from './authorization.ts'
import { temporaryFolder } from './ledger.ts'

export const placesIn = (folder: string) => ({
  ledger: join(folder, 'ledger'),
  segments: join(folder, 'segments'),
})

export function openPlaces(folder: string): Promise<SegmentedStorage> {
  const { ledger, segments } = placesIn(folder)
  return openSegmentedStorage(ledger, segments)
}

/** The segments that a storage has registered, for a verification that looks at their files. */
export const segmentsOf = (storage: SegmentedStorage, folder: string) => ({
  folder: placesIn(folder).segments,
  list: async () => storage.segments.list.map(({ registration }) => registration),
})

export interface SealedWorld extends World<SegmentedStorage> {
  folder: string
  sealer: Sealer
  /** Closes it and opens what is on disk. */
  reopen(): Promise<SealedWorld>
}

/** An authorization server that seals a few events at a time. */
export async function openSealedWorld(
  folder = temporaryFolder(),
  options: Partial<SealerOptions> = {},
): Promise<SealedWorld> {
  const world = worldOn(await openPlaces(folder))
  const { ledger, storage } = world
  const sealer = new Sealer({ ledger, storage, coldRows, segmentEvents: 8, ...options })
  onTestFinished(() => sealer.stop())
  return {
    ...world,
    folder,
    sealer,
    async reopen() {
      await sealer.stop()
      await ledger.close()
      const next = await openSealedWorld(folder, options)
      next.clock.nowMs = world.clock.nowMs
      return next
    },
  }
}

/** What is registered of how many streams have their state in a segment is what is in its file. */
export async function expectStreamsCounted({ storage }: SealedWorld): Promise<void> {
  for (const { registration, file } of storage.segments.list) {
    let states = 0
    for await (const entries of file.entryLists({ gte: Buffer.alloc(0), lt: Buffer.of(0xff) }))
      for (const [key] of entries) if (coldRows.streamOf(key) !== undefined) states++
    expect([file.name, registration.streams]).toEqual([file.name, states])
  }
}

/** Everything that a storage shows, as hex. */
export async function entriesOf(reader: StorageReader, reverse = false): Promise<[string, string][]> {
  const all: [string, string][] = []
  for await (const [key, value] of reader.entries({
    gte: Buffer.alloc(1),
    lt: Buffer.alloc(4, 0xff),
    reverse,
  }))
    all.push([key.toString('hex'), value.toString('hex')])
  return all
}
