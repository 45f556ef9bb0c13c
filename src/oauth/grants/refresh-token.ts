/** Refresh token grant with rotation: RFC 6749 section 6, reuse detection as in RFC 9700 section 4.14.2. */
import { type Client, isPublic } from '../client.ts'
import { type Decision, refuse } from '../errors.ts'
import type { Event } from '../events.ts'
import { type Grant, isOwnerGone, ownerFacts, revocation } from '../grant.ts'
import { resourcesWithin } from '../resource.ts'
import { scopesWithin } from '../scope.ts'
import type { User } from '../user.ts'
import type { FreshTokens, IssuedTokens, TokenLifetimes } from './token-answer.ts'

export interface RotateRequest {
  refreshTokenHash: string
  scope: string | undefined
  /** RFC 8707 section 2.2. */
  resources?: readonly string[] | undefined
  /** Thumbprint of the key that the request was signed with (RFC 9449). */
  jkt?: string | undefined
}

/**
 * Rotates a refresh token.
 *
 * `successors` are a keyed function of the presented token, so that a retry whose first answer was lost
 * gets the same tokens again: within `graceMs`, and only while the successor is the live one. Any other use
 * of a replaced refresh token means that two parties hold it, and revokes the family.
 *
 * @throws OAuthError invalid_scope, invalid_target
 */
export function rotateRefreshToken(
  grant: Grant | undefined,
  request: RotateRequest,
  client: Client,
  owner: User | undefined,
  successors: FreshTokens,
  lifetimes: TokenLifetimes,
  graceMs: number,
  nowMs: number,
): Decision<IssuedTokens, Event> {
  const live = grant?.refresh
  if (!grant || !live) return refuse('invalid_grant', 'the refresh token is not known')
  if (grant.clientId !== client.clientId || grant.clientVersion !== client.registeredAtVersion)
    return refuse('invalid_grant', 'the refresh token was issued to another client')
  if (grant.ended) return refuse('invalid_grant', 'the refresh token was revoked')
  if (isOwnerGone(grant, owner)) return refuse('invalid_grant', 'the resource owner is no longer known')

  if (live.hash !== request.refreshTokenHash) {
    const isRetry =
      grant.rotated?.fromHash === request.refreshTokenHash &&
      nowMs < grant.rotated.atMs + graceMs &&
      live.hash === successors.refresh.hash
    if (isRetry && grant.access) {
      const { scopes, issuedAtSeconds, expiresAtSeconds, resources, jkt } = grant.access
      // Bound tokens are of no use to another key, so the retry that asks with one gets none.
      if (jkt !== request.jkt) return refuse('invalid_grant', 'the token is bound to another DPoP key')
      return {
        events: [],
        answer: {
          ...successors,
          scopes,
          issuedAtSeconds,
          expiresInSeconds: Math.max(expiresAtSeconds - Math.floor(nowMs / 1000), 0),
          expiresAtSeconds,
          ...ownerFacts(grant),
          ...(resources && { resources }),
          ...(jkt !== undefined && { jkt }),
        },
      }
    }
    const { refusal } = refuse('invalid_grant', 'the refresh token was used before; its family is revoked')
    return {
      events: [revocation('refresh_reuse')],
      refusal,
    }
  }
  if (nowMs >= live.expiresAtSeconds * 1000) return refuse('invalid_grant', 'the refresh token has expired')

  const { jkt } = request
  // "a refresh token ... issued to a public client MUST be bound to the public key" (RFC 9449 section 5).
  if (isPublic(client) && grant.access?.jkt !== undefined && grant.access.jkt !== jkt)
    return refuse('invalid_grant', 'the refresh token is bound to another DPoP key')
  const scopes = scopesWithin(request.scope, grant.scopes)
  const resources = resourcesWithin(
    request.resources,
    grant.code ? grant.code.resources : grant.access?.resources,
    client,
  )
  const nowSeconds = Math.floor(nowMs / 1000)
  return {
    events: [
      {
        type: 'token.refreshed',
        scopes,
        accessTokenHash: successors.access.hash,
        accessExpiresAtSeconds: nowSeconds + lifetimes.accessSeconds,
        refreshTokenHash: successors.refresh.hash,
        refreshExpiresAtSeconds: nowSeconds + lifetimes.refreshSeconds,
        ...(resources && { resources: [...resources] }),
        ...(jkt !== undefined && { jkt }),
      },
    ],
    answer: {
      ...successors,
      scopes,
      issuedAtSeconds: nowSeconds,
      expiresInSeconds: lifetimes.accessSeconds,
      expiresAtSeconds: nowSeconds + lifetimes.accessSeconds,
      ...ownerFacts(grant),
      ...(resources && { resources }),
      ...(jkt !== undefined && { jkt }),
    },
  }
}
