/**
 * A grant: one authorization and all that came of it, the code, the tokens and their rotations (a refresh
 * token family). It is one stream, so that whatever must not happen twice is decided in one order.
 */
import type { EventOf, GrantType, Recorded, RevocationReason } from './events.ts'
import type { User } from './user.ts'

/** When and how the resource owner last proved to be there (OpenID Connect Core section 2: auth_time, acr, amr). */
export interface Authentication {
  atSeconds: number
  acr?: string
  amr?: string[]
}

export interface Grant {
  clientId: string
  clientVersion: number
  grantType: GrantType
  /** The resource owner; null where the client acts for itself. */
  subject: string | null
  session: string | null
  /** What the resource owner gave; an access token may carry less (RFC 6749 section 6). */
  scopes: string[]
  issuedAtSeconds: number
  code: {
    hash: string
    redirectUri: string
    redirectUriSent: boolean
    challenge: string | null
    expiresAtSeconds: number
    redeemed: boolean
    nonce?: string
    resources?: string[]
    claims?: Record<string, unknown>
    /** Thumbprint of the key that must redeem it (RFC 9449 section 10). */
    jkt?: string
    approvedClaims?: string[]
  } | null
  /** The live access token; the one before ended when this one was issued. */
  access: {
    hash: string
    scopes: string[]
    issuedAtSeconds: number
    expiresAtSeconds: number
    /** Resource servers it is for (RFC 8707); without them the client's own stand. */
    resources?: string[]
    /** Thumbprint of the key it is bound to (RFC 9449). */
    jkt?: string
  } | null
  refresh: { hash: string; expiresAtSeconds: number } | null
  /** The refresh token that the live one replaced, for the grace window. */
  rotated: { fromHash: string; atMs: number } | null
  ended: { reason: RevocationReason; atSeconds: number } | null
  authentication?: Authentication
  /** Who acts for the subject (RFC 8693 section 4.1). */
  actor?: Record<string, unknown>
  /** The grant whose token was exchanged for this one. */
  parent?: string
  /** RFC 8628: how far the resource owner has come; resources are those that were asked for. */
  device?: {
    hash: string
    expiresAtSeconds: number
    status: 'pending' | 'approved' | 'denied'
    resources?: string[]
  }
}

function authenticationOf(event: {
  authenticatedAtSeconds?: number
  acr?: string
  amr?: string[]
}): Authentication | undefined {
  const { authenticatedAtSeconds: atSeconds, acr, amr } = event
  if (atSeconds === undefined) return undefined
  const authentication: Authentication = { atSeconds }
  if (acr !== undefined) authentication.acr = acr
  if (amr !== undefined) authentication.amr = amr
  return authentication
}

function codeOf(event: EventOf<'code.issued'>): NonNullable<Grant['code']> {
  const code: Grant['code'] = {
    hash: event.codeHash,
    redirectUri: event.redirectUri,
    redirectUriSent: event.redirectUriSent,
    challenge: event.codeChallenge,
    expiresAtSeconds: event.expiresAtSeconds,
    redeemed: false,
  }
  if (event.nonce !== undefined) code.nonce = event.nonce
  if (event.resources !== undefined) code.resources = event.resources
  if (event.claims !== undefined) code.claims = event.claims
  if (event.jkt !== undefined) code.jkt = event.jkt
  if (event.approvedClaims !== undefined) code.approvedClaims = event.approvedClaims
  return code
}

function accessOf(
  event: EventOf<'token.issued'> | EventOf<'token.refreshed'>,
  issuedAtSeconds: number,
): NonNullable<Grant['access']> {
  const access: Grant['access'] = {
    hash: event.accessTokenHash,
    scopes: event.scopes,
    issuedAtSeconds,
    expiresAtSeconds: event.accessExpiresAtSeconds,
  }
  if (event.resources !== undefined) access.resources = event.resources
  if (event.jkt !== undefined) access.jkt = event.jkt
  return access
}

const refreshOf = ({
  refreshTokenHash: hash,
  refreshExpiresAtSeconds: expiresAtSeconds,
}: EventOf<'token.issued'>): Grant['refresh'] =>
  hash === null ? null : { hash, expiresAtSeconds: expiresAtSeconds ?? 0 }

