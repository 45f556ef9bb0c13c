/** `/welcome.html`: a page behind the login, to try a user out. */
import type { FastifyInstance } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { findSession } from '../../authorization-server/session.ts'
import { languageOf, sendPage } from '../html-pages.ts'
import { welcomePage } from '../pages/welcome.ts'
import type { SessionCookie } from '../session-cookie.ts'

export function welcomeRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  cookie: SessionCookie,
): void {
  app.get('/welcome.html', (request, reply) => {
    const live = findSession(context, cookie.read(request))
    if (!live) return reply.redirect('/login', 302)
    const { username = live.user.subject, authorities } = live.user
    const csrfToken = reply.generateCsrf()
    return sendPage(reply, welcomePage({ language: languageOf(request), username, authorities, csrfToken }))
  })
}
