/** The authorization request: RFC 6749 section 4.1.1 and 4.2.1, RFC 7636 section 4.3, RFC 8707, RFC 9700 section 2.1. */
import { type AuthenticationRequest, authenticationRequest } from './authentication-request.ts'
import { individualClaims } from './claims-request.ts'
import { type Client, isPublic, mayUse } from './client.ts'
import { OAuthError } from './errors.ts'
import { isCodeChallenge } from './pkce.ts'
import { matchesRedirectUri } from './redirect-uri.ts'
import { requestedResources } from './resource.ts'
import { type ResponseMode, type ResponseType, responseModeOf, responseTypeOf } from './response-type.ts'
import { narrowScopes } from './scope.ts'

/** Where an answer may go: only known once client and redirect URI are sure. */
export interface AuthorizationTarget {
  redirectUri: string
  redirectUriSent: boolean
  state: string | undefined
  responseMode: ResponseMode
}

export interface AuthorizationRequest extends AuthorizationTarget {
  clientId: string
  grantType: ResponseType['grantType']
  scopes: string[]
  codeChallenge: string | null
  /** Resource servers that the tokens are for (RFC 8707). */
  resources?: readonly string[]
  authentication: AuthenticationRequest
  /** Claims that the user is asked for one by one (OpenID Connect Core section 5.5); left out where there are none. */
  individualClaims?: readonly string[]
  /** RFC 9449 section 10: thumbprint of the key that must redeem the code. */
  jkt?: string
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
  const redirectUri = sent ?? (registered.length === 1 ? registered[0] : undefined)
  if (redirectUri === undefined) throw new OAuthError('invalid_request', 'redirect_uri is missing')
  if (!matchesRedirectUri(client.metadata, redirectUri))
    throw new OAuthError('invalid_request', 'redirect_uri is not one of those registered for the client')
  return {
    redirectUri,
    redirectUriSent: sent !== undefined,
    state: parameters.state,
    responseMode: responseModeOf(parameters, redirectUri).mode,
  }
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
  const { grantType } = responseType(client, parameters)
  if (!responseModeOf(parameters, target.redirectUri).isServed)
    throw new OAuthError('invalid_request', 'the response_mode is not supported here')
  // OpenID Connect Core section 6: a server that does not support these must say so, not ignore them.
  if (parameters.request !== undefined)
    throw new OAuthError('request_not_supported', 'request objects are not supported')
  // Nothing is ever fetched from an address in a request; those that were pushed were taken out before.
  if (parameters.request_uri !== undefined)
    throw new OAuthError('request_uri_not_supported', 'only request_uri values of /oauth/par are taken')
  const { dpop_jkt: jkt } = parameters
  if (jkt !== undefined && !/^[A-Za-z0-9_-]{43}$/.test(jkt))
    throw new OAuthError('invalid_request', 'dpop_jkt is not a SHA-256 thumbprint')
  const resources = requestedResources(parameters.resource, client)
  const scopes = narrowScopes(parameters.scope, client.metadata.scopes)
  const authentication = authenticationRequest(client, parameters)
  // They come with a code of OpenID Connect alone.
  const isAnswered = grantType === 'authorization_code' && scopes.includes('openid')
  const claims = isAnswered ? individualClaims(authentication.claims, scopes, client.metadata.scopes) : []
  return {
    clientId: client.clientId,
    ...target,
    grantType,
    scopes,
    codeChallenge: grantType === 'authorization_code' ? codeChallenge(client, parameters) : null,
    ...(resources && { resources }),
    authentication,
    ...(claims.length > 0 && { individualClaims: claims }),
    ...(jkt !== undefined && { jkt }),
  }
}

function responseType(client: Client, { response_type: text }: Parameters): ResponseType {
  if (text === undefined) throw new OAuthError('invalid_request', 'response_type is missing')
  const type = responseTypeOf(text)
  if (!type) throw new OAuthError('unsupported_response_type', 'the response_type is not supported')
  if (!mayUse(client, type.grantType))
    throw new OAuthError('unauthorized_client', `the client may not use the grant type ${type.grantType}`)
  // A token in a redirect cannot be bound to a key (RFC 9449 section 5 binds at the token endpoint).
  if (type.grantType === 'implicit' && client.metadata.dpopBound)
    throw new OAuthError('unauthorized_client', 'the tokens of this client must be bound by DPoP')
  return type
}

function codeChallenge(client: Client, parameters: Parameters): string | null {
  const { code_challenge: challenge, code_challenge_method: method } = parameters
  if (challenge === undefined) {
    if (method !== undefined) throw new OAuthError('invalid_request', 'code_challenge is missing')
    if (isPublic(client))
      throw new OAuthError('invalid_request', 'code_challenge is required of a public client')
    return null
  }
  // A missing method means "plain" (RFC 7636 section 4.3), which RFC 9700 section 2.1.1 rules out.
  if (method !== 'S256') throw new OAuthError('invalid_request', 'code_challenge_method must be S256')
  if (!isCodeChallenge(challenge)) throw new OAuthError('invalid_request', 'code_challenge is malformed')
  return challenge
}
