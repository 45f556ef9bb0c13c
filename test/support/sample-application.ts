/**
 * An application of SignOn 1.1's style, a filter before its pages: no token in the cookie, so off to sign on with the
 * very parameters that 1.1's samples sent (`grant_type` and `secret` among them, no `state`, no PKCE); back with a
 * code, so to a token by HTTP Basic; then `check_token` at every request, and the authorities decide what is shown.
 */
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { escapeHtml } from '../../src/http/pages/html.ts'
import { basic } from './http-routes.ts'

export interface SampleApplication {
  origin: string
  clientId: string
  /** What `check_token` said last. */
  checked(): unknown
  /** Whose users it takes. */
  signOnAt(issuer: string): void
  close(): Promise<void>
}

export const sampleSecret = 'secret of the sample'

/** @param host name or address by which browsers come to it: cookies know hosts, but no ports */
export async function openSampleApplication(clientId: string, host: string): Promise<SampleApplication> {
  const app = fastify({ forceCloseConnections: true })
  let origin = ''
  let issuer = ''
  let checked: unknown

  const post = (path: string, form: Record<string, string>) =>
    fetch(`${issuer}${path}`, {
      method: 'POST',
      headers: basic(clientId, sampleSecret),
      body: new URLSearchParams(form),
    })
  const page = (reply: FastifyReply, title: string, text = '') =>
    reply
      .type('text/html; charset=utf-8')
      .send(`<!doctype html><title>${title}</title><h1>${clientId}: ${title}</h1><p>${escapeHtml(text)}</p>`)
  const tokenOf = (request: FastifyRequest) => /(?:^|; )token=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]

  const protect = (path: string, authority: string) =>
    app.get<{ Querystring: { code?: string } }>(path, async (request, reply) => {
      const own = `${origin}${path}`
      const { code } = request.query
      if (code !== undefined) {
        const answer = await post('/oauth/token', {
          grant_type: 'authorization_code',
          code,
          redirect_uri: own,
        })
        const { access_token: token } = (await answer.json()) as { access_token: string }
        return reply.header('set-cookie', `token=${token}; Path=/; HttpOnly`).redirect(own)
      }
      const token = tokenOf(request)
      const answer = token === undefined ? undefined : await post('/oauth/check_token', { token })
      if (answer?.status !== 200) {
        const query = `response_type=code&grant_type=authorization_code&scope=read&client_id=${clientId}`
        const secret = encodeURIComponent(sampleSecret)
        return reply.redirect(`${issuer}/oauth/authorize?${query}&secret=${secret}&redirect_uri=${own}`)
      }
      checked = await answer.json()
      const { user_name: name, authorities } = checked as { user_name: string; authorities: string[] }
      if (!authorities.includes(authority)) return page(reply.code(403), '403', name)
      return page(reply, `${authority} page`, name)
    })
  protect('/main_page.jsp', 'USER')
  protect('/admin_page.jsp', 'ADMIN')
  app.get('/logout', (request, reply) =>
    reply.redirect(
      `${issuer}/oauth/logout?access_token=${tokenOf(request)}&redirect_uri=${origin}/main_page.jsp`,
    ),
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  origin = `http://${host}:${new URL(app.listeningOrigin).port}`
  return {
    origin,
    clientId,
    checked: () => checked,
    signOnAt: (url) => {
      issuer = url
    },
    close: () => app.close(),
  }
}
