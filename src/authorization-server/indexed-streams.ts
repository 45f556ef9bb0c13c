import type { EventRecord } from '../ledger/record.ts'
import { type HistoryKind, historyRowPrefix } from '../projections/rows.ts'
import type { AuthorizationContext } from './context.ts'

/**
 * The first records of the streams that the history knows of a client, a user or a session, oldest first.
 *
 * @throws LedgerError unavailable
 */
export async function* indexedStreams(
  { ledger }: Pick<AuthorizationContext, 'ledger'>,
  kind: HistoryKind,
  id: string,
): AsyncGenerator<EventRecord> {
  const prefix = historyRowPrefix(kind, id)
  for await (const key of ledger.rowKeys(prefix)) {
    // A name may hold the byte 00 itself; only eight bytes behind it are a position.
    if (key.length !== prefix.length + 8) continue
    const record = ledger.recordAt(Number(key.readBigUInt64BE(prefix.length)))
    if (record) yield record
  }
}
