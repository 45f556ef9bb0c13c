/** Which rows of a log that has been verified are not those of its events, as far as a comparison in memory tells. */
import { rangeOf } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { AuditThreads, type ThreadSource } from './audit-threads.ts'
import { OwnWork } from './audit-work.ts'
import { EntryComparison } from './entry-comparison.ts'
import { drawSumKey } from './index-sums.ts'
import { RowComparison } from './row-comparison.ts'
import { type FoldOptions, foldStates } from './state-fold.ts'

export interface CompareOptions extends FoldOptions {
  /** One of them goes through the stored rows while the events are folded here, where the log is long enough. */
  threads?: ThreadSource | undefined
}

/**
 * The buckets of rows that are not those of the first `size` events, of a log that has been verified.
 *
 * @throws LedgerError damaged, unavailable
 */
export async function differingRows(
  reader: StorageReader,
  size: number,
  { threads, ...options }: CompareOptions = {},
): Promise<ReadonlySet<number>> {
  const sumKey = drawSumKey()
  const comparison = new RowComparison(new EntryComparison(sumKey))
  const sums = { sumKey, withRows: false }
  const thread =
    threads && size >= threads.leastEvents ? new AuditThreads({ ...threads, count: 1 }, sums) : undefined
  try {
    const stored = thread?.rows(rangeOf('row'))
    await foldStates(reader, size, comparison.fold(reader), options)
    comparison.entries.add(await (stored ?? new OwnWork(reader, sums).rows(rangeOf('row'))))
    return comparison.entries.differing(Number.POSITIVE_INFINITY)
  } finally {
    await thread?.close()
  }
}
