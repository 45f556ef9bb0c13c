/** OpenID Connect RP-Initiated Logout 1.0: a client asks to end the session of the browser that it sends here. */
import type { Client } from '../oauth/client.ts'
import { OAuthError } from '../oauth/errors.ts'
import { redirectTo } from '../oauth/redirect-uri.ts'
import { findClient } from './authenticate-client.ts'
import type { AuthorizationContext } from './context.ts'
import { endSession } from './end.ts'
import { readHint } from './id-token-hint.ts'
import type { LiveSession } from './session.ts'

/** Parameters of section 2; `logout_hint` is taken and not needed. */
export type EndSessionParameters = Readonly<Record<string, string | undefined>>

export type EndSessionStep =
  /** The session is over, or there was none; without a location the user stays here. */
  | { kind: 'done'; location?: string }
  /** Only the user can say whether this is wanted. */
  | { kind: 'ask'; client?: Client; target?: string }

/**
 * "the OP MUST verify that it was the issuer of the ID Token" and "SHOULD accept ID Tokens when the RP identified
 * by the ID Token's aud claim and/or sid claim has a current session ..., even when the exp time has passed"
 * (section 2 and 4). Where no such token says that the request is about the user of this browser, the user is
 * asked: "the OP MUST ask the End-User this question if an id_token_hint was not provided or if the supplied ID
 * Token does not belong to the current OP session" (section 2).
 *
 * @param isConfirmed the user was asked and agrees
 * @throws OAuthError invalid_request; then nothing has ended and nobody is redirected
 */
export async function requestEndSession(
  context: AuthorizationContext,
  parameters: EndSessionParameters,
  live: LiveSession | undefined,
  isConfirmed: boolean,
): Promise<EndSessionStep> {
  const { client_id: clientId, post_logout_redirect_uri: target, state } = parameters
  const { id_token_hint: token } = parameters
  const hint = token === undefined ? undefined : await readHint(context, token)
  if (hint && clientId !== undefined && !hint.audience.includes(clientId))
    throw new OAuthError('invalid_request', 'client_id is not the one of id_token_hint')
  const named = clientId ?? (hint?.audience.length === 1 ? hint.audience[0] : undefined)
  const client = named === undefined ? undefined : findClient(context, named)
  if (named !== undefined && !client) throw new OAuthError('invalid_request', 'the client is not known')
  // "the OP MUST NOT perform post-logout redirection if the ... value supplied does not exactly match" (section 3.1).
  if (target !== undefined && !client?.metadata.postLogoutRedirectUris?.includes(target))
    throw new OAuthError('invalid_request', 'post_logout_redirect_uri is not registered for the client')
  if (live && !isConfirmed && hint?.subject !== live.user.subject)
    return { kind: 'ask', ...(client && { client }), ...(target !== undefined && { target }) }
  if (live) await endSession(context, live.session, 'logout')
  if (target === undefined) return { kind: 'done' }
  return { kind: 'done', location: state === undefined ? target : redirectTo(target, { state }) }
}
