/** Token introspection (RFC 7662) and SignOn 1.1's check_token: two views of one look-up. */
import { type Client, isPublic } from './client.ts'
import { type Grant, isAccessTokenLive, isOwnerGone } from './grant.ts'
import type { User } from './user.ts'

export interface LiveToken {
  kind: 'access' | 'refresh'
  grant: Grant
  client: Client
  user: User | undefined
  scopes: string[]
  expiresAtSeconds: number
  issuedAtSeconds: number
}

/**
 * A token is live when its grant has not ended, it is the grant's present one, its time is not over, and
 * client and user are still those it was given to.
 */
export function liveToken(
  hash: string,
  grant: Grant | undefined,
  client: Client | undefined,
  user: User | undefined,
  nowMs: number,
): LiveToken | undefined {
  if (!grant || !client || client.removed || client.registeredAtVersion !== grant.clientVersion)
    return undefined
  if (isOwnerGone(grant, user)) return undefined
  const { access, refresh } = grant
  if (access && isAccessTokenLive(grant, hash, nowMs)) {
    const { scopes, expiresAtSeconds, issuedAtSeconds } = access
    return { kind: 'access', grant, client, user, scopes, expiresAtSeconds, issuedAtSeconds }
  }
  if (grant.ended === null && refresh?.hash === hash && nowMs < refresh.expiresAtSeconds * 1000)
    return {
      kind: 'refresh',
      grant,
      client,
      user,
      scopes: grant.scopes,
      expiresAtSeconds: refresh.expiresAtSeconds,
      issuedAtSeconds: access?.issuedAtSeconds ?? grant.issuedAtSeconds,
    }
  return undefined
}

/** RFC 7662 section 2.2. */
export interface Introspection {
  active: boolean
  scope?: string
  client_id?: string
  username?: string
  token_type?: 'bearer' | 'DPoP' | 'refresh_token'
  /** RFC 9449 section 6.2. */
  cnf?: { jkt: string }
  /** RFC 8693 section 4.1. */
  act?: Record<string, unknown>
  exp?: number
  iat?: number
  sub?: string
  aud?: string[]
  iss?: string
}

/** Section 2.2: of a token that is not active nothing is said but that. */
export function introspection(token: LiveToken | undefined, issuer: string): Introspection {
  if (!token) return { active: false }
  const { grant, user } = token
  const jkt = token.kind === 'access' ? grant.access?.jkt : undefined
  const answer: Introspection = {
    active: true,
    scope: token.scopes.join(' '),
    client_id: grant.clientId,
    token_type: token.kind === 'refresh' ? 'refresh_token' : jkt === undefined ? 'bearer' : 'DPoP',
    exp: token.expiresAtSeconds,
    iat: token.issuedAtSeconds,
    sub: grant.subject ?? grant.clientId,
    iss: issuer,
  }
  if (jkt !== undefined) answer.cnf = { jkt }
  if (grant.actor) answer.act = grant.actor
  if (user?.username !== undefined) answer.username = user.username
  const audience = audienceOf(token)
  if (audience.length > 0) answer.aud = audience
  return answer
}

/** The token's own resource servers (RFC 8707), else those of its client. */
function audienceOf({ kind, grant, client }: LiveToken): string[] {
  const own = kind === 'access' || !grant.code ? grant.access?.resources : grant.code.resources
  return own ?? client.metadata.resourceIds
}

/** The answer of 1.1's `/oauth/check_token`. */
export interface CheckedToken {
  active: true
  user_name?: string
  scope: string[]
  authorities: string[]
  client_id: string
  exp: number
  aud?: string[]
}

export function checkedToken(token: LiveToken): CheckedToken {
  const { grant, client, user, scopes, expiresAtSeconds } = token
  const audience = audienceOf(token)
  return {
    active: true,
    ...(user?.username !== undefined && { user_name: user.username }),
    scope: scopes,
    authorities: user ? user.authorities : client.metadata.authorities,
    client_id: grant.clientId,
    exp: expiresAtSeconds,
    ...(audience.length > 0 && { aud: audience }),
  }
}

/** Only a client that can prove itself may ask (RFC 7662 section 2.1, "MUST also require authorization"). */
export const mayIntrospect = (client: Client): boolean => !isPublic(client)
