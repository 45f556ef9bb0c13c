/** Rows as they are stored, on their way into a comparison. */
import type { Range, StorageReader } from '../ledger/storage.ts'
import type { EntryComparison } from './entry-comparison.ts'
import { listsOf } from './entry-cursor.ts'

/** Of a row's key in the store. */
export const rowPrefixBytes = 1

/** Goes through the rows of a range. */
export async function addStoredRows(
  reader: StorageReader,
  range: Range,
  entries: EntryComparison,
  closing?: AbortSignal,
): Promise<void> {
  for await (const list of listsOf(reader, range)) {
    closing?.throwIfAborted()
    for (const [key, value] of list) entries.found(key.subarray(rowPrefixBytes), value)
  }
}
