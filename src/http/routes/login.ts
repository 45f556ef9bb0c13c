/** `/login`: the form, and the POST of `username` and `password` that starts a session. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { describeRequest } from '../../authorization-server/authorize.ts'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { authenticateUser, findSession, startSession } from '../../authorization-server/session.ts'
import { OAuthError } from '../../oauth/errors.ts'
import { isUsername, type User } from '../../oauth/user.ts'
import { authorizeParameters } from '../authorize-path.ts'
import { parseContinuePath } from '../continue-path.ts'
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
    const asked =
      continueTo === undefined ? undefined : describeRequest(context, authorizeParameters(continueTo))
    const { client, redirectUri, parameters: { login_hint: hint, ui_locales: uiLocales } = {} } = asked ?? {}
    const page = loginPage({
      language: languageOf(request, uiLocales),
      csrfToken: reply.generateCsrf(),
      action: '/login',
      continueTo,
      clientName: client && (client.metadata.name ?? client.clientId),
      links: client?.metadata,
      username: isUsername(hint) ? hint : undefined,
      ...failed,
    })
    return sendPage(reply, page, { formTarget: redirectUri, image: client?.metadata.logoUri })
  }

  app.get('/login', (request, reply) =>
    form(request, reply, parseContinuePath(parameters(request.query).continue)),
  )

  /** A page of an allowed origin may post without this site's token: its origin is the proof. */
  const protect: typeof app.csrfProtection = (request, reply, done) =>
    loginOrigins.includes(request.headers.origin ?? '') ? done() : app.csrfProtection(request, reply, done)

  app.post('/login', { preHandler: protect }, async (request, reply) => {
    const { username, password, continue: continued } = parameters(request.body)
    const continueTo = parseContinuePath(continued ?? cookie.readContinue(request))
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
