/** What a grant decides to give, and the successful answer of the token endpoint (RFC 6749 section 5.1). */
import type { Authentication } from '../grant.ts'

export interface TokenAnswer {
  access_token: string
  token_type: 'bearer' | 'DPoP' | 'N_A'
  expires_in: number
  refresh_token?: string
  scope: string
  /** OpenID Connect Core section 3.1.3.3. */
  id_token?: string
  /** RFC 8693 section 2.2.1. */
  issued_token_type?: string
}

/** Fresh tokens and their hashes: randomness is data to a decision. */
export interface FreshToken {
  token: string
  hash: string
}

export interface FreshTokens {
  access: FreshToken
  refresh: FreshToken
}

/** Lifetimes in seconds: the client's own, else the server's. */
export interface TokenLifetimes {
  accessSeconds: number
  refreshSeconds: number
}

/** All that the tokens say, in whatever form they leave the server. */
export interface IssuedTokens {
  access: FreshToken
  refresh?: FreshToken
  scopes: readonly string[]
  issuedAtSeconds: number
  expiresInSeconds: number
  expiresAtSeconds: number
  /** The resource owner; null where the client acts for itself. */
  subject: string | null
  session?: string
  authentication?: Authentication
  /** Resource servers of the access token (RFC 8707). */
  resources?: readonly string[]
  /** Thumbprint of the key that the access token is bound to (RFC 9449). */
  jkt?: string
  nonce?: string
  claims?: Record<string, unknown>
  approvedClaims?: readonly string[]
  actor?: Record<string, unknown>
}

/** The answer with the access token as it is: opaque. */
export function tokenAnswer({ access, refresh, scopes, expiresInSeconds, jkt }: IssuedTokens): TokenAnswer {
  const answer: TokenAnswer = {
    access_token: access.token,
    token_type: jkt === undefined ? 'bearer' : 'DPoP',
    expires_in: expiresInSeconds,
    scope: scopes.join(' '),
  }
  if (refresh) answer.refresh_token = refresh.token
  return answer
}
