/** What has happened since the server started, by kind: a live projection of the committed events. */
import { type Observable, scan, shareReplay, startWith } from 'rxjs'
import type { EventOf, EventType, Recorded, RevocationReason, SessionEndReason } from '../oauth/events.ts'

type Tally<Cause extends string> = Readonly<Record<Cause, number>>

/** What has ended and what was held up, by causes. */
export interface EndCounters {
  readonly sessions: Tally<SessionEndReason>
  readonly grants: Tally<RevocationReason>
  /** Clients told of logouts, or given up. */
  readonly notices: Tally<'delivered' | 'failed'>
  /** Pauses after failed logins, by whom or what they are for. */
  readonly pauses: Tally<EventOf<'login.locked'>['of']>
}

export interface Counters {
  readonly client: number
  readonly authorization: { readonly issuance: number; readonly consumption: number }
  readonly token: { readonly issuance: number; readonly revocation: number; readonly refresh: number }
  readonly ends: EndCounters
}

export const zeroCounters: Counters = {
  client: 0,
  authorization: { issuance: 0, consumption: 0 },
  token: { issuance: 0, revocation: 0, refresh: 0 },
  ends: {
    sessions: { logout: 0, administrator: 0, expired: 0, user_removed: 0, password_changed: 0, replaced: 0 },
    grants: {
      client: 0,
      administrator: 0,
      logout: 0,
      code_reuse: 0,
      refresh_reuse: 0,
      session: 0,
      password_changed: 0,
    },
    notices: { delivered: 0, failed: 0 },
    pauses: { user: 0, client: 0, device: 0, address: 0 },
  },
}

const plusOne = <Cause extends string>(tally: Tally<Cause>, cause: NoInfer<Cause>): Tally<Cause> => ({
  ...tally,
  [cause]: tally[cause] + 1,
})

function countEnd(ends: EndCounters, { event }: Recorded): EndCounters {
  switch (event.type) {
    case 'session.ended':
      return { ...ends, sessions: plusOne(ends.sessions, event.reason) }
    case 'grant.revoked':
      return { ...ends, grants: plusOne(ends.grants, event.reason) }
    case 'logout.delivered':
      return { ...ends, notices: plusOne(ends.notices, 'delivered') }
    case 'logout.failed':
      return { ...ends, notices: plusOne(ends.notices, 'failed') }
    case 'login.locked':
      return { ...ends, pauses: plusOne(ends.pauses, event.of) }
    default:
      return ends
  }
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
    ends: events.reduce(countEnd, before.ends),
  }
}

/** The counters after each batch; a late subscriber gets the present ones at once. */
export const counters$ = (committed$: Observable<readonly Recorded[]>): Observable<Counters> =>
  committed$.pipe(
    scan(count, zeroCounters),
    startWith(zeroCounters),
    shareReplay({ bufferSize: 1, refCount: true }),
  )
