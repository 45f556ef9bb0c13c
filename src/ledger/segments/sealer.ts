/**
 * Moves what is old from LevelDB into segments, a bounded number of events at a time, in steps between which
 * requests run:
 *
 * 1. The entries are read and sorted, and times at which to look again at streams that are not over are noted. Dying
 *    here leaves nothing but notes, which are looked at in vain.
 * 2. The file is written, synced and named. Dying here leaves a file that nobody has registered (`Segments`).
 * 3. It is registered. From here on it belongs to the ledger; what it holds is there twice, and the same.
 * 4. What has not changed since is deleted from LevelDB, a few hundred keys a batch, then the segment is noted as
 *    cleared. Dying here leaves the rest, and the next run goes on with it.
 *
 * Then segments that lie side by side are merged, so that there are few of them. Where no event is left that is old
 * enough, streams may still have come to their end: their rows go the same way, into the newest segment, which is
 * written anew with them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { eventKey } from '../layout.ts'
import type { Ledger } from '../ledger.ts'
import type { Entry } from '../storage.ts'
import type { ColdRows } from './cold-rows.ts'
import { Collector, isAnyDue, type SortedEntries } from './collect.ts'
import { mergeEntries } from './merge.ts'
import { mergeable } from './merge-plan.ts'
import { registerSegment, writeNewSegment } from './register.ts'
import type { SegmentedBatch, SegmentedStorage } from './segmented-storage.ts'
import { type Registration, registrationEntry, type Segment } from './segments.ts'
import { removeSegment, type SegmentContent } from './write-segment.ts'

export interface SealerOptions {
  ledger: Pick<Ledger<never>, 'maintain'>
  storage: SegmentedStorage
  coldRows: ColdRows
  /** Events of a new segment at most; 16,384 where left out. */
  segmentEvents?: number
}

export interface Sealed {
  events: number
  /** Streams that were over, whose rows moved. */
  streams: number
  /** Segments of these events, merged ones not counted. */
  segments: number
}

/** Sorting them takes about 25 MB for a moment. */
const defaultSegmentEvents = 16_384
/** Most deletions of a batch. */
const deletedAtOnce = 512
/** So long requests wait for a step. How many reads that is, the clock tells: each may have to go to the disk. */
const longestStepMs = 5

/** Segments' worth of events that are written anew for rows: one behind it takes what is over as it comes. */
const mostWrittenAnew = 8

/** The sealer was told to stop; what it was doing is done again by the next run. */
class Stopped extends Error {}

export class Sealer {
  readonly #options: SealerOptions
  readonly #segmentEvents: number
  #isStopped = false
  #stepBeganMs = 0
  /** One run at a time. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: SealerOptions) {
    this.#options = options
    this.#segmentEvents = options.segmentEvents ?? defaultSegmentEvents
  }

  /**
   * Moves events from before a time, in whole segments, and the rest too where its first event is from before
   * `restBeforeMs`; then finishes what was begun before.
   *
   * @throws LedgerError unavailable or damaged
   */
  async run(beforeMs: number, restBeforeMs = beforeMs): Promise<Sealed> {
    const sealed: Sealed = { events: 0, streams: 0, segments: 0 }
    await this.exclusively(() => this.#run(beforeMs, restBeforeMs, sealed))
    return sealed
  }

  /**
   * Does other work on the segments, at a time at which nothing is sealed, cleared or merged.
   *
   * @param work is handed what lets requests run, and ends it where the sealer is stopped
   */
  exclusively(work: (breathe: () => Promise<void>) => Promise<void>): Promise<void> {
    const run = this.#turn.then(async () => {
      try {
        if (!this.#isStopped) await work(() => this.#breathe())
      } catch (error) {
        if (!(error instanceof Stopped)) throw error
      }
    })
    this.#turn = run.catch(() => {})
    return run
  }

