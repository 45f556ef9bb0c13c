/** `/.well-known/oauth-authorization-server`: authorization server metadata (RFC 8414). */
import type { FastifyInstance } from 'fastify'
import type { AuthorizationContext, AuthorizationSettings } from '../../authorization-server/context.ts'
import { proofAlgorithms } from '../../authorization-server/dpop.ts'
import { grantTypes } from '../../authorization-server/token.ts'
import { authenticationClasses } from '../../oauth/authentication-context.ts'
import { prompts } from '../../oauth/authentication-request.ts'
import { assertionAlgorithms } from '../../oauth/client-assertion.ts'
import { responseModes, responseTypes } from '../../oauth/response-type.ts'
import { claimNames, claimScopes } from '../../oauth/user-claims.ts'
import { allowEveryOrigin } from '../cross-origin.ts'
import { pushedRequestPath } from './pushed-request.ts'

/** RFC 8414 section 3, and OpenID Connect Discovery section 4: the same document at both addresses. */
const addresses = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']

export function metadataRoute(app: FastifyInstance, { settings, keys }: AuthorizationContext): void {
  for (const address of addresses)
    app.get(address, (_request, reply) =>
      allowEveryOrigin(reply)
        .header('cache-control', 'public, max-age=300')
        .removeHeader('pragma')
        .send({
          ...metadata(settings),
          id_token_signing_alg_values_supported: keys.algorithms,
          userinfo_signing_alg_values_supported: keys.algorithms,
        }),
    )
}

/** Of clients that prove themselves. */
const provenMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']

/** Section 2. The issuer is that of the settings: a false Host header changes nothing. */
const metadata = ({ issuer, registration, pushedRequestsOnly }: AuthorizationSettings) => ({
  issuer,
  authorization_endpoint: `${issuer}/oauth/authorize`,
  token_endpoint: `${issuer}/oauth/token`,
  device_authorization_endpoint: `${issuer}/oauth/device_authorization`,
  userinfo_endpoint: `${issuer}/oauth/userinfo`,
  jwks_uri: `${issuer}/oauth/jwks`,
  introspection_endpoint: `${issuer}/oauth/introspect`,
  revocation_endpoint: `${issuer}/oauth/revoke`,
  ...(registration !== 'off' && { registration_endpoint: `${issuer}/oauth/register` }),
  pushed_authorization_request_endpoint: `${issuer}${pushedRequestPath}`,
  require_pushed_authorization_requests: pushedRequestsOnly,
  response_types_supported: responseTypes,
  response_modes_supported: responseModes,
  end_session_endpoint: `${issuer}/oauth/end_session`,
  backchannel_logout_supported: true,
  backchannel_logout_session_supported: true,
  // The implicit grant has no request at the token endpoint.
  grant_types_supported: [...grantTypes, 'implicit'],
  token_endpoint_auth_methods_supported: [...provenMethods, 'none'],
  token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
  introspection_endpoint_auth_methods_supported: provenMethods,
  introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
  revocation_endpoint_auth_methods_supported: [...provenMethods, 'none'],
  revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
  dpop_signing_alg_values_supported: proofAlgorithms,
  code_challenge_methods_supported: ['S256'],
  subject_types_supported: ['public'],
  scopes_supported: ['openid', ...claimScopes],
  claim_types_supported: ['normal'],
  claims_supported: ['sub', 'iss', 'auth_time', 'acr', ...claimNames],
  authorization_response_iss_parameter_supported: true,
  ui_locales_supported: ['en', 'ko'],
  prompt_values_supported: prompts,
  acr_values_supported: authenticationClasses,
  claims_parameter_supported: true,
  request_parameter_supported: false,
  request_uri_parameter_supported: false,
})
