/**
 * The work of a verification that can be done in any order and anywhere: stretches of the log and parts of the stream
 * index. Each is answered by itself; the sums are for all that was done here.
 */
import type { Range, StorageReader } from '../ledger/storage.ts'
import { Drops } from './drops.ts'
import { EntryComparison, type EntrySums } from './entry-comparison.ts'
import type { HalfSipKey } from './half-siphash.ts'
import { type IndexPart, type ScannedIndex, scanIndex } from './index-scan.ts'
import { PartSums, type SumOptions, type Sums } from './part-sums.ts'
import { addStoredRows } from './stored-rows.ts'
import { type CheckedStretch, checkStretch, type Stretch } from './stretch-check.ts'

/** Whoever does it: here, or threads. */
export interface AuditWork {
  /** How much is worth asking for at a time. */
  readonly width: number
  /** @returns undefined where anything is not as it should be @throws LedgerError where it cannot be read */
  stretch(stretch: Stretch): Promise<CheckedStretch | undefined>
  index(part: IndexPart, size: number): Promise<ScannedIndex | undefined>
  /** Of the stored rows of a range, as of entries that were found. */
  rows(range: Range): Promise<EntrySums>
  /** Of the parts that were gone through, once nothing is on its way any more. */
  sums(): Promise<readonly Sums[]>
  close(): Promise<void>
}

export class OwnWork implements AuditWork {
  readonly width = 1
  readonly #reader: StorageReader
  readonly #sumKey: HalfSipKey
  readonly #sums: PartSums
  readonly #closing: AbortSignal | undefined
  #drops: Drops | Promise<Drops> | undefined

  /**
   * @param closing whether nothing that is asked for matters any more
   * @param drops where they have been read
   */
  constructor(
    reader: StorageReader,
    options: SumOptions,
    { closing, drops }: { closing?: AbortSignal; drops?: Drops } = {},
  ) {
    this.#reader = reader
    this.#sumKey = options.sumKey
    this.#closing = closing
    this.#drops = drops
    this.#sums = new PartSums(options)
  }

  async stretch(stretch: Stretch): Promise<CheckedStretch | undefined> {
    this.#closing?.throwIfAborted()
    return checkStretch(this.#reader, stretch, this.#sums, await this.#readDrops())
  }

  async index(part: IndexPart, size: number): Promise<ScannedIndex | undefined> {
    this.#closing?.throwIfAborted()
    return scanIndex(this.#reader, part, size, this.#sums, await this.#readDrops())
  }

  async rows(range: Range): Promise<EntrySums> {
    const entries = new EntryComparison(this.#sumKey)
    await addStoredRows(this.#reader, range, entries, this.#closing)
    return entries.sums
  }

  async sums(): Promise<readonly Sums[]> {
    return [this.#sums.sums]
  }

  async close(): Promise<void> {}

  #readDrops(): Drops | Promise<Drops> {
    this.#drops ??= Drops.read(this.#reader)
    return this.#drops
  }
}
