/** The event by which tokens are issued and what they say, from one description. */
import type { Client } from '../client.ts'
import type { Event, GrantType } from '../events.ts'
import type { Authentication } from '../grant.ts'
import type { FreshTokens, IssuedTokens, TokenLifetimes } from './token-answer.ts'

export interface NewTokens {
  grantType: GrantType
  client: Client
  scopes: string[]
  access: FreshTokens['access']
  refresh?: FreshTokens['refresh'] | undefined
  lifetimes: TokenLifetimes
  nowMs: number
  /** The resource owner; null where the client acts for itself. */
  subject: string | null
  session?: string | undefined
  authentication?: Authentication | undefined
  resources?: readonly string[] | undefined
  jkt?: string | undefined
  nonce?: string | undefined
  claims?: Record<string, unknown> | undefined
  approvedClaims?: readonly string[] | undefined
  actor?: Record<string, unknown> | undefined
  /** The grant whose token was exchanged for these. */
  parent?: string | undefined
}

/** What is there of an object: the others are left out, in events and states alike. */
function present<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const there: { [K in keyof T]?: NonNullable<T[K]> } = {}
  for (const name in values) if (values[name] != null) there[name] = values[name]
  return there
}

/**
 * @param isRecorded whether session, authentication and actor stand in the grant's stream already, with its code
 */
export function issueTokens(tokens: NewTokens, isRecorded = false): { event: Event; answer: IssuedTokens } {
  const { grantType, client, scopes, access, refresh, lifetimes, nowMs, subject } = tokens
  const { session, authentication, resources, jkt, nonce, claims, approvedClaims, actor, parent } = tokens
  const nowSeconds = Math.floor(nowMs / 1000)
  const bound = present({ resources: resources && [...resources], jkt })
  const owner = isRecorded
    ? {}
    : present({
        session,
        authenticatedAtSeconds: authentication?.atSeconds,
        acr: authentication?.acr,
        amr: authentication?.amr,
        actor,
        parent,
      })
  return {
    event: {
      type: 'token.issued',
      grantType,
      clientId: client.clientId,
      clientVersion: client.registeredAtVersion,
      subject,
      scopes,
      accessTokenHash: access.hash,
      accessExpiresAtSeconds: nowSeconds + lifetimes.accessSeconds,
      refreshTokenHash: refresh?.hash ?? null,
      refreshExpiresAtSeconds: refresh ? nowSeconds + lifetimes.refreshSeconds : null,
      ...bound,
      ...owner,
    },
    answer: {
      access,
      scopes,
      issuedAtSeconds: nowSeconds,
      expiresInSeconds: lifetimes.accessSeconds,
      expiresAtSeconds: nowSeconds + lifetimes.accessSeconds,
      subject,
      ...bound,
      ...present({ refresh, session, authentication, nonce, claims, approvedClaims, actor }),
    },
  }
}
