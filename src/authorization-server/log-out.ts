/** `/oauth/logout` of SignOn 1.1: ends the access token's grant and the browser's session. */
import { OAuthError } from '../oauth/errors.ts'
import { matchesRedirectUri } from '../oauth/redirect-uri.ts'
import { isToken } from '../oauth/token-format.ts'
import { findClient } from './authenticate-client.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { endSession } from './end.ts'
import { endGrant, grantStreamOf } from './revoke.ts'
import type { LiveSession } from './session.ts'

/**
 * The token names the client, the client the allowed redirect URIs. The session ends only where it is that of
 * the token's own user, so that nobody is logged out by a stranger's link. A token that is dead already still
 * leads back to its client.
 *
 * @returns where the browser goes, and whether its session has ended
 * @throws OAuthError for an unknown token or a redirect URI that is not its client's
 */
export async function logOut(
  context: AuthorizationContext,
  accessToken: string,
  redirectUri: string,
  live: LiveSession | undefined,
): Promise<{ location: string; sessionEnded: boolean }> {
  const stream = isToken('refresh', accessToken) ? undefined : await grantStreamOf(context, accessToken)
  const grant = stream === undefined ? undefined : context.models.load('grant', stream).state
  const client = grant && findClient(context, grant.clientId)
  if (stream === undefined || !grant || !client)
    throw new OAuthError('invalid_request', 'access_token is not known')
  if (!matchesRedirectUri(client.metadata, redirectUri))
    throw new OAuthError('invalid_request', 'redirect_uri is not one of those registered for the client')
  await decideAndAppend(context, 'grant', stream, (state) => endGrant(state, 'logout'))
  const isOwn = live !== undefined && live.user.subject === grant.subject
  if (isOwn) await endSession(context, live.session, 'logout')
  return { location: redirectUri, sessionEnded: isOwn }
}
