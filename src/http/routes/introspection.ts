/** `POST /oauth/introspect`: token introspection (RFC 7662). */
import type { FastifyInstance } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { lookUpToken } from '../../authorization-server/introspect.ts'
import { introspection, type LiveToken } from '../../oauth/introspection.ts'
import { authenticateCaller, requiredToken } from '../authenticate-caller.ts'
import { type Parameters, parameters } from '../parameters.ts'

export function introspectionRoute(app: FastifyInstance, context: AuthorizationContext): void {
  const say = (token: LiveToken | undefined) => introspection(token, context.settings.issuer)
  const answer = (form: Parameters) => {
    const token = lookUpToken(context, requiredToken(form))
    return token instanceof Promise ? token.then(say) : say(token)
  }
  // Mostly all is there at once, and then nothing is awaited: turns of the promise queue are a tenth of this request.
  app.post('/oauth/introspect', (request) => {
    const form = parameters(request.body)
    const caller = authenticateCaller(context, request, form)
    return caller instanceof Promise ? caller.then(() => answer(form)) : answer(form)
  })
}
