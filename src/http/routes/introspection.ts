/** `POST /oauth/introspect`: token introspection (RFC 7662). */
import type { FastifyInstance } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { lookUpToken } from '../../authorization-server/introspect.ts'
import { introspection } from '../../oauth/introspection.ts'
import { authenticateCaller, requiredToken } from '../authenticate-caller.ts'
import { parameters } from '../parameters.ts'

export function introspectionRoute(app: FastifyInstance, context: AuthorizationContext): void {
  app.post('/oauth/introspect', async (request) => {
    const form = parameters(request.body)
    await authenticateCaller(context, request, form)
    return introspection(await lookUpToken(context, requiredToken(form)), context.settings.issuer)
  })
}
