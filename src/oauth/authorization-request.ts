/** The authorization request: RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 9700 section 2.1. */
import { type Client, isPublic, mayUse } from './client.ts'
import { OAuthError } from './errors.ts'
import { isCodeChallenge } from './pkce.ts'
import { matchesRedirectUri } from './redirect-uri.ts'
import { narrowScopes } from './scope.ts'

export interface AuthorizationRequest {
  clientId: string
  redirectUri: string
  redirectUriSent: boolean
  state: string | undefined
  scopes: string[]
  codeChallenge: string | null
  /** RFC 9449 section 10: thumbprint of the key that must redeem the code. */
  jkt?: string
}

/** Where an answer may go: only known once client and redirect URI are sure. */
export interface AuthorizationTarget {
  redirectUri: string
  redirectUriSent: boolean
  state: string | undefined
}

type Parameters = Readonly<Record<string, string | undefined>>

/**
 * First half: client and redirect URI. A fault here is told to the user, never redirected
 * (RFC 6749 section 4.1.2.1, RFC 9700 section 4.11).
 *
 * @throws OAuthError
 */
export function authorizationTarget(client: Client | undefined, parameters: Parameters): AuthorizationTarget {
  if (parameters.client_id === undefined) throw new OAuthError('invalid_request', 'client_id is missing')
  if (!client || client.removed) throw new OAuthError('invalid_client', 'the client is not known')
  const registered = client.metadata.redirectUris
  const sent = parameters.redirect_uri
  if (sent === undefined) {
    const only = registered[0]
    if (only === undefined || registered.length > 1)
      throw new OAuthError('invalid_request', 'redirect_uri is missing')
    return { redirectUri: only, redirectUriSent: false, state: parameters.state }
  }
  if (!matchesRedirectUri(client.metadata, sent))
    throw new OAuthError('invalid_request', 'redirect_uri is not one of those registered for the client')
  return { redirectUri: sent, redirectUriSent: true, state: parameters.state }
}

/**
 * Second half: faults from here on go back to the client's redirect URI.
 *
 * @throws OAuthError
 */
export function authorizationRequest(
  client: Client,
  target: AuthorizationTarget,
  parameters: Parameters,
): AuthorizationRequest {
  if (parameters.response_type === undefined)
    throw new OAuthError('invalid_request', 'response_type is missing')
  if (parameters.response_type !== 'code')
    throw new OAuthError('unsupported_response_type', 'only response_type code is supported')
  if (!mayUse(client, 'authorization_code'))
    throw new OAuthError('unauthorized_client', 'the client may not use the authorization code grant')
  if (parameters.response_mode !== undefined && parameters.response_mode !== 'query')
    throw new OAuthError('invalid_request', 'only response_mode query is supported')
  // OpenID Connect Core section 6: a server that does not support these must say so, not ignore them.
  if (parameters.request !== undefined || parameters.request_uri !== undefined)
    throw new OAuthError('invalid_request', 'request objects are not supported')
  const { code_challenge: challenge, code_challenge_method: method } = parameters
  if (challenge === undefined) {
    if (method !== undefined) throw new OAuthError('invalid_request', 'code_challenge is missing')
    if (isPublic(client))
      throw new OAuthError('invalid_request', 'code_challenge is required of a public client')
  } else {
    // A missing method means "plain" (RFC 7636 section 4.3), which RFC 9700 section 2.1.1 rules out.
    if (method !== 'S256') throw new OAuthError('invalid_request', 'code_challenge_method must be S256')
    if (!isCodeChallenge(challenge)) throw new OAuthError('invalid_request', 'code_challenge is malformed')
  }
  const { dpop_jkt: jkt } = parameters
  if (jkt !== undefined && !/^[A-Za-z0-9_-]{43}$/.test(jkt))
    throw new OAuthError('invalid_request', 'dpop_jkt is not a SHA-256 thumbprint')
  return {
    clientId: client.clientId,
    ...target,
    scopes: narrowScopes(parameters.scope, client.metadata.scopes),
    codeChallenge: challenge ?? null,
    ...(jkt !== undefined && { jkt }),
  }
}
