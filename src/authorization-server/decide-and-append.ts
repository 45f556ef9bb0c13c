/** The one way from a decision to the ledger: load, decide, append; a lost race loads and decides again. */
import { LedgerError } from '../ledger/errors.ts'
import type { AppendOptions } from '../ledger/ledger.ts'
import type { Decision } from '../oauth/errors.ts'
import type { Event } from '../oauth/events.ts'
import type { States, StreamKind } from '../projections/state-codec.ts'
import type { AuthorizationContext } from './context.ts'

/** Each lost race is somebody else's progress, so this many in a row means that something else is wrong. */
const mostAttempts = 200

/**
 * Resolves with the answer once the decision's events are on disk.
 *
 * @throws OAuthError the decision's refusal, after its events are on disk
 * @throws LedgerError exists or unavailable
 */
export async function decideAndAppend<K extends StreamKind, A>(
  { ledger, models, now }: Pick<AuthorizationContext, 'ledger' | 'models' | 'now'>,
  kind: K,
  stream: string,
  decide: (state: States[K] | undefined, nowMs: number, version: number) => Decision<A, Event>,
  how: Pick<AppendOptions, 'absentRows' | 'salt' | 'annex'> = {},
): Promise<A> {
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const before = models.load(kind, stream)
    const { state, version } = before
    const nowMs = now()
    const decision = decide(state, nowMs, version)
    if (decision.events.length > 0) {
      try {
        await ledger.append(stream, version, decision.events, nowMs, { ...how, before })
      } catch (error) {
        if (!(error instanceof LedgerError) || error.code !== 'conflict') throw error
        await ledger.settled()
        continue
      }
    }
    if (decision.refusal) throw decision.refusal
    return decision.answer
  }
  throw new LedgerError('unavailable', `stream ${stream} is too busy`)
}
