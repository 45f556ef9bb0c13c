/** `/login`: the form, and the POST of `username` and `password` that starts a session. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { findClient } from '../../authorization-server/authenticate-client.ts'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { authenticateUser, findSession, startSession } from '../../authorization-server/session.ts'
import { OAuthError } from '../../oauth/errors.ts'
import { matchesRedirectUri } from '../../oauth/redirect-uri.ts'
import type { User } from '../../oauth/user.ts'
import { authorizeParameters, parseAuthorizePath } from '../authorize-path.ts'
import { languageOf, type PageSettings, sendPage } from '../html-pages.ts'
import { loginPage } from '../pages/login.ts'
import { parameters } from '../parameters.ts'
import type { SessionCookie } from '../session-cookie.ts'

export function loginRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  cookie: SessionCookie,
  { loginOrigins }: PageSettings,
): void {
  const form = (
    request: FastifyRequest,
    reply: FastifyReply,
    continueTo: string | undefined,
    failed?: { error: 'credentials' | 'paused'; username: string },
  ) => {
    // For whom the user logs in is shown only where the request is one that could succeed.
    const asked = continueTo === undefined ? {} : authorizeParameters(continueTo)
    const client = asked.client_id === undefined ? undefined : findClient(context, asked.client_id)
    const target = asked.redirect_uri ?? client?.metadata.redirectUris[0]
    const isSure = client && target !== undefined && matchesRedirectUri(client.metadata, target)
    const page = loginPage({
      language: languageOf(request, asked.ui_locales),
      csrfToken: reply.generateCsrf(),
      action: '/login',
      continueTo,
      clientName: isSure ? (client.metadata.name ?? client.clientId) : undefined,
      ...failed,
    })
    return sendPage(reply, page, isSure ? target : undefined)
  }

  app.get('/login', (request, reply) =>
    form(request, reply, parseAuthorizePath(parameters(request.query).continue)),
  )

  /** A page of an allowed origin may post without this site's token: its origin is the proof. */
  const protect: typeof app.csrfProtection = (request, reply, done) =>
    loginOrigins.includes(request.headers.origin ?? '') ? done() : app.csrfProtection(request, reply, done)

  app.post('/login', { preHandler: protect }, async (request, reply) => {
    const { username, password, continue: continued } = parameters(request.body)
    const continueTo = parseAuthorizePath(continued ?? cookie.readContinue(request))
    let user: User | undefined
    try {
      if (username !== undefined && password !== undefined)
        user = await authenticateUser(context, username, password, request.ip)
    } catch (error) {
      if (!(error instanceof OAuthError) || error.retryAfterSeconds === undefined) throw error
      reply.code(error.status).header('retry-after', String(error.retryAfterSeconds))
      return form(request, reply, continueTo, { error: 'paused', username: username ?? '' })
    }
    if (!user)
      return form(request, reply.code(401), continueTo, { error: 'credentials', username: username ?? '' })
    const before = findSession(context, cookie.read(request))
    const browser = { address: request.ip, userAgent: request.headers['user-agent'] ?? '' }
    cookie.set(reply, await startSession(context, user, browser, before))
    cookie.clearContinue(reply)
    return reply.redirect(continueTo ?? '/welcome.html', 303)
  })
}
