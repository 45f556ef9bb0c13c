import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stylesheetPath } from '../../src/http/pages/stylesheet.ts'
import { type HttpRoutes, openRoutes, type Response } from '../support/http-routes.ts'
import { formOf, InjectAgent, setCookies } from '../support/inject-agent.ts'
import { password, registerAll, signOn, user, webRequest } from '../support/registrations.ts'

const right = { username: user.username, password }

/** Every page that a visitor can come to, by name, each as the server sent it. */
async function everyPage(routes: HttpRoutes): Promise<Record<string, Response>> {
  const agent = new InjectAgent(routes.http)
  const login = await agent.open(webRequest())
  const wrongPassword = await agent.submit(login, { ...right, password: 'wrong' })
  const consent = await agent.follow(await agent.submit(login, right))
  const { action, fields } = formOf(consent)
  const nothingChosen = await agent.post(action.pathname + action.search, [
    ...fields.filter(([name]) => name !== 'scope'),
    ['decision', 'approve'],
  ])
  const welcome = await agent.get('/welcome.html')
  const loggedOut = await agent.submit(welcome, {})
  return {
    login,
    wrongPassword,
    consent,
    nothingChosen,
    welcome,
    loggedOut,
    error: await agent.get('/oauth/error?error=access_denied'),
    unknownClient: await agent.get('/oauth/authorize?client_id=nobody'),
    forged: await agent.post('/login', right),
    refusedLogout: await agent.get('/oauth/logout'),
    wrongBody: await routes.http.inject({
      method: 'POST',
      url: '/login',
      headers: { 'content-type': 'application/json' },
      payload: '{}',
    }),
    tooLarge: await agent.post('/login', { username: 'x'.repeat(70_000) }),
  }
}

const statuses = {
  login: 200,
  wrongPassword: 401,
  consent: 200,
  nothingChosen: 200,
  welcome: 200,
  loggedOut: 200,
  error: 400,
  unknownClient: 401,
  forged: 403,
  refusedLogout: 400,
  wrongBody: 400,
  tooLarge: 413,
}

describe.each([
  ['http', false],
  ['https', true],
] as const)('over %s', (_scheme, isSecure) => {
  let routes: HttpRoutes
  let pages: Record<string, Response>

  beforeAll(async () => {
    routes = await openRoutes({ isSecure })
    await registerAll(routes)
    pages = await everyPage(routes)
  })
  afterAll(() => routes.close())

  test.each(Object.entries(statuses))('%s is a page with the security headers', (name, status) => {
    const { statusCode, headers, body } = pages[name]!
    expect([statusCode, body.startsWith('<!doctype html>')]).toEqual([status, true])
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    })
    const leadsOn = ['login', 'wrongPassword', 'consent', 'nothingChosen'].includes(name)
    expect(headers['content-security-policy']).toBe(
      [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        `form-action 'self'${leadsOn ? ' https:' : ''}`,
        "frame-ancestors 'none'",
        "base-uri 'none'",
      ].join(';'),
    )
    expect(headers['strict-transport-security']).toEqual(
      isSecure ? expect.stringMatching(/^max-age=31536000/) : undefined,
    )
    expect(headers).not.toHaveProperty('x-powered-by')
    expect(headers).not.toHaveProperty('access-control-allow-origin')
  })

  test('every cookie is HttpOnly, Lax, of the whole site, and with TLS bound to this host', async () => {
    const agent = new InjectAgent(routes.http)
    const login = await agent.get(webRequest()).then(async (first) => [first, await agent.follow(first)])
    const done = await agent.submit(login[1]!, right)
    const cookies = [...login, done].flatMap(setCookies)
    const names = cookies.map((cookie) => cookie.split('=', 1)[0]!)
    const prefix = isSecure ? '__Host-' : ''
    expect([...new Set(names)].sort()).toEqual(
      ['signon', 'signon_continue', 'signon_csrf'].map((name) => prefix + name),
    )
    for (const cookie of cookies) {
      const attributes = cookie.split('; ').slice(1)
      expect(attributes).toEqual(expect.arrayContaining(['Path=/', 'HttpOnly', 'SameSite=Lax']))
      expect(attributes.includes('Secure')).toBe(isSecure)
      expect(cookie).not.toMatch(/domain/i)
    }
    // A session cookie in both senses: it goes with the browser.
    expect(setCookies(done).find((cookie) => cookie.startsWith(`${prefix}signon=`))).not.toMatch(
      /max-age|expires/i,
    )
  })

  test('a cookie without the prefix is no session where TLS is on', async () => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    const name = isSecure ? '__Host-signon' : 'signon'
    const other = isSecure ? 'signon' : '__Host-signon'
    expect((await agent.get('/welcome.html')).statusCode).toBe(200)
    agent.cookies.set(other, agent.cookies.get(name)!)
    agent.cookies.delete(name)
    expect((await agent.get('/welcome.html')).headers.location).toBe('/login')
  })

  test('redirects to the client and to the login are not kept', async () => {
    const agent = new InjectAgent(routes.http)
    expect((await agent.get(webRequest())).headers['cache-control']).toBe('no-store')
    await signOn(agent, webRequest())
    const redirect = await agent.get(webRequest())
    expect(redirect.headers.location).toContain('code=')
    expect(redirect.headers['cache-control']).toBe('no-store')
  })

  test('the stylesheet is named by its content and may be kept for ever', async () => {
    const { statusCode, headers } = await routes.http.inject({ url: stylesheetPath })
    expect([statusCode, headers['content-type']]).toEqual([200, 'text/css; charset=utf-8'])
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(pages.login!.body).toContain(stylesheetPath)
  })
})

describe('/oauth/error of SignOn 1.1', () => {
  let routes: HttpRoutes
  beforeAll(async () => {
    routes = await openRoutes()
  })
  afterAll(() => routes.close())

  test.each([
    ['error=invalid_scope', '<code>invalid_scope</code>'],
    ['error=call_555_0100_now', '<code>invalid_request</code>'],
    ['error=invalid_scope&error_description=Call+555+0100+and+say+your+password', 'cannot have'],
    ['', '<code>server_error</code>'],
    ['error=<script>alert(1)</script>', '<code>invalid_request</code>'],
    ['error=access_denied&error_description=<img src=x>', 'Access was denied.'],
    ['error=__proto__', '<code>invalid_request</code>'],
    ['error=a&error=b', '<code>invalid_request</code>'],
  ])('%s', async (query, text) => {
    const response = await routes.http.inject({ url: `/oauth/error?${query}` })
    expect(response.statusCode).toBe(400)
    expect(response.body).toContain(text)
    expect(response.body).not.toMatch(/<script|<img|555/)
  })
})
