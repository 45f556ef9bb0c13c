/**
 * A grant: one authorization and all that came of it, the code, the tokens and their rotations (a refresh
 * token family). It is one stream, so that whatever must not happen twice is decided in one order.
 */
import type { GrantType, Recorded, RevocationReason } from './events.ts'
import type { User } from './user.ts'

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
  } | null
  /** The live access token; the one before ended when this one was issued. */
  access: { hash: string; scopes: string[]; issuedAtSeconds: number; expiresAtSeconds: number } | null
  refresh: { hash: string; expiresAtSeconds: number } | null
  /** The refresh token that the live one replaced, for the grace window. */
  rotated: { fromHash: string; atMs: number } | null
  ended: { reason: RevocationReason; atSeconds: number } | null
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
        },
        access: null,
        refresh: null,
        rotated: null,
        ended: null,
      }
    case 'code.redeemed':
      return state && { ...state, code: state.code && { ...state.code, redeemed: true } }
    case 'token.issued': {
      const access = {
        hash: event.accessTokenHash,
        scopes: event.scopes,
        issuedAtSeconds: seconds,
        expiresAtSeconds: event.accessExpiresAtSeconds,
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
        session: null,
        scopes: event.scopes,
        issuedAtSeconds: seconds,
        code: null,
        access,
        refresh,
        rotated: null,
        ended: null,
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
