/**
 * The work of a verification that can be done in any order and anywhere: stretches of the log and parts of the stream
 * index. Each is answered by itself; the sums are for all that was done here.
 */
import type { StorageReader } from '../ledger/storage.ts'
import type { HalfSipKey } from './half-siphash.ts'
import { type IndexPart, type ScannedIndex, scanIndex } from './index-scan.ts'
import { IndexSums, type Sum } from './index-sums.ts'
import { type CheckedStretch, checkStretch, type Stretch } from './stretch-check.ts'

/** Whoever does it: here, or threads. */
export interface AuditWork {
  /** How much is worth asking for at a time. */
  readonly width: number
  /** @returns undefined where anything is not as it should be @throws LedgerError where it cannot be read */
  stretch(stretch: Stretch): Promise<CheckedStretch | undefined>
  index(part: IndexPart, size: number): Promise<ScannedIndex | undefined>
  /** Of the records that were gone through less the entries of the index, once nothing is on its way any more. */
  sums(): Promise<readonly Sum[]>
  close(): Promise<void>
}

export class OwnWork implements AuditWork {
  readonly width = 1
  readonly #reader: StorageReader
  readonly #sums: IndexSums

  constructor(reader: StorageReader, sumKey: HalfSipKey) {
    this.#reader = reader
    this.#sums = new IndexSums(sumKey)
  }

  stretch(stretch: Stretch): Promise<CheckedStretch | undefined> {
    return checkStretch(this.#reader, stretch, this.#sums)
  }

  index(part: IndexPart, size: number): Promise<ScannedIndex | undefined> {
    return scanIndex(this.#reader, part, size, this.#sums)
  }

  async sums(): Promise<readonly Sum[]> {
    return [this.#sums.sum]
  }

  async close(): Promise<void> {}
}
