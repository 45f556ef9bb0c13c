/** Events a second over the last minute: a live projection of the counters. */
import { map, type Observable, pairwise, scan, shareReplay, startWith, withLatestFrom } from 'rxjs'
import { type Counters, zeroCounters } from './counters.ts'

export const historySeconds = 60

/** Oldest second first, `historySeconds` values each. */
export interface History {
  readonly client: readonly number[]
  readonly authorization: readonly number[]
  readonly token: readonly number[]
}

const flat = Array<number>(historySeconds).fill(0)
export const flatHistory: History = { client: flat, authorization: flat, token: flat }

const totals = ({ client, authorization, token }: Counters) => ({
  client,
  authorization: authorization.issuance + authorization.consumption,
  token: token.issuance + token.revocation + token.refresh,
})

/** Takes one second's difference of the counters into the minute. */
export function advance(history: History, before: Counters, after: Counters): History {
  const from = totals(before)
  const to = totals(after)
  const push = (name: keyof History) => [...history[name].slice(1), to[name] - from[name]]
  return { client: push('client'), authorization: push('authorization'), token: push('token') }
}

/** @param seconds$ emits once a second */
export const history$ = (
  counters$: Observable<Counters>,
  seconds$: Observable<unknown>,
): Observable<History> =>
  seconds$.pipe(
    withLatestFrom(counters$),
    map(([, counters]) => counters),
    startWith(zeroCounters),
    pairwise(),
    scan((history, [before, after]) => advance(history, before, after), flatHistory),
    startWith(flatHistory),
    shareReplay({ bufferSize: 1, refCount: true }),
  )
