/** What a user has approved for a client: the fold of their stream. */
import type { Recorded } from './events.ts'

export interface Consent {
  clientVersion: number
  scopes: string[]
}

export function evolveConsent(state: Consent | undefined, { event }: Recorded): Consent | undefined {
  if (event.type !== 'consent.given') return state
  const before = state?.clientVersion === event.clientVersion ? state.scopes : []
  return { clientVersion: event.clientVersion, scopes: [...new Set([...before, ...event.scopes])] }
}
