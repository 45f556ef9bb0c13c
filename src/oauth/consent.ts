/** What a user has approved for a client: the fold of their stream. */
import type { Recorded } from './events.ts'

export interface Consent {
  clientVersion: number
  scopes: string[]
  /** Claims approved one by one (OpenID Connect Core section 5.5). */
  claims?: string[]
}

export function evolveConsent(state: Consent | undefined, { event }: Recorded): Consent | undefined {
  if (event.type !== 'consent.given') return state
  const before = state?.clientVersion === event.clientVersion ? state : undefined
  const claims = union(before?.claims, event.claims)
  return {
    clientVersion: event.clientVersion,
    scopes: union(before?.scopes, event.scopes),
    ...(claims.length > 0 && { claims }),
  }
}

const union = (one: readonly string[] = [], other: readonly string[] = []) => [...new Set([...one, ...other])]
