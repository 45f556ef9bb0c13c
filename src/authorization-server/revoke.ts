/** Token revocation (RFC 7009). */
import type { Client } from '../oauth/client.ts'
import { type Decision, refuse } from '../oauth/errors.ts'
import type { Event, RevocationReason } from '../oauth/events.ts'
import type { Grant } from '../oauth/grant.ts'
import { hashToken, isToken } from '../oauth/token-format.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'

/** The stream of the grant that a token, live or not, belongs to. */
export function grantStreamOf({ models }: AuthorizationContext, token: string): string | undefined {
  return isToken('access', token) || isToken('refresh', token) ? models.streamOf(hashToken(token)) : undefined
}

/** Ends a grant, once. */
export const endGrant = (grant: Grant | undefined, reason: RevocationReason): Decision<void, Event> => ({
  events:
    !grant || grant.ended ? [] : [{ type: 'grant.revoked', reason, signedAtSeconds: null, signature: null }],
  answer: undefined,
})

/**
 * Revokes the grant of a token at its client's wish: its access token and its refresh token alike (section 2.1,
 * "the authorization server MAY revoke the respective refresh token as well"). An unknown token is no error
 * (section 2.2).
 *
 * @throws OAuthError invalid_grant for the token of another client
 */
export async function revoke(context: AuthorizationContext, client: Client, token: string): Promise<void> {
  const stream = grantStreamOf(context, token)
  if (stream === undefined) return
  await decideAndAppend(context, 'grant', stream, (grant) =>
    grant && grant.clientId !== client.clientId
      ? refuse('invalid_grant', 'the token was issued to another client')
      : endGrant(grant, 'client'),
  )
}
