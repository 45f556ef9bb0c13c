/** Everything that ends a session or a grant, or all of a user's or a client's, as one stream. */
import { concatMap, type Observable } from 'rxjs'
import type { EventType, Recorded } from '../oauth/events.ts'

const endTypes: ReadonlySet<EventType> = new Set<EventType>([
  'session.ended',
  'grant.revoked',
  'user.removed',
  'user.erased',
  'user.unlinked',
  'user.password_changed',
  'client.removed',
])

export const isEnd = ({ event }: Recorded): boolean => endTypes.has(event.type)

/** @param committed$ of the ledger, or the log read again: the ends are the same */
export const ends$ = (committed$: Observable<readonly Recorded[]>): Observable<Recorded> =>
  committed$.pipe(concatMap((events) => events.filter(isEnd)))
