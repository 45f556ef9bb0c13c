/**
 * Resource owner password credentials grant: RFC 6749 section 4.3, as SignOn 1.1 had it. RFC 9700 section 2.4:
 * "MUST NOT be used"; it is here for clients that the administrator registered for it.
 */
import { type Client, mayUse } from '../client.ts'
import type { Event } from '../events.ts'
import type { Authentication } from '../grant.ts'
import { narrowScopes } from '../scope.ts'
import type { User } from '../user.ts'
import { issueTokens } from './issue-tokens.ts'
import type { FreshTokens, IssuedTokens, TokenLifetimes } from './token-answer.ts'

export interface PasswordRequest {
  scope: string | undefined
  resources: readonly string[] | undefined
  jkt: string | undefined
}

/**
 * @param user whose password was right
 * @throws OAuthError invalid_scope
 */
export function issueForPassword(
  client: Client,
  user: User,
  { scope, resources, jkt }: PasswordRequest,
  authentication: Authentication,
  tokens: FreshTokens,
  lifetimes: TokenLifetimes,
  nowMs: number,
): { events: readonly Event[]; answer: IssuedTokens } {
  const { event, answer } = issueTokens({
    grantType: 'password',
    client,
    scopes: narrowScopes(scope, client.metadata.scopes),
    access: tokens.access,
    refresh: mayUse(client, 'refresh_token') ? tokens.refresh : undefined,
    lifetimes,
    nowMs,
    subject: user.subject,
    authentication,
    resources,
    jkt,
  })
  return { events: [event], answer }
}
