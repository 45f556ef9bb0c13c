/** A log cut into parts that are checked by themselves: its stretches in order, the stream index, then the rows. */
import type { StorageReader } from '../ledger/storage.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'
import type { AuditWork } from './audit-work.ts'
import { ExpectedRows } from './expected-rows.ts'
import { partsOfIndex, partsOfRows } from './key-parts.ts'
import { PartSums, type SumOptions } from './part-sums.ts'
import type { CheckedStretch, Stretch } from './stretch-check.ts'

/** A stretch knows nothing of the streams that began before it: those are read again. */
const mostBlocks = 64
const eventsEachPart = 50_000
/** Parts of everything for each that is worked on at a time, so that all end at about the same moment. */
const partsEach = 4

export class LogParts {
  readonly #reader: StorageReader
  readonly #size: number
  readonly #work: AuditWork
  /** Of the events that are checked outside of the stretches. */
  readonly sums: PartSums
  /** Of the same events. */
  readonly rows: ExpectedRows | undefined

  /** @param options those that the work has */
  constructor(reader: StorageReader, size: number, work: AuditWork, options: SumOptions) {
    this.#reader = reader
    this.#size = size
    this.#work = work
    this.sums = new PartSums(options)
    this.rows = this.sums.rows && new ExpectedRows(this.sums.rows)
  }

  /** Stretches behind each other, all blocks but the last where it is not full; undefined for one that does not hold. */
  stretches(): AsyncGenerator<CheckedStretch | undefined> {
    return ahead(this.#work.width, this.#cut(), (stretch) => this.#work.stretch(stretch))
  }

  /**
   * Once all stretches have been gone through.
   *
   * @param onProgress is told about how many events have been found in it
   * @returns whether the stream index names the events and nothing else, and late events keep to the laws
   */
  async holdsIndex(sizeNow: () => Promise<number>, onProgress: OnProgress): Promise<boolean> {
    const parts = await partsOfIndex(this.#reader, this.#size, this.#partCount)
    let newest = -1
    let done = 0
    for await (const scanned of ahead(this.#work.width, parts, (part) =>
      this.#work.index(part, this.#size),
    )) {
      if (!scanned) return false
      newest = Math.max(newest, scanned.newest)
      onProgress(Math.round((this.#size * ++done) / parts.length), this.#size)
    }
    const { index } = this.sums
    for (const sums of await this.#work.sums()) index.add(sums.index)
    return index.isZero && (newest < 0 || newest < (await sizeNow()))
  }

  /**
   * Once the index has been gone through, by which late events are followed.
   *
   * @returns whether the stored rows are those that follow from the events; true where nobody asked
   */
  async holdsRows(onProgress: OnProgress): Promise<boolean> {
    const entries = this.sums.rows?.entries
    if (!entries) return true
    this.rows?.clear()
    for (const { rows } of await this.#work.sums()) if (rows) entries.add(rows)
    const parts = await partsOfRows(this.#reader, this.#size, this.#partCount)
    let done = 0
    for await (const stored of ahead(this.#work.width, parts, (part) => this.#work.rows(part))) {
      entries.add(stored)
      onProgress(Math.round((this.#size * ++done) / parts.length), this.#size)
    }
    return entries.differing(1).size === 0
  }

  get #partCount(): number {
    return Math.max(this.#work.width * partsEach, Math.ceil(this.#size / eventsEachPart))
  }

  *#cut(): Generator<Stretch> {
    const blocks = Math.floor(this.#size / TILE_WIDTH)
    const each = Math.min(mostBlocks, Math.max(1, Math.ceil(blocks / (this.#work.width * partsEach))))
    for (let first = 0; first < blocks; first += each)
      yield { start: first * TILE_WIDTH, end: Math.min(first + each, blocks) * TILE_WIDTH }
  }
}

type OnProgress = (done: number, total: number) => void

/** The results in order, so many on their way at a time. */
async function* ahead<T, R>(
  width: number,
  items: Iterable<T>,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = []
  for (const item of items) {
    const result = work(item)
    // Its failure is met in its turn, or by nobody where the caller stops before.
    result.catch(() => {})
    waiting.push(result)
    if (waiting.length >= width) yield await waiting.shift()!
  }
  for (const result of waiting) yield await result
}
