/** Client credentials grant: RFC 6749 section 4.4. "A refresh token SHOULD NOT be included" (section 4.4.3). */
import type { Client } from '../client.ts'
import type { Event } from '../events.ts'
import { narrowScopes } from '../scope.ts'
import type { FreshTokens, IssuedTokens, TokenLifetimes } from './token-answer.ts'

/** @throws OAuthError invalid_scope */
export function issueToClient(
  client: Client,
  { scope, resources, jkt }: { scope: string | undefined; resources?: readonly string[]; jkt?: string },
  { access }: Pick<FreshTokens, 'access'>,
  lifetimes: TokenLifetimes,
  nowMs: number,
): { events: readonly Event[]; answer: IssuedTokens } {
  const nowSeconds = Math.floor(nowMs / 1000)
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
        accessExpiresAtSeconds: nowSeconds + lifetimes.accessSeconds,
        refreshTokenHash: null,
        refreshExpiresAtSeconds: null,
        ...(resources && { resources: [...resources] }),
        ...(jkt !== undefined && { jkt }),
      },
    ],
    answer: {
      access,
      scopes,
      issuedAtSeconds: nowSeconds,
      expiresInSeconds: lifetimes.accessSeconds,
      expiresAtSeconds: nowSeconds + lifetimes.accessSeconds,
      subject: null,
      ...(resources && { resources }),
      ...(jkt !== undefined && { jkt }),
    },
  }
}
