/** `POST /oauth/revoke`: token revocation (RFC 7009). */
import type { FastifyInstance } from 'fastify'
import { findClient } from '../../authorization-server/authenticate-client.ts'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { revoke } from '../../authorization-server/revoke.ts'
import { authenticateRequest, requiredToken } from '../authenticate-caller.ts'
import { allowClientOrigin, preflightRoute } from '../cross-origin.ts'
import { parameters } from '../parameters.ts'

export function revocationRoute(app: FastifyInstance, context: AuthorizationContext): void {
  app.post('/oauth/revoke', async (request, reply) => {
    const form = parameters(request.body)
    if (request.headers.origin !== undefined)
      allowClientOrigin(request, reply, findClient(context, form.client_id ?? ''))
    const client = await authenticateRequest(context, request, form)
    await revoke(context, client, requiredToken(form))
    // Section 2.2: the content is ignored, but some clients take no answer that is not JSON.
    return {}
  })
  preflightRoute(app, '/oauth/revoke', 'POST')
}
