/** Authorization code grant: RFC 6749 section 4.1, RFC 7636, RFC 9700 section 2.1.1. */
import { type Client, mayUse } from '../client.ts'
import { type Decision, refuse } from '../errors.ts'
import type { Event } from '../events.ts'
import { type Grant, isOwnerGone } from '../grant.ts'
import { verifyCodeVerifier } from '../pkce.ts'
import type { User } from '../user.ts'
import { type FreshTokens, type TokenAnswer, type TokenLifetimes, tokenAnswer } from './token-answer.ts'

export interface RedeemRequest {
  codeHash: string
  redirectUri: string | undefined
  codeVerifier: string | undefined
}

/**
 * Redeems a code (RFC 6749 section 4.1.3).
 *
 * "If an authorization code is used more than once, the authorization server MUST deny the request and
 * SHOULD revoke (when possible) all tokens previously issued based on that authorization code" (section 4.1.2).
 */
export function redeemCode(
  grant: Grant | undefined,
  request: RedeemRequest,
  client: Client,
  owner: User | undefined,
  tokens: FreshTokens,
  lifetimes: TokenLifetimes,
  nowMs: number,
): Decision<TokenAnswer, Event> {
  const code = grant?.code
  if (!grant || !code || code.hash !== request.codeHash)
    return refuse('invalid_grant', 'the code is not known')
  if (grant.clientId !== client.clientId || grant.clientVersion !== client.registeredAtVersion)
    return refuse('invalid_grant', 'the code was issued to another client')
  if (code.redeemed) {
    const { refusal } = refuse('invalid_grant', 'the code was used before; what it gave is revoked')
    const revoked: Event = {
      type: 'grant.revoked',
      reason: 'code_reuse',
      signedAtSeconds: null,
      signature: null,
    }
    return { events: grant.ended ? [] : [revoked], refusal }
  }
  if (grant.ended) return refuse('invalid_grant', 'the code was revoked')
  if (isOwnerGone(grant, owner)) return refuse('invalid_grant', 'the resource owner is no longer known')
  if (nowMs >= code.expiresAtSeconds * 1000) return refuse('invalid_grant', 'the code has expired')
  if (request.redirectUri === undefined ? code.redirectUriSent : request.redirectUri !== code.redirectUri)
    return refuse('invalid_grant', 'redirect_uri is not the one of the authorization request')
  if (code.challenge !== null) {
    if (request.codeVerifier === undefined) return refuse('invalid_grant', 'code_verifier is missing')
    if (!verifyCodeVerifier(request.codeVerifier, code.challenge))
      return refuse('invalid_grant', 'code_verifier does not match the code_challenge')
  } else if (request.codeVerifier !== undefined) {
    // RFC 9700 section 2.1.1: a verifier without a challenge is a PKCE downgrade.
    return refuse(
      'invalid_grant',
      'code_verifier was sent, but the authorization request had no code_challenge',
    )
  }
  const nowSeconds = Math.floor(nowMs / 1000)
  const withRefresh = mayUse(client, 'refresh_token')
  return {
    events: [
      { type: 'code.redeemed' },
      {
        type: 'token.issued',
        grantType: 'authorization_code',
        clientId: grant.clientId,
        clientVersion: grant.clientVersion,
        subject: grant.subject,
        scopes: grant.scopes,
        accessTokenHash: tokens.access.hash,
        accessExpiresAtSeconds: nowSeconds + lifetimes.accessSeconds,
        refreshTokenHash: withRefresh ? tokens.refresh.hash : null,
        refreshExpiresAtSeconds: withRefresh ? nowSeconds + lifetimes.refreshSeconds : null,
      },
    ],
    answer: tokenAnswer(
      tokens.access,
      withRefresh ? tokens.refresh : undefined,
      grant.scopes,
      lifetimes.accessSeconds,
    ),
  }
}
