/** A log cut into parts that are checked by themselves: its stretches in order, then the stream index. */
import type { StorageReader } from '../ledger/storage.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'
import type { AuditWork } from './audit-work.ts'
import type { HalfSipKey } from './half-siphash.ts'
import { type IndexPart, partsOfIndex } from './index-scan.ts'
import { IndexSums } from './index-sums.ts'
import type { CheckedStretch, Stretch } from './stretch-check.ts'

/** A stretch knows nothing of the streams that began before it: those are read again. */
const mostBlocks = 64
const eventsEachIndexPart = 50_000
/** Parts of everything for each that is worked on at a time, so that all end at about the same moment. */
const partsEach = 4

export class LogParts {
  readonly #reader: StorageReader
  readonly #size: number
  readonly #work: AuditWork
  /** Of the events that are checked outside of the stretches, to begin with. */
  readonly sums: IndexSums

  /** @param sumKey the one that the work has */
  constructor(reader: StorageReader, size: number, work: AuditWork, sumKey: HalfSipKey) {
    this.#reader = reader
    this.#size = size
    this.#work = work
    this.sums = new IndexSums(sumKey)
  }

  /** Stretches behind each other, all blocks but the last where it is not full; undefined for one that does not hold. */
  stretches(): AsyncGenerator<CheckedStretch | undefined> {
    return ahead(this.#work.width, this.#cut(), (stretch) => this.#work.stretch(stretch))
  }

  /**
   * @param onProgress is told about how many events have been found in it
   * @returns whether the stream index names the events and nothing else, and late events keep to the laws
   */
  async holdsIndex(
    sizeNow: () => Promise<number>,
    onProgress: (done: number, total: number) => void,
  ): Promise<boolean> {
    const count = Math.max(this.#work.width * partsEach, Math.ceil(this.#size / eventsEachIndexPart))
    const parts: IndexPart[] = await partsOfIndex(this.#reader, this.#size, count)
    const scan = (part: IndexPart) => this.#work.index(part, this.#size)
    let newest = -1
    let done = 0
    for await (const scanned of ahead(this.#work.width, parts, scan)) {
      if (!scanned) return false
      newest = Math.max(newest, scanned.newest)
      onProgress(Math.round((this.#size * ++done) / parts.length), this.#size)
    }
    for (const sum of await this.#work.sums()) this.sums.add(sum)
    return this.sums.isZero && (newest < 0 || newest < (await sizeNow()))
  }

  *#cut(): Generator<Stretch> {
    const blocks = Math.floor(this.#size / TILE_WIDTH)
    const each = Math.min(mostBlocks, Math.max(1, Math.ceil(blocks / (this.#work.width * partsEach))))
    for (let first = 0; first < blocks; first += each)
      yield { start: first * TILE_WIDTH, end: Math.min(first + each, blocks) * TILE_WIDTH }
  }
}

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
