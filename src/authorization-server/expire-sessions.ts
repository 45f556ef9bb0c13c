/** Sessions whose time is over end by an event like all others, so that whoever follows ends hears of them. */
import { expiryRowPrefix, sessionOfExpiryRow } from '../projections/rows.ts'
import type { AuthorizationContext } from './context.ts'
import { endSession } from './end.ts'

/**
 * Ends sessions that are over, those first that have been for longest.
 *
 * @param most so that a server that was away for long does not do it all at once
 * @returns how many there were: as many as `most` means that there may be more
 * @throws LedgerError unavailable
 */
export async function expireSessions(context: AuthorizationContext, most = 100): Promise<number> {
  const due: string[] = []
  for await (const key of context.ledger.rowKeys(expiryRowPrefix)) {
    const { id, expiresAtSeconds } = sessionOfExpiryRow(key)
    if (context.now() < expiresAtSeconds * 1000 || due.length >= most) break
    due.push(id)
  }
  for (const id of due) await endSession(context, { id }, 'expired')
  return due.length
}
