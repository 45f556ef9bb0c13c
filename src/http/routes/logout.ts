/** `/oauth/logout` of SignOn 1.1 (`access_token`, `redirect_uri`), and the logout form of this site's own pages. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { endSession } from '../../authorization-server/end.ts'
import { logOut } from '../../authorization-server/log-out.ts'
import { findSession } from '../../authorization-server/session.ts'
import { OAuthError } from '../../oauth/errors.ts'
import { languageOf, sendPage } from '../html-pages.ts'
import { loggedOutPage } from '../pages/logout.ts'
import { type Parameters, parameters } from '../parameters.ts'
import type { SessionCookie } from '../session-cookie.ts'

export function logoutRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  cookie: SessionCookie,
): void {
  /** The access token is the proof that its holder asks, so no form token is needed. */
  const withToken = async (request: FastifyRequest, reply: FastifyReply, asked: Parameters) => {
    const { access_token: token, redirect_uri: redirectUri } = asked
    if (token === undefined || redirectUri === undefined)
      throw new OAuthError('invalid_request', 'access_token and redirect_uri are required')
    const live = findSession(context, cookie.read(request))
    const { location, sessionEnded } = await logOut(context, token, redirectUri, live)
    if (sessionEnded) cookie.clear(reply)
    return reply.redirect(location, 303)
  }
  // It changes something, so a HEAD request is not answered like a GET (RFC 9110 section 9.2.1).
  app.get('/oauth/logout', { exposeHeadRoute: false }, (request, reply) =>
    withToken(request, reply, parameters(request.query)),
  )
  app.post('/oauth/logout', {
    preHandler: (request, reply, done) =>
      parameters(request.body).access_token === undefined ? app.csrfProtection(request, reply, done) : done(),
    handler: async (request, reply) => {
      const asked = parameters(request.body)
      if (asked.access_token !== undefined) return withToken(request, reply, asked)
      const live = findSession(context, cookie.read(request))
      if (live) await endSession(context, live.session, 'logout')
      cookie.clear(reply)
      return sendPage(reply, loggedOutPage({ language: languageOf(request) }))
    },
  })
}
