/** Client credentials grant: RFC 6749 section 4.4. "A refresh token SHOULD NOT be included" (section 4.4.3). */
import type { Client } from '../client.ts'
import type { Event } from '../events.ts'
import { narrowScopes } from '../scope.ts'
import { type FreshTokens, type TokenAnswer, type TokenLifetimes, tokenAnswer } from './token-answer.ts'

/** @throws OAuthError invalid_scope */
export function issueToClient(
  client: Client,
  scope: string | undefined,
  { access }: Pick<FreshTokens, 'access'>,
  lifetimes: TokenLifetimes,
  nowMs: number,
): { events: readonly Event[]; answer: TokenAnswer } {
  const scopes = narrowScopes(scope, client.metadata.scopes)
  return {
    events: [
      {
        type: 'token.issued',
        grantType: 'client_credentials',
        clientId: client.clientId,
        clientVersion: client.registeredAtVersion,
        subject: null,
        scopes,
        accessTokenHash: access.hash,
        accessExpiresAtSeconds: Math.floor(nowMs / 1000) + lifetimes.accessSeconds,
        refreshTokenHash: null,
        refreshExpiresAtSeconds: null,
      },
    ],
    answer: tokenAnswer(access, undefined, scopes, lifetimes.accessSeconds),
  }
}
