/** `POST /oauth/introspect`: token introspection (RFC 7662). */
import type { FastifyInstance } from 'fastify'
import { andThen } from '../../authorization-server/at-once.ts'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { lookUpToken } from '../../authorization-server/introspect.ts'
import { introspection, type LiveToken } from '../../oauth/introspection.ts'
import { authenticateCaller, requiredToken } from '../authenticate-caller.ts'
import { type Parameters, parameters } from '../parameters.ts'

export function introspectionRoute(app: FastifyInstance, context: AuthorizationContext): void {
  const say = (token: LiveToken | undefined) => introspection(token, context.settings.issuer)
  const answer = (form: Parameters) => andThen(lookUpToken(context, requiredToken(form)), say)
  app.post('/oauth/introspect', (request) => {
    const form = parameters(request.body)
    return andThen(authenticateCaller(context, request, form), () => answer(form))
  })
}
