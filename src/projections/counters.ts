/** What has happened since the server started, by kind: a live projection of the committed events. */
import { type Observable, scan, shareReplay, startWith } from 'rxjs'
import type { EventType, Recorded } from '../oauth/events.ts'

export interface Counters {
  readonly client: number
  readonly authorization: { readonly issuance: number; readonly consumption: number }
  readonly token: { readonly issuance: number; readonly revocation: number; readonly refresh: number }
}

export const zeroCounters: Counters = {
  client: 0,
  authorization: { issuance: 0, consumption: 0 },
  token: { issuance: 0, revocation: 0, refresh: 0 },
}

/** Sums a batch. */
export function count(before: Counters, events: readonly Recorded[]): Counters {
  const n: Partial<Record<EventType, number>> = {}
  for (const { event } of events) n[event.type] = (n[event.type] ?? 0) + 1
  const { authorization, token } = before
  return {
    client: before.client + (n['client.registered'] ?? 0) + (n['client.removed'] ?? 0),
    authorization: {
      issuance: authorization.issuance + (n['code.issued'] ?? 0),
      consumption: authorization.consumption + (n['code.redeemed'] ?? 0),
    },
    token: {
      issuance: token.issuance + (n['token.issued'] ?? 0),
      revocation: token.revocation + (n['grant.revoked'] ?? 0),
      refresh: token.refresh + (n['token.refreshed'] ?? 0),
    },
  }
}

/** The counters after each batch; a late subscriber gets the present ones at once. */
export const counters$ = (committed$: Observable<readonly Recorded[]>): Observable<Counters> =>
  committed$.pipe(
    scan(count, zeroCounters),
    startWith(zeroCounters),
    shareReplay({ bufferSize: 1, refCount: true }),
  )
