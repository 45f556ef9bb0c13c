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

/** Only what is there: a fold that finds a field left out comes to the same bytes. */
const kept = <K extends string, V>(name: K, value: V | undefined) =>
  (value === undefined ? {} : { [name]: value }) as { [P in K]?: V }

function authenticationOf(event: {
  authenticatedAtSeconds?: number
  acr?: string
  amr?: string[]
}): Authentication | undefined {
  const { authenticatedAtSeconds: atSeconds, acr, amr } = event
  return atSeconds === undefined ? undefined : { atSeconds, ...kept('acr', acr), ...kept('amr', amr) }
}

/** `evolve` of the grant stream: the only way a grant's state comes to be, live and in replay. */
export function evolveGrant(state: Grant | undefined, { event, timeMs }: Recorded): Grant | undefined {
  const seconds = Math.floor(timeMs / 1000)
  switch (event.type) {
    case 'code.issued':
      return {
        clientId: event.clientId,
        clientVersion: event.clientVersion,
        grantType: 'authorization_code',
        subject: event.subject,
        session: event.session,
        scopes: event.scopes,
        issuedAtSeconds: seconds,
        code: {
          hash: event.codeHash,
          redirectUri: event.redirectUri,
          redirectUriSent: event.redirectUriSent,
          challenge: event.codeChallenge,
          expiresAtSeconds: event.expiresAtSeconds,
          redeemed: false,
          ...kept('nonce', event.nonce),
          ...kept('resources', event.resources),
          ...kept('claims', event.claims),
          ...kept('jkt', event.jkt),
        },
        access: null,
        refresh: null,
        rotated: null,
        ended: null,
        ...kept('authentication', authenticationOf(event)),
      }
    case 'device_code.issued':
      return {
        clientId: event.clientId,
        clientVersion: event.clientVersion,
        grantType: 'device_code',
        subject: null,
        session: null,
        scopes: event.scopes,
        issuedAtSeconds: seconds,
        code: null,
        access: null,
        refresh: null,
        rotated: null,
        ended: null,
        device: {
          hash: event.deviceCodeHash,
          expiresAtSeconds: event.expiresAtSeconds,
          status: 'pending',
          ...kept('resources', event.resources),
        },
      }
    case 'device_code.approved':
      return (
        state?.device && {
          ...state,
          subject: event.subject,
          session: event.session,
          scopes: event.scopes,
          device: { ...state.device, status: 'approved' },
          ...kept('authentication', authenticationOf(event)),
        }
      )
    case 'device_code.denied':
      return state?.device && { ...state, device: { ...state.device, status: 'denied' } }
    case 'code.redeemed':
      return state && { ...state, code: state.code && { ...state.code, redeemed: true } }
    case 'token.issued': {
      const access = {
        hash: event.accessTokenHash,
        scopes: event.scopes,
        issuedAtSeconds: seconds,
        expiresAtSeconds: event.accessExpiresAtSeconds,
        ...kept('resources', event.resources),
        ...kept('jkt', event.jkt),
      }
      const refresh =
        event.refreshTokenHash === null
          ? null
          : { hash: event.refreshTokenHash, expiresAtSeconds: event.refreshExpiresAtSeconds ?? 0 }
      if (state) return { ...state, access, refresh }
      return {
        clientId: event.clientId,
        clientVersion: event.clientVersion,
        grantType: event.grantType,
        subject: event.subject,
        session: event.session ?? null,
        scopes: event.scopes,
        issuedAtSeconds: seconds,
        code: null,
        access,
        refresh,
        rotated: null,
        ended: null,
        ...kept('authentication', authenticationOf(event)),
        ...kept('actor', event.actor),
        ...kept('parent', event.parent),
      }
    }
    case 'token.refreshed':
      if (!state?.refresh) return state
      return {
        ...state,
        access: {
          hash: event.accessTokenHash,
          scopes: event.scopes,
          issuedAtSeconds: seconds,
          expiresAtSeconds: event.accessExpiresAtSeconds,
          ...kept('resources', event.resources),
          ...kept('jkt', event.jkt),
        },
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
})

/** The end of a grant that nobody had to sign for. */
export const revocation = (reason: RevocationReason): EventOf<'grant.revoked'> => ({
  type: 'grant.revoked',
  reason,
  signedAtSeconds: null,
  signature: null,
})
