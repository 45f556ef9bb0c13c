/** `/oauth/authorize`: the authorization endpoint (RFC 6749 section 3.1), by GET and POST. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { authorize } from '../../authorization-server/authorize.ts'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { findSession } from '../../authorization-server/session.ts'
import { authorizePath } from '../authorize-path.ts'
import { type Parameters, parameters } from '../parameters.ts'
import type { SessionCookie } from '../session-cookie.ts'

export function authorizeRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  cookie: SessionCookie,
): void {
  const handle = async (request: FastifyRequest, reply: FastifyReply, asked: Parameters) => {
    const step = await authorize(context, asked, findSession(context, cookie.read(request)))
    reply.header('cache-control', 'no-store')
    if (step.kind === 'redirect') return reply.redirect(step.location, 302)
    const path = authorizePath(asked)
    if (step.kind === 'ask') return reply.redirect(path.replace('/authorize?', '/confirm_access?'), 302)
    cookie.setContinue(reply, path)
    return reply.redirect(`/login?${new URLSearchParams({ continue: path })}`, 302)
  }
  // A code may be issued, so a HEAD request is not answered like a GET (RFC 9110 section 9.2.1).
  app.get('/oauth/authorize', { exposeHeadRoute: false }, (request, reply) =>
    handle(request, reply, parameters(request.query)),
  )
  app.post('/oauth/authorize', (request, reply) => handle(request, reply, parameters(request.body)))
}
