/** Authorization code grant: RFC 6749 section 4.1, RFC 7636, RFC 9700 section 2.1.1. */
import { type Client, mayUse } from '../client.ts'
import { type Decision, refuse } from '../errors.ts'
import type { Event } from '../events.ts'
import { type Grant, isOwnerGone, ownerFacts } from '../grant.ts'
import { verifyCodeVerifier } from '../pkce.ts'
import { resourcesWithin } from '../resource.ts'
import type { User } from '../user.ts'
import { refuseCode } from './code-once.ts'
import { issueTokens } from './issue-tokens.ts'
import type { FreshTokens, IssuedTokens, TokenLifetimes } from './token-answer.ts'

export interface RedeemRequest {
  codeHash: string
  redirectUri: string | undefined
  codeVerifier: string | undefined
  /** RFC 8707 section 2.2. */
  resources?: readonly string[] | undefined
  /** Thumbprint of the key that the request was signed with (RFC 9449). */
  jkt?: string | undefined
}

/**
 * Redeems a code (RFC 6749 section 4.1.3).
 *
 * @throws OAuthError invalid_target
 */
export function redeemCode(
  grant: Grant | undefined,
  request: RedeemRequest,
  client: Client,
  owner: User | undefined,
  tokens: FreshTokens,
  lifetimes: TokenLifetimes,
  nowMs: number,
): Decision<IssuedTokens, Event> {
  const code = grant?.code
  if (!grant || !code || code.hash !== request.codeHash)
    return refuse('invalid_grant', 'the code is not known')
  const refused = refuseCode(grant, client, 'code', code.redeemed)
  if (refused) return refused
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
  // "the authorization server MUST reject the request if they do not match" (RFC 9449 section 10).
  if (code.jkt !== undefined && code.jkt !== request.jkt)
    return refuse('invalid_grant', 'the code is bound to another DPoP key')
  const resources = resourcesWithin(request.resources, code.resources, client)
  const { event, answer } = issueTokens(
    {
      grantType: 'authorization_code',
      client,
      scopes: grant.scopes,
      access: tokens.access,
      refresh: mayUse(client, 'refresh_token') ? tokens.refresh : undefined,
      lifetimes,
      nowMs,
      ...ownerFacts(grant),
      resources,
      jkt: request.jkt,
      nonce: code.nonce,
    },
    true,
  )
  return { events: [{ type: 'code.redeemed' }, event], answer }
}
