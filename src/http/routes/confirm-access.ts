/** `/oauth/confirm_access`: the consent page, and the POST that approves or denies. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type AuthorizeStep, authorize, decideConsent } from '../../authorization-server/authorize.ts'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { findSession, type LiveSession } from '../../authorization-server/session.ts'
import { authorizePath } from '../authorize-path.ts'
import { sendAnswer } from '../authorize-step.ts'
import { languageOf, sendPage } from '../html-pages.ts'
import { consentPage } from '../pages/consent.ts'
import { listParameter, parameters } from '../parameters.ts'
import type { SessionCookie } from '../session-cookie.ts'

/** Answering may issue a code, so a HEAD request is not answered like a GET (RFC 9110 section 9.2.1). */
const unsafe = { exposeHeadRoute: false }

export function confirmAccessRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  cookie: SessionCookie,
): void {
  /** The step after this one, wherever the request stands; the consent page is the only one shown here. */
  const answer = (
    request: FastifyRequest,
    reply: FastifyReply,
    step: AuthorizeStep,
    live?: LiveSession,
    error?: 'nothing_chosen',
  ) => {
    if (step.kind === 'redirect' || step.kind === 'post') return sendAnswer(request, reply, step, 303)
    const path = authorizePath(step.asked)
    if (step.kind === 'log in' || !live) return reply.redirect(path, 303)
    const { client, redirectUri, scopes, claims } = step
    const { name = client.clientId, description } = client.metadata
    const page = consentPage({
      language: languageOf(request, step.uiLocales),
      csrfToken: reply.generateCsrf(),
      action: path.replace('/authorize?', '/confirm_access?'),
      clientName: name,
      clientId: client.clientId,
      ...(description !== undefined && { description }),
      links: client.metadata,
      redirectHost: new URL(redirectUri).host || redirectUri,
      username: live.user.username ?? live.user.subject,
      scopes: scopes.map((scope) => ({ name: scope })),
      claims,
      error,
    })
    return sendPage(reply, page, { formTarget: redirectUri, image: client.metadata.logoUri })
  }
  app.get('/oauth/confirm_access', unsafe, async (request, reply) => {
    const asked = parameters(request.query)
    const live = findSession(context, cookie.read(request))
    return answer(request, reply, await authorize(context, asked, live), live)
  })
  app.post('/oauth/confirm_access', { preHandler: app.csrfProtection }, async (request, reply) => {
    const asked = parameters(request.query)
    const live = findSession(context, cookie.read(request))
    if (!live) return reply.redirect(authorizePath(asked), 303)
    const [decision] = listParameter(request.body, 'decision')
    const scopes = listParameter(request.body, 'scope')
    if (decision === 'approve' && scopes.length === 0) {
      const again = await authorize(context, asked, live)
      if (again.kind === 'ask' && again.scopes.length > 0)
        return answer(request, reply, again, live, 'nothing_chosen')
    }
    const step = await decideConsent(
      context,
      asked,
      live,
      decision === 'approve'
        ? { approved: true, scopes, claims: listParameter(request.body, 'claim') }
        : { approved: false },
    )
    return answer(request, reply, step, live)
  })
}
