/** `/device`: where the resource owner enters the user code and decides (RFC 8628 section 3.3). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { type DeviceQuestion, decideDevice, findDevice } from '../../authorization-server/device.ts'
import { findSession, type LiveSession } from '../../authorization-server/session.ts'
import { OAuthError } from '../../oauth/errors.ts'
import { normaliseUserCode, showUserCode } from '../../oauth/grants/device-code.ts'
import { devicePath } from '../continue-path.ts'
import { languageOf, sendPage } from '../html-pages.ts'
import { deviceCodePage, deviceConsentPage, deviceDonePage } from '../pages/device.ts'
import { listParameter, parameters } from '../parameters.ts'
import type { SessionCookie } from '../session-cookie.ts'

export function deviceRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  cookie: SessionCookie,
): void {
  const logIn = (reply: FastifyReply, userCode: string | undefined) =>
    reply.redirect(`/login?${new URLSearchParams({ continue: devicePath(userCode) })}`, 303)

  const askForCode = (
    request: FastifyRequest,
    reply: FastifyReply,
    userCode: string | undefined,
    error?: 'wrong' | 'paused',
  ) =>
    sendPage(
      reply,
      deviceCodePage({ language: languageOf(request), csrfToken: reply.generateCsrf(), userCode, error }),
    )

  const askForDecision = (
    request: FastifyRequest,
    reply: FastifyReply,
    userCode: string,
    { client, grant }: DeviceQuestion,
    { user }: LiveSession,
  ) =>
    sendPage(
      reply,
      deviceConsentPage({
        language: languageOf(request),
        csrfToken: reply.generateCsrf(),
        userCode: showUserCode(normaliseUserCode(userCode)!),
        clientName: client.metadata.name ?? client.clientId,
        clientId: client.clientId,
        username: user.username ?? user.subject,
        scopes: grant.scopes.map((scope) => ({ name: scope })),
      }),
    )

  app.get('/device', (request, reply) => {
    const { user_code: userCode } = parameters(request.query)
    if (!findSession(context, cookie.read(request))) return logIn(reply, userCode)
    // Section 5.4: also a code that came with the address is confirmed by the person, who compares it.
    return askForCode(request, reply, userCode)
  })

  app.post('/device', { preHandler: app.csrfProtection }, async (request, reply) => {
    const userCode = listParameter(request.body, 'user_code')[0] ?? ''
    const live = findSession(context, cookie.read(request))
    if (!live) return logIn(reply, userCode)
    let question: DeviceQuestion | undefined
    try {
      question = await findDevice(context, userCode, live, request.ip)
    } catch (error) {
      if (!(error instanceof OAuthError) || error.status !== 429) throw error
      if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds)
      return askForCode(request, reply.code(429), userCode, 'paused')
    }
    if (!question) return askForCode(request, reply.code(400), userCode, 'wrong')
    const [decision] = listParameter(request.body, 'decision')
    if (decision === undefined) return askForDecision(request, reply, userCode, question, live)
    const approved = decision === 'approve' ? listParameter(request.body, 'scope') : undefined
    const isApproved = await decideDevice(context, question, live, approved)
    return sendPage(reply, deviceDonePage(languageOf(request), isApproved))
  })
}
