/** What parts of a log come to, wherever they were gone through: sums under one key, which add up. */
import { EntryComparison, type EntrySums } from './entry-comparison.ts'
import type { HalfSipKey } from './half-siphash.ts'
import { IndexSums, type Sum } from './index-sums.ts'
import { RowComparison } from './row-comparison.ts'

/** What is summed up, and by which key. */
export interface SumOptions {
  sumKey: HalfSipKey
  /** Whether the rows that follow from the events are wanted. */
  withRows: boolean
}

/** Of one who has gone through some parts. */
export interface Sums {
  index: Sum
  rows: EntrySums | undefined
}

export class PartSums {
  /** Records less index entries. */
  readonly index: IndexSums
  /** Rows that follow from the events less rows that were found. */
  readonly rows: RowComparison | undefined

  constructor({ sumKey, withRows }: SumOptions) {
    this.index = new IndexSums(sumKey)
    this.rows = withRows ? new RowComparison(new EntryComparison(sumKey)) : undefined
  }

  get sums(): Sums {
    return { index: this.index.sum, rows: this.rows?.entries.sums }
  }
}