/** Nothing but who has it and since when. */
function begun(
  event: EventOf<'code.issued'> | EventOf<'device_code.issued'> | EventOf<'token.issued'>,
  grantType: GrantType,
  subject: string | null,
  session: string | null,
  issuedAtSeconds: number,
): Grant {
  return {
    clientId: event.clientId,
    clientVersion: event.clientVersion,
    grantType,
    subject,
    session,
    scopes: event.scopes,
    issuedAtSeconds,
    code: null,
    access: null,
    refresh: null,
    rotated: null,
    ended: null,
  }
}

/**
 * `evolve` of the grant stream: the only way a grant's state comes to be, live and in replay. What an event leaves out,
 * the state leaves out: a fold that finds a field left out comes to the same bytes.
 */
export function evolveGrant(state: Grant | undefined, { event, timeMs }: Recorded): Grant | undefined {
  const seconds = Math.floor(timeMs / 1000)
  switch (event.type) {
    case 'code.issued': {
      const grant = begun(event, 'authorization_code', event.subject, event.session, seconds)
      grant.code = codeOf(event)
      const authentication = authenticationOf(event)
      if (authentication) grant.authentication = authentication
      return grant
    }
    case 'device_code.issued': {
      const grant = begun(event, 'device_code', null, null, seconds)
      const { deviceCodeHash: hash, expiresAtSeconds, resources } = event
      grant.device = { hash, expiresAtSeconds, status: 'pending' }
      if (resources !== undefined) grant.device.resources = resources
      return grant
    }
    case 'device_code.approved': {
      if (!state?.device) return state
      const { subject, session, scopes } = event
      const authentication = authenticationOf(event)
      const device = { ...state.device, status: 'approved' as const }
      return { ...state, subject, session, scopes, device, ...(authentication && { authentication }) }
    }
    case 'device_code.denied':
      return state?.device ? { ...state, device: { ...state.device, status: 'denied' } } : state
    case 'code.redeemed':
      return state && { ...state, code: state.code && { ...state.code, redeemed: true } }
    case 'token.issued': {
      const access = accessOf(event, seconds)
      const refresh = refreshOf(event)
      if (state) return { ...state, access, refresh }
      const grant = begun(event, event.grantType, event.subject, event.session ?? null, seconds)
      grant.access = access
      grant.refresh = refresh
      const authentication = authenticationOf(event)
      if (authentication) grant.authentication = authentication
      if (event.actor !== undefined) grant.actor = event.actor
      if (event.parent !== undefined) grant.parent = event.parent
      return grant
    }
    case 'token.refreshed':
      if (!state?.refresh) return state
      return {
        ...state,
        access: accessOf(event, seconds),
        refresh: { hash: event.refreshTokenHash, expiresAtSeconds: event.refreshExpiresAtSeconds },
        rotated: { fromHash: state.refresh.hash, atMs: timeMs },
      }
    case 'grant.revoked':
      return state && { ...state, ended: state.ended ?? { reason: event.reason, atSeconds: seconds } }
    default:
      return state
  }
}

/** Whether this hash is the grant's access token and may still be used. */
export const isAccessTokenLive = (grant: Grant, accessTokenHash: string, nowMs: number): boolean =>
  grant.ended === null &&
  grant.access?.hash === accessTokenHash &&
  nowMs < grant.access.expiresAtSeconds * 1000

/** Whether the user who gave the grant was removed since: then nothing of it counts any more. */
export const isOwnerGone = (grant: Grant, owner: User | undefined): boolean =>
  grant.subject !== null && (owner === undefined || owner.removed)

/** What the tokens of a grant say of its resource owner. */
export const ownerFacts = ({ subject, session, authentication, actor, code }: Grant) => ({
  subject,
  ...(session !== null && { session }),
  ...(authentication && { authentication }),
  ...(actor && { actor }),
  ...(code?.claims && { claims: code.claims }),
  ...(code?.approvedClaims && { approvedClaims: code.approvedClaims }),
})

/** The end of a grant that nobody had to sign for. */
export const revocation = (reason: RevocationReason): EventOf<'grant.revoked'> => ({
  type: 'grant.revoked',
  reason,
  signedAtSeconds: null,
  signature: null,
})
