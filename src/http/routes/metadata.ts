/** `/.well-known/oauth-authorization-server`: authorization server metadata (RFC 8414). */
import type { FastifyInstance } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { grantTypes } from '../../authorization-server/token.ts'

export function metadataRoute(app: FastifyInstance, { settings }: AuthorizationContext): void {
  app.get('/.well-known/oauth-authorization-server', (_request, reply) =>
    reply
      .header('cache-control', 'public, max-age=300')
      .removeHeader('pragma')
      .send(metadata(settings.issuer)),
  )
}

const secretMethods = ['client_secret_basic', 'client_secret_post']

/** Section 2. The issuer is that of the settings: a false Host header changes nothing. */
const metadata = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/oauth/authorize`,
  token_endpoint: `${issuer}/oauth/token`,
  introspection_endpoint: `${issuer}/oauth/introspect`,
  revocation_endpoint: `${issuer}/oauth/revoke`,
  response_types_supported: ['code'],
  response_modes_supported: ['query'],
  grant_types_supported: grantTypes,
  token_endpoint_auth_methods_supported: [...secretMethods, 'none'],
  introspection_endpoint_auth_methods_supported: secretMethods,
  revocation_endpoint_auth_methods_supported: [...secretMethods, 'none'],
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
  ui_locales_supported: ['en', 'ko'],
})
