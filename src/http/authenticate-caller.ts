/** Who asks: endpoints for clients that can prove themselves, such as resource servers. */
import type { FastifyRequest } from 'fastify'
import { andThen } from '../authorization-server/at-once.ts'
import { authenticateClient } from '../authorization-server/authenticate-client.ts'
import type { AuthorizationContext } from '../authorization-server/context.ts'
import type { Client } from '../oauth/client.ts'
import { clientCredentials } from '../oauth/client-authentication.ts'
import { OAuthError } from '../oauth/errors.ts'
import { mayIntrospect } from '../oauth/introspection.ts'
import type { Parameters } from './parameters.ts'

/** The client that sent this request. @throws OAuthError invalid_client */
export const authenticateRequest = (
  context: AuthorizationContext,
  request: FastifyRequest,
  form: Parameters,
): Client | Promise<Client> =>
  authenticateClient(context, clientCredentials(request.headers.authorization, form), request.ip)

/** @throws OAuthError invalid_client */
export function authenticateCaller(
  context: AuthorizationContext,
  request: FastifyRequest,
  form: Parameters,
): Client | Promise<Client> {
  return andThen(authenticateRequest(context, request, form), asking)
}

function asking(client: Client): Client {
  if (!mayIntrospect(client))
    throw new OAuthError('invalid_client', 'only a client that proves itself may ask')
  return client
}

/** @throws OAuthError invalid_request */
export function requiredToken(form: Parameters): string {
  if (form.token === undefined) throw new OAuthError('invalid_request', 'token is missing')
  return form.token
}
