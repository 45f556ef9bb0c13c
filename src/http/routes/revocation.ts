/** `POST /oauth/revoke`: token revocation (RFC 7009). */
import type { FastifyInstance } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { revoke } from '../../authorization-server/revoke.ts'
import { authenticateRequest, requiredToken } from '../authenticate-caller.ts'
import { parameters } from '../parameters.ts'

export function revocationRoute(app: FastifyInstance, context: AuthorizationContext): void {
  app.post('/oauth/revoke', async (request) => {
    const form = parameters(request.body)
    const client = await authenticateRequest(context, request, form)
    await revoke(context, client, requiredToken(form))
    // Section 2.2: the content is ignored, but some clients take no answer that is not JSON.
    return {}
  })
}
