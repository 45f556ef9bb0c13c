/** `/oauth/authorize`: the authorization endpoint (RFC 6749 section 3.1), by GET and POST. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { authorize } from '../../authorization-server/authorize.ts'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { findSession } from '../../authorization-server/session.ts'
import { authorizePath } from '../authorize-path.ts'
import { sendAnswer } from '../authorize-step.ts'
import { distinctParameters, givenTwice } from '../parameters.ts'
import type { SessionCookie } from '../session-cookie.ts'

/** Without them nobody can be told of a fault but the user. */
const mustBeSure = ['client_id', 'redirect_uri', 'request_uri']

export function authorizeRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  cookie: SessionCookie,
): void {
  const handle = async (request: FastifyRequest, reply: FastifyReply, input: unknown) => {
    const { parameters, repeated } = distinctParameters(input)
    const unsure = repeated.find((name) => mustBeSure.includes(name))
    if (unsure !== undefined) throw givenTwice(unsure)
    const fault = repeated[0] === undefined ? undefined : givenTwice(repeated[0])
    const step = await authorize(context, parameters, findSession(context, cookie.read(request)), fault)
    if (step.kind === 'redirect' || step.kind === 'post') return sendAnswer(request, reply, step, 302)
    const path = authorizePath(step.asked)
    if (step.kind === 'ask') return reply.redirect(path.replace('/authorize?', '/confirm_access?'), 302)
    cookie.setContinue(reply, path)
    return reply.redirect(`/login?${new URLSearchParams({ continue: path })}`, 302)
  }
  // A code may be issued, so a HEAD request is not answered like a GET (RFC 9110 section 9.2.1).
  app.get('/oauth/authorize', { exposeHeadRoute: false }, (request, reply) =>
    handle(request, reply, request.query),
  )
  app.post('/oauth/authorize', (request, reply) => handle(request, reply, request.body))
}
