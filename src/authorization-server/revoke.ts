/** Token revocation (RFC 7009). */
import type { Client } from '../oauth/client.ts'
import { type Decision, refuse } from '../oauth/errors.ts'
import type { Event, RevocationReason } from '../oauth/events.ts'
import { type Grant, revocation } from '../oauth/grant.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { presentedHash } from './presented-token.ts'

/** The stream of the grant that a token, live or not, belongs to. */
export async function grantStreamOf(
  context: AuthorizationContext,
  token: string,
): Promise<string | undefined> {
  const hash = await presentedHash(context, token)
  return hash === undefined ? undefined : context.models.streamOf(hash)
}

/** Ends a grant, once. */
export const endGrant = (grant: Grant | undefined, reason: RevocationReason): Decision<void, Event> => ({
  events: !grant || grant.ended ? [] : [revocation(reason)],
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
  const stream = await grantStreamOf(context, token)
  if (stream === undefined) return
  await decideAndAppend(context, 'grant', stream, (grant) =>
    grant && grant.clientId !== client.clientId
      ? refuse('invalid_grant', 'the token was issued to another client')
      : endGrant(grant, 'client'),
  )
}
