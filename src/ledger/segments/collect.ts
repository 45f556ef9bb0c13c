/** Reads from LevelDB what a segment is to hold, a little at a time, and sorts it. */
import { LedgerError } from '../errors.ts'
import {
  decodeLater,
  decodePosition,
  eventKey,
  filterPart,
  laterKey,
  ownRange,
  streamKey,
} from '../layout.ts'
import { decodeRecord } from '../record.ts'
import type { Entry } from '../storage.ts'
import type { ColdRows, ColdStream } from './cold-rows.ts'
import type { SegmentedStorage } from './segmented-storage.ts'

/** Entries that are sorted in one go, about a millisecond. */
const sortedAtOnce = 1024

export interface CollectedEvents {
  events: number
  /** Time of the first; infinite where there is none. */
  firstMs: number
  /** That have an event among them. */
  streams: Set<string>
}

export class Collector {
  readonly sorted = new SortedEntries()
  readonly #storage: SegmentedStorage
  readonly #coldRows: ColdRows
  readonly #breathe: () => Promise<void>

  /** @param breathe lets requests run where they have waited long */
  constructor(storage: SegmentedStorage, coldRows: ColdRows, breathe: () => Promise<void>) {
    this.#storage = storage
    this.#coldRows = coldRows
    this.#breathe = breathe
  }

  /** Events from a position on and from before a time, with their index entries and rows. @throws LedgerError damaged */
  async events(first: number, most: number, beforeMs: number): Promise<CollectedEvents> {
    const { hot } = this.#storage
    const found: CollectedEvents = { events: 0, firstMs: Number.POSITIVE_INFINITY, streams: new Set() }
    for await (const [key, bytes] of hot.entries({ gte: eventKey(first), lt: eventKey(first + most) })) {
      const { timeMs, stream, version, ...rest } = decodeRecord(bytes)
      if (timeMs >= beforeMs) break
      const expected = first + found.events
      if (decodePosition(key, 1) !== expected)
        throw new LedgerError('damaged', `the record at position ${expected} is missing`)
      const index = streamKey(stream, version)
      const position = hot.get(index)
      if (!position)
        throw new LedgerError(
          'damaged',
          `the stream index does not name version ${version} of stream ${stream}`,
        )
      if (found.events === 0) found.firstMs = timeMs
      this.sorted.add(key, bytes)
      this.sorted.add(index, position)
      for (const row of this.#coldRows.ofEvent({ timeMs, stream, version, ...rest })) this.#addRow(row)
      found.streams.add(stream)
      found.events++
      await this.#breathe()
    }
    return found
  }

  /**
   * The rows of those of these streams that are over, and of others whose time has come; the notes that have been
   * followed, and those of when to look again at the others.
   */
  async streams(
    streams: ReadonlySet<string>,
    beforeMs: number,
    mostDue: number,
  ): Promise<{ due: Buffer[]; later: Buffer[] }> {
    const storage = this.#storage
    const due: Buffer[] = []
    const later: Buffer[] = []
    const all = new Set(streams)
    for await (const [key] of storage.hot.entries({ ...dueBefore(beforeMs), limit: mostDue })) {
      due.push(key)
      all.add(decodeLater(key).stream)
    }
    for (const stream of all) {
      const cold = await this.#coldRows.ofStream(storage, stream, beforeMs)
      const againMs =
        typeof cold === 'number' ? Math.max(cold, beforeMs) : cold && this.#addStream(cold, beforeMs)
      if (againMs !== undefined) later.push(laterKey(againMs, stream))
      await this.#breathe()
    }
    return { due, later }
  }

  /** @returns when to look at the stream again, where not all of it can move now */
  #addStream({ rows, open }: ColdStream, beforeMs: number): number | undefined {
    let isWhole = open.every((key) => this.#storage.hot.get(key) === undefined)
    for (const key of rows) if (!this.#addRow(key)) isWhole = false
    return isWhole ? undefined : beforeMs
  }

  /**
   * Where it is in LevelDB; in an older segment otherwise, or nowhere.
   *
   * @returns false for one that cannot move: its key is marked as deleted, which would hide it in a segment
   */
  #addRow(key: Buffer): boolean {
    const value = this.#storage.hot.get(key)
    if (!value) return true
    if (this.#storage.isMarked(key)) return false
    this.sorted.add(key, value)
    return true
  }
}

const dueBefore = (timeMs: number) => ({ gte: ownRange('later').gte, lt: laterKey(timeMs, '') })

/** Whether there is a stream that was to be looked at before a time. */
export async function isAnyDue({ hot }: SegmentedStorage, timeMs: number): Promise<boolean> {
  for await (const _ of hot.entries({ ...dueBefore(timeMs), limit: 1 })) return true
  return false
}

/** Entries as they come, sorted a few thousand at a time. */
export class SortedEntries {
  readonly #runs: Entry[][] = []
  #open: Entry[] = []
  filterParts = 0

  get isEmpty(): boolean {
    return this.#runs.length === 0 && this.#open.length === 0
  }

  add(key: Buffer, value: Buffer): void {
    this.#open.push([key, value])
    if (filterPart(key)) this.filterParts++
    if (this.#open.length === sortedAtOnce) this.#close()
  }

  lists(): AsyncGenerator<readonly Entry[]>[] {
    this.#close()
    return this.#runs.map(async function* (run) {
      yield run
    })
  }

  #close(): void {
    this.#runs.push(this.#open.sort(([a], [b]) => a.compare(b)))
    this.#open = []
  }
}
