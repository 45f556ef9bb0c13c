/** `/oauth/check_token` of SignOn 1.1, by POST and, since its resource servers did so, by GET. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { lookUpToken } from '../../authorization-server/introspect.ts'
import { OAuthError } from '../../oauth/errors.ts'
import { checkedToken } from '../../oauth/introspection.ts'
import { authenticateCaller, requiredToken } from '../authenticate-caller.ts'
import { type Parameters, parameters } from '../parameters.ts'

export function checkTokenRoute(app: FastifyInstance, context: AuthorizationContext): void {
  const check = async (request: FastifyRequest, form: Parameters, credentials: Parameters) => {
    await authenticateCaller(context, request, credentials)
    const token = await lookUpToken(context, requiredToken(form))
    if (token?.kind !== 'access') throw new OAuthError('invalid_token', 'the token was not recognised', 400)
    return checkedToken(token)
  }
  app.post('/oauth/check_token', (request) => {
    const form = parameters(request.body)
    return check(request, form, form)
  })
  // A secret "MUST NOT be included in the request URI" (RFC 6749 section 2.3.1): by GET only HTTP Basic counts.
  app.get('/oauth/check_token', (request) => check(request, parameters(request.query), {}))
}
