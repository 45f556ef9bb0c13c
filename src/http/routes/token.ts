/** `POST /oauth/token`: the token endpoint (RFC 6749 section 3.2). */
import type { FastifyInstance } from 'fastify'
import { findClient } from '../../authorization-server/authenticate-client.ts'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { requestToken } from '../../authorization-server/token.ts'
import { authenticateRequest } from '../authenticate-caller.ts'
import { allowClientOrigin, preflightRoute } from '../cross-origin.ts'
import { provenKey } from '../dpop-proof.ts'
import { parameters } from '../parameters.ts'

export function tokenRoute(app: FastifyInstance, context: AuthorizationContext): void {
  app.post('/oauth/token', async (request, reply) => {
    const form = parameters(request.body)
    if (request.headers.origin !== undefined)
      allowClientOrigin(request, reply, findClient(context, form.client_id ?? ''))
    const authenticated = authenticateRequest(context, request, form)
    const client = authenticated instanceof Promise ? await authenticated : authenticated
    const jkt =
      request.headers.dpop === undefined
        ? undefined
        : await provenKey(context, request, reply, '/oauth/token')
    const address = request.ip
    return requestToken(context, { client, form, address, ...(jkt !== undefined && { jkt }) })
  })
  preflightRoute(app, '/oauth/token', 'POST')
}
