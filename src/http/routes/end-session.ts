/** `/oauth/end_session`: OpenID Connect RP-Initiated Logout 1.0 section 2, by GET and POST. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { requestEndSession } from '../../authorization-server/end-session.ts'
import { findSession } from '../../authorization-server/session.ts'
import { languageOf, sendPage } from '../html-pages.ts'
import { loggedOutPage, logoutPage } from '../pages/logout.ts'
import { type Parameters, parameters } from '../parameters.ts'
import type { SessionCookie } from '../session-cookie.ts'

const path = '/oauth/end_session'

export function endSessionRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  cookie: SessionCookie,
): void {
  const handle = async (
    request: FastifyRequest,
    reply: FastifyReply,
    asked: Parameters,
    isConfirmed: boolean,
  ) => {
    const live = findSession(context, cookie.read(request))
    const step = await requestEndSession(context, asked, live, isConfirmed)
    const language = languageOf(request, asked.ui_locales)
    if (step.kind === 'ask') {
      const { client, target } = step
      const { state, ui_locales: uiLocales } = asked
      const page = logoutPage({
        language,
        csrfToken: reply.generateCsrf(),
        action: path,
        clientName: client?.metadata.name ?? client?.clientId,
        hidden: {
          confirmed: 'yes',
          ...(client && { client_id: client.clientId }),
          ...(target !== undefined && { post_logout_redirect_uri: target }),
          ...(state !== undefined && { state }),
          ...(uiLocales !== undefined && { ui_locales: uiLocales }),
        },
      })
      return sendPage(reply, page, { formTarget: target })
    }
    cookie.clear(reply)
    if (step.location === undefined) return sendPage(reply, loggedOutPage({ language }))
    return reply.redirect(step.location, 303)
  }
  // It changes something, so a HEAD request is not answered like a GET (RFC 9110 section 9.2.1).
  app.get(path, { exposeHeadRoute: false }, (request, reply) =>
    handle(request, reply, parameters(request.query), false),
  )
  app.post(path, {
    preHandler: (request, reply, done) =>
      parameters(request.body).confirmed === undefined ? done() : app.csrfProtection(request, reply, done),
    handler: async (request, reply) => {
      const asked = parameters(request.body)
      if (asked.confirmed !== undefined) return handle(request, reply, asked, true)
      // A form of another site comes without this site's cookies (SameSite=Lax); as a GET it comes with them.
      const query = Object.entries(asked).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]],
      )
      return reply.redirect(`${path}?${new URLSearchParams(query as [string, string][])}`, 303)
    },
  })
}
