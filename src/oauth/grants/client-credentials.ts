/** Client credentials grant: RFC 6749 section 4.4. "A refresh token SHOULD NOT be included" (section 4.4.3). */
import type { Client } from '../client.ts'
import type { Event } from '../events.ts'
import { narrowScopes } from '../scope.ts'
import { issueTokens } from './issue-tokens.ts'
import type { FreshTokens, IssuedTokens, TokenLifetimes } from './token-answer.ts'

/** @throws OAuthError invalid_scope */
export function issueToClient(
  client: Client,
  { scope, resources, jkt }: { scope: string | undefined; resources?: readonly string[]; jkt?: string },
  { access }: Pick<FreshTokens, 'access'>,
  lifetimes: TokenLifetimes,
  nowMs: number,
): { events: readonly Event[]; answer: IssuedTokens } {
  const { event, answer } = issueTokens({
    grantType: 'client_credentials',
    client,
    scopes: narrowScopes(scope, client.metadata.scopes),
    access,
    lifetimes,
    nowMs,
    subject: null,
    resources,
    jkt,
  })
  return { events: [event], answer }
}
