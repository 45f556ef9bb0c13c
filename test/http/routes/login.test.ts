import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser, removeUser } from '../../../src/admin/administration.ts'
import { type HttpRoutes, openRoutes } from '../../support/http-routes.ts'
import { formOf, InjectAgent, setCookies } from '../../support/inject-agent.ts'
import {
  authorizeUrl,
  native,
  password,
  pkce,
  registerAll,
  user,
  webRequest,
} from '../../support/registrations.ts'

const loginOrigin = 'https://login.example'
let routes: HttpRoutes

beforeAll(async () => {
  routes = await openRoutes({ logLevel: 'debug', environment: { SIGNON_LOGIN_ORIGINS: loginOrigin } })
  await registerAll(routes)
  await registerClient(routes.administrator, {
    ...native,
    clientId: 'desktop',
    registeredRedirectUris: [...native.registeredRedirectUris, 'http://[::1]/callback'],
  })
})
afterAll(async () => {
  await routes.close()
})

const newAgent = (headers = {}) => new InjectAgent(routes.http, headers)
const right = { username: user.username, password }

describe('the form', () => {
  test('right name and password: a session, and the welcome page', async () => {
    const agent = newAgent()
    const response = await agent.submit(await agent.get('/login'), right)
    expect([response.statusCode, response.headers.location]).toEqual([303, '/welcome.html'])
    const [session] = setCookies(response).filter((cookie) => cookie.startsWith('signon='))
    expect(session).toMatch(/^signon=cs_se_[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
    const welcome = await agent.get('/welcome.html')
    expect(welcome.body).toContain('<bdi>alice</bdi>')
    expect(welcome.headers['cache-control']).toBe('no-store')
  })

  test.each([
    ['a wrong password', { username: 'alice', password: 'wrong' }],
    ['an unknown name', { username: 'mallory', password }],
    ['a name of another case', { username: 'Alice', password }],
    ['the name of a prototype', { username: '__proto__', password }],
    ['no password', { username: 'alice', password: '' }],
    ['no name', { username: '', password }],
    ['a long password', { username: 'alice', password: 'x'.repeat(50_000) }],
    ['markup', { username: '"><script>alert(1)</script>', password: '<b>secret</b>' }],
  ])('%s: 401 and the same words, no session, no password on the page', async (_name, values) => {
    const agent = newAgent()
    const response = await agent.submit(await agent.get('/login'), values)
    expect(response.statusCode).toBe(401)
    expect(response.body).toContain('The username or the password is not right.')
    expect(response.body).not.toContain('<script')
    expect(response.body).not.toMatch(/name="password"[^>]*value=/)
    if (values.password !== '') expect(response.body).not.toContain(values.password)
    expect(agent.cookies.has('signon')).toBe(false)
    expect((await agent.get('/welcome.html')).headers.location).toBe('/login')
  })

  test('the page after a wrong password works for the right one, and still leads on', async () => {
    const agent = newAgent()
    const page = await agent.open(webRequest())
    const failed = await agent.submit(page, { username: 'alice', password: 'wrong' })
    const response = await agent.submit(failed, right)
    expect(response.headers.location).toMatch(/^\/oauth\/authorize\?/)
  })

  test('a removed user cannot log in, and the session of a removed user is over', async () => {
    await registerUser(routes.administrator, { username: 'bob', password: 'b', authorities: [] })
    const agent = newAgent()
    await agent.submit(await agent.get('/login'), { username: 'bob', password: 'b' })
    expect((await agent.get('/welcome.html')).statusCode).toBe(200)
    await removeUser(routes.administrator, 'bob')
    expect((await agent.get('/welcome.html')).headers.location).toBe('/login')
    const again = await agent.submit(await agent.get('/login'), { username: 'bob', password: 'b' })
    expect(again.statusCode).toBe(401)
  })

  test('names in another normal form are the same name', async () => {
    await registerUser(routes.administrator, { username: 'zo\u00eb', password: 'p', authorities: [] })
    const agent = newAgent()
    const form = { username: 'zoe\u0308', password: 'p' }
    expect((await agent.submit(await agent.get('/login'), form)).statusCode).toBe(303)
  })

  test('a session ends by time', async () => {
    const agent = newAgent()
    await agent.submit(await agent.get('/login'), right)
    routes.clock.nowMs += 28_800_000 - 1
    expect((await agent.get('/welcome.html')).statusCode).toBe(200)
    routes.clock.nowMs += 1
    expect((await agent.get('/welcome.html')).headers.location).toBe('/login')
  })
})

describe('for whom the user logs in', () => {
  test('is named where the request could succeed, and not otherwise', async () => {
    const agent = newAgent()
    expect((await agent.open(webRequest())).body).toContain('<bdi>web</bdi>')
    for (const request of [
      webRequest({ redirect_uri: 'https://evil.example/' }),
      webRequest({ client_id: 'nobody' }),
      webRequest({ client_id: '__proto__' }),
    ]) {
      const page = await agent.get(`/login?${new URLSearchParams({ continue: request })}`)
      expect(page.statusCode).toBe(200)
      expect(page.body).toContain('Use the account of your organisation.')
      expect(page.headers['content-security-policy']).toContain("form-action 'self';")
    }
  })

  test('the language that the client asks for (ui_locales)', async () => {
    const agent = newAgent({ 'accept-language': 'en' })
    expect((await agent.open(webRequest({ ui_locales: 'ko' }))).body).toContain('<html lang="ko">')
    expect((await agent.open(webRequest())).body).toContain('<html lang="en">')
    const korean = newAgent({ 'accept-language': 'ko-KR,ko;q=0.9,en;q=0.8' })
    expect((await korean.open(webRequest())).body).toContain('<html lang="ko">')
  })
})

describe('where it leads: never off this site (RFC 9700 section 4.11)', () => {
  const astray = [
    'https://evil.example/',
    '//evil.example/',
    '///evil.example/',
    '/\\evil.example/',
    '\\\\evil.example/',
    'https:evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    '/oauth/authorize',
    '/welcome.html?x',
    '/oauth/logout?access_token=x&redirect_uri=y',
    '/oauth/authorize?x#/../../',
    '/oauth/authorize?\n//evil.example',
    '%2F%2Fevil.example',
    '/%2Fevil.example',
    '/oauth/authorize/../../evil?x',
    '/oauth/authorize?x\r\nset-cookie: a=b',
    '.evil.example',
    '@evil.example',
    ' /oauth/authorize?x',
  ]

  test.each(astray)('%j', async (target) => {
    const agent = newAgent()
    const form = await agent.get(`/login?${new URLSearchParams({ continue: target })}`)
    const fromQuery = await agent.submit(form, right)
    const other = newAgent()
    const fromBody = await other.submit(await other.get('/login'), { ...right, continue: target })
    const third = newAgent()
    const page = await third.get('/login')
    third.cookies.set('signon_continue', encodeURIComponent(target))
    const fromCookie = await third.submit(page, right)
    for (const response of [fromQuery, fromBody, fromCookie]) {
      expect(response.statusCode).toBe(303)
      const location = new URL(response.headers.location!, 'http://signon.example')
      expect(location.origin).toBe('http://signon.example')
      expect(['/welcome.html', '/oauth/authorize']).toContain(location.pathname)
      expect(response.headers.location).toMatch(/^\/(welcome\.html$|oauth\/authorize\?)/)
      expect(setCookies(response).some((cookie) => cookie.startsWith('a='))).toBe(false)
    }
  })

  test('to the authorization request it came from', async () => {
    const agent = newAgent()
    const url = webRequest({ state: 'a b&c=//evil.example' })
    const response = await agent.submit(await agent.open(url), right)
    const location = new URL(response.headers.location!, 'http://signon.example')
    expect([...location.searchParams].sort()).toEqual(
      [...new URL(url, 'http://signon.example').searchParams].sort(),
    )
  })
})

describe('forms of strangers (RFC 6749 section 10.12)', () => {
  const expectForged = async (agent: InjectAgent, form: Record<string, string>, headers = {}) => {
    const response = await agent.post('/login', form, headers)
    expect([response.statusCode, agent.cookies.has('signon')]).toEqual([403, false])
    expect(response.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(response.body).toContain('<code>access_denied</code>')
  }

  test('no token, no cookie', async () => expectForged(newAgent(), right))

  test('a token without its cookie, and a cookie without its token', async () => {
    const agent = newAgent()
    const { fields } = formOf(await agent.get('/login'))
    await expectForged(newAgent(), { ...right, ...Object.fromEntries(fields) })
    await expectForged(agent, right)
    await expectForged(agent, { ...right, _csrf: '' })
    await expectForged(agent, { ...right, _csrf: 'wrong' })
  })

  test('the token of another browser', async () => {
    const [agent, attacker] = [newAgent(), newAgent()]
    await agent.get('/login')
    const { fields } = formOf(await attacker.get('/login'))
    await expectForged(agent, { ...right, ...Object.fromEntries(fields) })
  })

  test('two tokens', async () => {
    const agent = newAgent()
    const { fields } = formOf(await agent.get('/login'))
    const twice = [...fields, ...fields, ['username', 'alice'], ['password', password]] as [string, string][]
    expect((await agent.post('/login', twice)).statusCode).toBe(403)
  })

  test('a token in the address or a header', async () => {
    const agent = newAgent()
    const { fields } = formOf(await agent.get('/login'))
    const token = Object.fromEntries(fields)._csrf!
    expect((await agent.post(`/login?_csrf=${token}`, right)).statusCode).toBe(403)
    await expectForged(agent, right, { 'x-csrf-token': token })
  })

  test('an old page of this browser is good as long as its cookie', async () => {
    const agent = newAgent()
    const old = await agent.get('/login')
    await agent.get('/login')
    expect((await agent.submit(old, right)).statusCode).toBe(303)
  })
})

describe('a login page of another origin, as SignOn 1.1 allowed (signon.login.origins)', () => {
  test('name and password from the allowed origin', async () => {
    const agent = newAgent()
    const response = await agent.post('/login', right, { origin: loginOrigin })
    expect([response.statusCode, response.headers.location]).toEqual([303, '/welcome.html'])
    expect(agent.cookies.get('signon')).toMatch(/^cs_se_/)
  })

  test('leads on to the authorization request that this browser began with, once', async () => {
    const agent = newAgent()
    await agent.get(webRequest({ state: 'from-1.1' }))
    const response = await agent.post('/login', right, { origin: loginOrigin })
    expect(response.headers.location).toMatch(/^\/oauth\/authorize\?.*state=from-1\.1/)
    const again = await agent.post('/login', right, { origin: loginOrigin })
    expect(again.headers.location).toBe('/welcome.html')
  })

  test.each([
    'https://evil.example',
    'https://login.example.evil.example',
    'http://login.example',
    'https://login.example:8443',
    'https://LOGIN.example',
    'null',
    '',
  ])('from %j it is refused', async (origin) => {
    const agent = newAgent()
    const response = await agent.post('/login', right, { origin })
    expect([response.statusCode, agent.cookies.has('signon')]).toEqual([403, false])
  })

  test('the referrer is no origin', async () => {
    const response = await newAgent().post('/login', right, { referer: `${loginOrigin}/login.html` })
    expect(response.statusCode).toBe(403)
  })
})

describe('session fixation', () => {
  test('a planted cookie is of no use: each login is a new session', async () => {
    const agent = newAgent()
    const planted = `cs_se_${'A'.repeat(43)}`
    agent.cookies.set('signon', planted)
    await agent.submit(await agent.get('/login'), right)
    expect(agent.cookies.get('signon')).not.toBe(planted)
    const attacker = newAgent()
    attacker.cookies.set('signon', planted)
    expect((await attacker.get('/welcome.html')).headers.location).toBe('/login')
  })

  test('an attacker’s own session, planted, ends with the login', async () => {
    const attacker = newAgent()
    await attacker.submit(await attacker.get('/login'), right)
    const planted = attacker.cookies.get('signon')!
    const victim = newAgent()
    victim.cookies.set('signon', planted)
    await victim.submit(await victim.get('/login'), right)
    expect(victim.cookies.get('signon')).not.toBe(planted)
    expect((await attacker.get('/welcome.html')).headers.location).toBe('/login')
    expect((await victim.get('/welcome.html')).statusCode).toBe(200)
  })

  test('no other token serves as a session', async () => {
    const issued = await routes.post('/oauth/token', {
      grant_type: 'client_credentials',
      client_id: 'web',
      client_secret: 'web secret: 100% + é&',
    })
    const agent = newAgent()
    for (const cookie of [
      issued.json().access_token,
      issued.json().access_token.replace('at', 'se'),
      '__proto__',
      'x',
    ]) {
      agent.cookies.set('signon', cookie)
      expect((await agent.get('/welcome.html')).headers.location).toBe('/login')
    }
  })
})

test('a long authorization request still comes back through the form', async () => {
  const agent = newAgent()
  const state = 'x'.repeat(8000)
  const response = await agent.submit(await agent.open(webRequest({ state })), right)
  expect(response.headers.location).toContain(state)
})

test('two parameters of one name are refused with a page', async () => {
  const twice = await newAgent().get('/login?continue=/a&continue=/b')
  expect(twice.statusCode).toBe(400)
  expect(twice.headers['content-type']).toBe('text/html; charset=utf-8')
  const agent = newAgent()
  const { fields } = formOf(await agent.get('/login'))
  const form = [...fields, ['username', 'alice'], ['username', 'bob'], ['password', password]] as [
    string,
    string,
  ][]
  expect((await agent.post('/login', form)).statusCode).toBe(400)
})

test('the log tells neither names nor passwords nor addresses', () => {
  expect(routes.complaints.length).toBeGreaterThan(0)
  expect(new Set(routes.complaints)).toEqual(new Set(['Missing csrf secret', 'Invalid csrf token']))
})

test.each([
  ['http://127.0.0.1:5000/callback', 'http:'],
  ['http://[::1]:5000/callback', 'http:'],
  ['com.example.native:/callback', 'com.example.native:'],
])('the login page for %s lets its form lead there', async (redirectUri, source) => {
  const { policy } = await pageFor(redirectUri)
  expect(policy).toContain(`;form-action 'self' ${source};`)
})

async function pageFor(redirectUri: string): Promise<{ policy: string }> {
  const query = {
    response_type: 'code',
    client_id: 'desktop',
    redirect_uri: redirectUri,
    code_challenge: pkce.challenge,
    code_challenge_method: 'S256',
  }
  const page = await newAgent().open(authorizeUrl(query))
  expect(page.body).toContain('<bdi>desktop</bdi>')
  return { policy: String(page.headers['content-security-policy']) }
}
