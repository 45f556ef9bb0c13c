/** False Host and forwarding headers, line ends in what goes into headers, and what other sites may read. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allowClientOrigin } from '../../src/http/cross-origin.ts'
import type { HttpRoutes, Response } from '../support/http-routes.ts'
import { InjectAgent, setCookies } from '../support/inject-agent.ts'
import {
  asResource,
  asWeb,
  callback,
  locationOf,
  newTokens,
  openRegistered,
  password,
  signOn,
  television,
  user,
  webRequest,
} from '../support/registrations.ts'

let routes: HttpRoutes
beforeAll(async () => {
  routes = await openRegistered({ trustProxy: true, logLevel: 'trace' }, television)
})
afterAll(() => routes.close())

const falsely = {
  host: 'evil.example',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'gopher',
  'x-forwarded-port': '666',
  'x-forwarded-prefix': '/evil.example',
  'x-original-url': '/oauth/token',
  'x-rewrite-url': '/oauth/token',
  'x-http-method-override': 'DELETE',
  forwarded: 'host=evil.example;proto=gopher',
}
const everything = (response: Response) => JSON.stringify(response.headers) + response.body

describe('a false Host header changes no answer, behind a trusted proxy neither', () => {
  test.each([
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    '/login',
    '/welcome.html',
    '/oauth/error',
    '/device?user_code=BCDF-GHJK',
    '/oauth/end_session',
    webRequest(),
    '/nowhere',
  ])('GET %s', async (url) => {
    const [plain, changed] = [
      await routes.http.inject({ url }),
      await routes.http.inject({ url, headers: falsely }),
    ]
    expect([changed.statusCode, changed.headers.location]).toEqual([plain.statusCode, plain.headers.location])
    expect(everything(changed)).not.toMatch(/evil\.example|gopher|666/)
    for (const cookie of setCookies(changed)) expect(cookie).not.toMatch(/domain/i)
  })

  test('the addresses of the device grant (RFC 8628 section 3.2)', async () => {
    const answer = await routes.post('/oauth/device_authorization', { client_id: 'television' }, falsely)
    expect(answer.statusCode).toBe(200)
    expect(answer.json().verification_uri).toBe(`${routes.issuer}/device`)
    expect(everything(answer)).not.toMatch(/evil\.example|gopher/)
  })

  test('a whole login: issuer of the answer and every step', async () => {
    const agent = new InjectAgent(routes.http, falsely)
    const answer = await signOn(agent, webRequest())
    expect([answer.origin, answer.searchParams.get('iss')]).toEqual(['https://web.example', routes.issuer])
  })
})

const lineEnds = [
  '\r\nSet-Cookie: planted=1',
  '\nX-Planted: 1',
  '\r',
  '\u2028',
  '%0d%0aSet-Cookie:planted=1',
  '\u0000',
]

describe('line ends make no header (CWE-113)', () => {
  const check = (response: Response) => {
    expect(response.statusCode).toBeLessThan(500)
    expect(response.headers['x-planted']).toBeUndefined()
    expect(setCookies(response).some((cookie) => cookie.startsWith('planted'))).toBe(false)
    for (const value of Object.values(response.headers).flat()) expect(String(value)).not.toMatch(/[\r\n\0]/)
  }

  test.each(lineEnds)('%j', async (planted) => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    for (const name of [
      'state',
      'scope',
      'redirect_uri',
      'nonce',
      'response_mode',
      'client_id',
      'ui_locales',
    ]) {
      const value = name === 'redirect_uri' ? callback + planted : planted
      check(await agent.get(webRequest({ [name]: value })))
      check(await new InjectAgent(routes.http).get(webRequest({ [name]: value })))
    }
    const answer = locationOf(await agent.get(webRequest({ state: planted })))
    expect(answer.searchParams.get('state')).toBe(planted)
    check(await agent.get(`/login?${new URLSearchParams({ continue: webRequest({ state: planted }) })}`))
    check(await agent.get(`/login?${new URLSearchParams({ continue: `/oauth/authorize?${planted}` })}`))
    check(await agent.get(`/device?${new URLSearchParams({ user_code: planted })}`))
    check(
      await agent.get(`/oauth/error?${new URLSearchParams({ error: planted, error_description: planted })}`),
    )
    check(
      await agent.get(
        `/oauth/end_session?${new URLSearchParams({ state: planted, post_logout_redirect_uri: planted })}`,
      ),
    )
    check(
      await agent.get(
        `/oauth/logout?${new URLSearchParams({ access_token: planted, redirect_uri: planted })}`,
      ),
    )
  })
})

describe('log injection (CWE-117)', () => {
  test('at the most talkative level no line is split, and none holds what a stranger sent', async () => {
    routes.complaints.length = 0
    const planted = '\r\n{"level":60,"msg":"forged"}\u001b[2J'
    await routes.post('/oauth/token', { grant_type: planted, client_id: planted, scope: planted }, asWeb)
    await routes.post('/login', { username: planted, password: planted })
    await new InjectAgent(routes.http).get(webRequest({ client_id: planted, redirect_uri: planted }))
    await routes.http.inject({ url: '/login', headers: { 'user-agent': 'forged \u001b[2J' } })
    await routes.http.inject({ url: `/${encodeURIComponent(planted)}` })
    expect(
      routes.complaints.filter((line) => ['forged', '\r', '\n', '\u001b'].some((one) => line.includes(one))),
    ).toEqual([])
  })
})

describe('other sites', () => {
  test.each([
    ['/.well-known/oauth-authorization-server', {}],
    ['/oauth/token', asWeb],
    ['/oauth/introspect', asResource],
    ['/oauth/par', asWeb],
    ['/oauth/userinfo', { authorization: 'Bearer x' }],
    ['/login', {}],
    ['/oauth/confirm_access', {}],
    ['/device', {}],
    ['/welcome.html', {}],
    [webRequest(), {}],
  ])('CORS: %s is never answered with credentials, whoever asks', async (url, headers) => {
    for (const origin of ['https://evil.example', 'null', 'https://web.example', 'http://signon.example'])
      for (const method of ['GET', 'POST', 'OPTIONS'] as const) {
        const response = await routes.http.inject({
          method,
          url,
          headers: { ...headers, origin, 'access-control-request-method': 'POST' },
        })
        expect(response.headers['access-control-allow-credentials']).toBeUndefined()
        if (response.headers['content-type']?.toString().startsWith('text/html'))
          expect(response.headers['access-control-allow-origin']).toBeUndefined()
      }
  })

  test('a client whose redirect URI has a private-use scheme opens nothing to frames of the origin "null"', async () => {
    const client = (await import('../../src/authorization-server/authenticate-client.ts')).findClient(
      routes.context,
      'native',
    )
    const answered = (origin: string) => {
      const headers: Record<string, string> = {}
      const reply = {
        header(name: string, value: string) {
          headers[name] = value
          return reply
        },
      }
      allowClientOrigin({ headers: { origin } } as never, reply as never, client)
      return headers['access-control-allow-origin']
    }
    expect(answered('null')).toBeUndefined()
    expect(answered('http://127.0.0.1')).toBe('http://127.0.0.1')
    expect(answered('http://127.0.0.1.evil.example')).toBeUndefined()
  })

  test('HEAD issues no code and ends nothing', async () => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    const { access_token } = await newTokens(routes)
    const cookie = [...agent.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const before = routes.context.ledger.size
    for (const url of [
      webRequest(),
      `/oauth/confirm_access${webRequest().slice(16)}`,
      `/oauth/logout?${new URLSearchParams({ access_token, redirect_uri: callback })}`,
      '/oauth/end_session',
    ]) {
      const response = await routes.http.inject({ method: 'HEAD', url, headers: { cookie } })
      expect([url, response.statusCode]).toEqual([url, 405])
    }
    expect(routes.context.ledger.size).toBe(before)
  })
})

test('a forwarded address counts only where the proxy is trusted: limits are not passed by made-up ones', async () => {
  const direct = await openRegistered()
  const guess = async (n: number) => {
    const agent = new InjectAgent(direct.http)
    const page = await agent.get('/login')
    const headers = {
      'x-forwarded-for': `203.0.113.${n}`,
      'x-real-ip': `203.0.113.${n}`,
      forwarded: `for=203.0.113.${n}`,
    }
    return (await agent.submit(page, { username: user.username, password: `wrong ${n}` }, headers)).statusCode
  }
  const statuses: number[] = []
  for (let n = 0; n < 7; n++) statuses.push(await guess(n))
  expect(statuses.at(-1)).toBe(429)
  const agent = new InjectAgent(direct.http)
  const right = await agent.submit(await agent.get('/login'), { username: user.username, password })
  expect([right.statusCode, agent.cookies.has('signon')]).toEqual([429, false])
  await direct.close()
})