  /** Lets LevelDB give back the room of what was moved: rewrites its files of records, lifetimes, index and rows. */
  async compact(): Promise<void> {
    const { hot } = this.#options.storage
    for (const kind of ['e', 'l', 'r', 's'])
      await hot.compact({ gte: Buffer.from(kind), lt: Buffer.from(`${kind}\xff`, 'latin1') })
  }

  /** Ends the run under way at its next step; none begins any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#turn
  }

  async #run(beforeMs: number, restBeforeMs: number, sealed: Sealed): Promise<void> {
    await this.#clearAll()
    for (;;) {
      const registration = await this.#seal(beforeMs, restBeforeMs)
      if (!registration) break
      sealed.events += registration.last - registration.first + 1
      sealed.streams += registration.streams
      sealed.segments++
      await this.#clearAll()
      while (await this.#mergeSome()) {}
    }
    for (;;) {
      while (await this.#mergeSome()) {}
      const streams = await this.#sealEnded(beforeMs, restBeforeMs)
      if (streams === undefined) break
      sealed.streams += streams
    }
  }

  /** @returns nothing where nothing is old enough */
  async #seal(beforeMs: number, restBeforeMs: number): Promise<Registration | undefined> {
    const first = this.#options.storage.segments.end
    return this.#collecting(async (collector) => {
      const found = await collector.events(first, this.#segmentEvents, beforeMs)
      if (found.events < this.#segmentEvents && !(found.firstMs < restBeforeMs)) return undefined
      const { due, later } = await collector.streams(found.streams, beforeMs, this.#segmentEvents)
      await this.#inBatches(later, (batch, key) => batch.put(key, nothing))
      const registration = await this.#write({
        first,
        last: first + found.events - 1,
        entries: mergeEntries(collector.sorted.lists()),
        mostFilterParts: collector.sorted.filterParts,
      })
      await registerSegment(this.#options.storage, registration, [])
      await this.#inBatches(due, (batch, key) => batch.del(key))
      return registration
    })
  }

  /**
   * Moves rows of streams whose events are all in segments, where one of them was to be looked at before
   * `restBeforeMs`.
   *
   * @returns how many more have moved; nothing where none is due
   */
  async #sealEnded(beforeMs: number, restBeforeMs: number): Promise<number | undefined> {
    const { storage } = this.#options
    const newest = storage.segments.list.at(-1)
    if (!newest || this.#isTooLarge(newest) || !(await isAnyDue(storage, restBeforeMs))) return undefined
    const { sorted, registration } = await this.#collecting(async (collector) => {
      const { sorted } = collector
      const { due, later } = await collector.streams(new Set(), beforeMs, this.#segmentEvents)
      await this.#inBatches(later, (batch, key) => batch.put(key, nothing))
      const registration = sorted.isEmpty ? newest.registration : await this.#writeAnew(newest, sorted)
      await this.#inBatches(due, (batch, key) => batch.del(key))
      return { sorted, registration }
    })
    if (!registration.isCleared) await this.#clear(registration, mergeEntries(sorted.lists()))
    return registration.streams - newest.registration.streams
  }

  /** To be written anew for some rows: they wait for the next events then. */
  #isTooLarge({ registration: { first, last } }: Segment): boolean {
    return last - first + 1 > mostWrittenAnew * this.#segmentEvents
  }

  /** Replaces the newest segment by one with these entries, which count before its own. */
  async #writeAnew({ registration: former, file }: Segment, sorted: SortedEntries): Promise<Registration> {
    const { storage } = this.#options
    const { first, last, generation = 0 } = former
    const registration = await this.#write({
      first,
      last,
      generation: generation + 1,
      entries: mergeEntries([...sorted.lists(), file.entryLists(everything)]),
      mostFilterParts: sorted.filterParts + file.trailer.filterParts,
    })
    await registerSegment(storage, registration, [{ registration: former, file }])
    await removeSegment(storage.segments.folder, file.name)
    return registration
  }

  /** Collects what a segment is to hold, and keeps in mind what is deleted until it is registered. */
  async #collecting<T>(work: (collector: Collector) => Promise<T>): Promise<T> {
    const { storage, coldRows } = this.#options
    storage.deletedMeanwhile = new Map()
    try {
      return await work(new Collector(storage, coldRows, () => this.#breathe()))
    } finally {
      storage.deletedMeanwhile = undefined
    }
  }

  async #clearAll(): Promise<void> {
    const { storage } = this.#options
    for (const { registration, file } of storage.segments.list)
      if (!registration.isCleared) {
        await this.#clear(registration, file.entryLists(everything))
        const { first, last } = registration
        await storage.hot.compact({ gte: eventKey(first), lt: eventKey(last + 1) })
      }
  }

  /** Deletes from LevelDB what has moved to a segment, and notes that nothing of it is left there. */
  async #clear(registration: Registration, lists: AsyncIterable<readonly Entry[]>): Promise<void> {
    const { storage } = this.#options
    let moved: Entry[] = []
    for await (const entries of lists)
      for (const entry of entries) {
        moved.push(entry)
        if (moved.length < deletedAtOnce) continue
        await this.#delete(moved)
        moved = []
      }
    await this.#delete(moved)
    const cleared = { ...registration, isCleared: true }
    const batch = storage.hot.batch()
    batch.put(...registrationEntry(cleared))
    await batch.write()
    storage.segments.note(cleared)
  }

  /** A state that has changed since, or is about to, stays: its new event has a segment of its own to come. */
  async #delete(entries: readonly Entry[]): Promise<void> {
    const { ledger, storage, coldRows } = this.#options
    for (let at = 0; at < entries.length; ) {
      await this.#breathe()
      await ledger.maintain((batch, isReserved) => {
        const { hot } = batch as SegmentedBatch
        const endMs = performance.now() + longestStepMs
        do {
          const [key, value] = entries[at++]!
          const stream = coldRows.streamOf(key)
          if (stream !== undefined && isReserved(stream)) continue
          if (storage.hot.get(key)?.equals(value)) hot.del(key)
        } while (at < entries.length && performance.now() < endMs)
      })
    }
  }

  async #mergeSome(): Promise<boolean> {
    const { storage } = this.#options
    const { segments } = storage
    const merged = mergeable(segments.list, this.#segmentEvents)
    if (!merged) return false
    const newestFirst = merged.toReversed()
    const registration = await this.#write({
      first: merged[0]!.registration.first,
      last: merged.at(-1)!.registration.last,
      entries: mergeEntries(newestFirst.map(({ file }) => file.entryLists(everything))),
      mostFilterParts: merged.reduce((sum, { file }) => sum + file.trailer.filterParts, 0),
    })
    await registerSegment(storage, { ...registration, isCleared: true }, merged)
    for (const { file } of merged) await removeSegment(segments.folder, file.name)
    return true
  }

  #write(content: SegmentContent): Promise<Registration> {
    const { storage, coldRows } = this.#options
    const entries = this.#untilStopped(content.entries)
    return writeNewSegment(storage, coldRows, { ...content, entries })
  }

  async *#untilStopped(lists: AsyncIterable<readonly Entry[]>): AsyncGenerator<readonly Entry[]> {
    for await (const entries of lists) {
      await this.#breathe()
      yield entries
    }
  }

  async #inBatches(
    keys: readonly Buffer[],
    change: (batch: SegmentedBatch['hot'], key: Buffer) => void,
  ): Promise<void> {
    for (let at = 0; at < keys.length; at += deletedAtOnce) {
      const batch = this.#options.storage.hot.batch()
      for (const key of keys.slice(at, at + deletedAtOnce)) change(batch, key)
      await batch.write()
    }
  }

  /** Lets requests run where a step has kept them waiting. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#stepBeganMs >= longestStepMs) {
      await nextTurn()
      this.#stepBeganMs = performance.now()
    }
    if (this.#isStopped) throw new Stopped()
  }
}

const nothing = Buffer.alloc(0)
const everything = { gte: nothing, lt: Buffer.of(0xff) }
