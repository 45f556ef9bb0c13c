/** Issued tokens in the form in which they leave the server. */
import type { Client } from '../oauth/client.ts'
import { streamOf } from '../oauth/events.ts'
import { type IssuedTokens, type TokenAnswer, tokenAnswer } from '../oauth/grants/token-answer.ts'
import { accessTokenClaims, accessTokenType, idTokenClaims } from '../oauth/jwt.ts'
import type { AuthorizationContext } from './context.ts'

/**
 * Opaque tokens leave as they are, at once. JWT access tokens (RFC 9068) are signed, and ID tokens wherever a
 * user gave the scope `openid`.
 *
 * @param withIdToken false where the answer has no place for one
 */
export function presentTokens(
  context: AuthorizationContext,
  client: Client,
  issued: IssuedTokens,
  withIdToken = true,
): TokenAnswer | Promise<TokenAnswer> {
  const isJwt = client.metadata.accessTokenFormat === 'jwt'
  const hasIdToken = withIdToken && issued.subject !== null && issued.scopes.includes('openid')
  return isJwt || hasIdToken ? sign(context, client, issued, isJwt, hasIdToken) : tokenAnswer(issued)
}

async function sign(
  { keys, models, settings, now }: AuthorizationContext,
  client: Client,
  issued: IssuedTokens,
  isJwt: boolean,
  hasIdToken: boolean,
): Promise<TokenAnswer> {
  const { issuer } = settings
  const { subject } = issued
  const user = subject === null ? undefined : models.load('user', streamOf.user(subject)).state
  const answer = tokenAnswer(issued)
  if (isJwt)
    answer.access_token = await keys.sign(accessTokenType, accessTokenClaims(issued, client, user, issuer))
  if (hasIdToken) {
    const algorithm = keys.algorithmFor(client.metadata)
    const place = { issuer, nowSeconds: Math.floor(now() / 1000) }
    const claims = idTokenClaims(issued, client, user, answer.access_token, algorithm, place)
    answer.id_token = await keys.sign('JWT', claims, algorithm)
  }
  return answer
}
