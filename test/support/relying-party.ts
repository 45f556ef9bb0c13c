/**
 * A resource server as SignOn 1.1's samples were: no session, so off to sign on; back with a code, so to a token;
 * then the token is checked at every request, and the authorities decide which page is shown.
 */
import { randomUUID } from 'node:crypto'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import * as client from 'openid-client'
import { escapeHtml } from '../../src/http/pages/html.ts'
import { basic } from './http-routes.ts'

export interface RelyingParty {
  origin: string
  redirectUri: string
  /** Where `/oauth/logout` may lead. */
  byeUri: string
  /** Addresses that were asked for, query and all. */
  requested: string[]
  connect(issuer: string, clientId: string, secret: string): Promise<void>
  close(): Promise<void>
}

interface Attempt {
  verifier: string
  returnTo: string
}

interface CheckedToken {
  user_name: string
  authorities: string[]
}

const page = (title: string, text: string) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><p>${escapeHtml(text)}</p>`

/** @param name of its pages and its cookie: cookies know no ports */
export async function openRelyingParty(name: string): Promise<RelyingParty> {
  const app = fastify({ forceCloseConnections: true })
  let origin = ''
  const requested: string[] = []
  const attempts = new Map<string, Attempt>()
  const tokens = new Map<string, string>()
  let issuer = ''
  let configuration: client.Configuration
  let credentials: { authorization: string }
  app.addHook('onRequest', async (request) => void requested.push(request.url))

  const tokenOf = (request: FastifyRequest) => {
    const id = new RegExp(`(?:^|; )${name}=([^;]+)`).exec(request.headers.cookie ?? '')?.[1]
    return id === undefined ? undefined : tokens.get(id)
  }

  async function checked(token: string | undefined): Promise<CheckedToken | undefined> {
    if (token === undefined) return undefined
    const answer = await fetch(`${issuer}/oauth/check_token`, {
      method: 'POST',
      headers: credentials,
      body: new URLSearchParams({ token }),
    })
    return answer.status === 200 ? ((await answer.json()) as CheckedToken) : undefined
  }

  async function protect(request: FastifyRequest, reply: FastifyReply, authority: string) {
    const visitor = await checked(tokenOf(request))
    reply.type('text/html; charset=utf-8')
    if (visitor) {
      if (!visitor.authorities.includes(authority))
        return reply.code(403).send(page(`${name}: forbidden`, visitor.user_name))
      return reply.send(page(`${name}: ${authority} page`, `Hello ${visitor.user_name}`))
    }
    const verifier = client.randomPKCECodeVerifier()
    const state = randomUUID()
    attempts.set(state, { verifier, returnTo: request.url })
    const url = client.buildAuthorizationUrl(configuration, {
      redirect_uri: `${origin}/callback`,
      scope: 'read',
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    return reply.redirect(url.href)
  }

  app.get('/', (request, reply) => protect(request, reply, 'USER'))
  app.get('/admin', (request, reply) => protect(request, reply, 'ADMIN'))
  app.get('/callback', async (request, reply) => {
    const url = new URL(request.url, origin)
    const state = url.searchParams.get('state') ?? ''
    const attempt = attempts.get(state)
    attempts.delete(state)
    try {
      const answer = await client.authorizationCodeGrant(configuration, url, {
        pkceCodeVerifier: attempt?.verifier ?? '',
        expectedState: attempt ? state : client.randomState(),
      })
      const id = randomUUID()
      tokens.set(id, answer.access_token)
      return reply.header('set-cookie', `${name}=${id}; Path=/; HttpOnly`).redirect(attempt!.returnTo)
    } catch (error) {
      const text = error instanceof client.AuthorizationResponseError ? error.error : String(error)
      return reply
        .type('text/html; charset=utf-8')
        .send(page(`${name}: not signed on`, `${text} state ${attempt ? 'known' : 'unknown'}`))
    }
  })
  app.get('/logout', (request, reply) => {
    const query = new URLSearchParams({ access_token: tokenOf(request) ?? '', redirect_uri: `${origin}/bye` })
    return reply.redirect(`${issuer}/oauth/logout?${query}`)
  })
  app.get('/bye', (_request, reply) => reply.type('text/html').send(page(`${name}: goodbye`, '')))
  origin = await app.listen({ host: '127.0.0.1', port: 0 })

  return {
    origin,
    redirectUri: `${origin}/callback`,
    byeUri: `${origin}/bye`,
    requested,
    async connect(url, clientId, secret) {
      issuer = url
      credentials = basic(clientId, secret)
      configuration = await client.discovery(new URL(url), clientId, {}, client.ClientSecretBasic(secret), {
        algorithm: 'oauth2',
        execute: [client.allowInsecureRequests],
      })
    },
    close: () => app.close(),
  }
}
