import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { registerClient, registerUser, removeClient } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes } from '../../support/http-routes.ts'
import { formOf, InjectAgent, setCookies } from '../../support/inject-agent.ts'
import {
  asWeb,
  callback,
  isActive,
  locationOf,
  newTokens,
  openRegistered,
  other,
  password,
  signOn,
  type Tokens,
  user,
  web,
  webRequest,
} from '../../support/registrations.ts'

let routes: HttpRoutes
let agent: InjectAgent

beforeAll(async () => {
  routes = await openRegistered()
})
afterAll(async () => {
  await routes.close()
})
beforeEach(async () => {
  agent = new InjectAgent(routes.http)
  await agent.submit(await agent.get('/login'), { username: user.username, password })
})

const logoutUrl = (query: Record<string, string>) => `/oauth/logout?${new URLSearchParams(query)}`
const isSignedOn = async (visitor = agent) => (await visitor.get('/welcome.html')).statusCode === 200

describe('of SignOn 1.1: access_token and redirect_uri', () => {
  test.each(['GET', 'POST'] as const)('by %s: token and session end, the way leads back', async (method) => {
    const tokens = await newTokens(routes)
    const query = { access_token: tokens.access_token, redirect_uri: callback }
    const response =
      method === 'GET' ? await agent.get(logoutUrl(query)) : await agent.post('/oauth/logout', query)
    expect([response.statusCode, response.headers.location]).toEqual([303, callback])
    expect(response.headers['cache-control']).toBe('no-store')
    expect(agent.cookies.has('signon')).toBe(false)
    expect(await isActive(routes, tokens.access_token)).toBe(false)
    expect(await isActive(routes, tokens.refresh_token)).toBe(false)
    expect(await isSignedOn()).toBe(false)
  })

  test('the cookie from before is dead too, not only forgotten', async () => {
    const cookie = agent.cookies.get('signon')!
    const { access_token: token } = await newTokens(routes)
    await agent.get(logoutUrl({ access_token: token, redirect_uri: callback }))
    agent.cookies.set('signon', cookie)
    expect(await isSignedOn()).toBe(false)
  })

  test('without a browser session the token ends', async () => {
    const { access_token: token } = await newTokens(routes)
    const response = await routes.http.inject({
      url: logoutUrl({ access_token: token, redirect_uri: callback }),
    })
    expect(response.headers.location).toBe(callback)
    expect(await isActive(routes, token)).toBe(false)
  })

  test('a JWT access token is one too', async () => {
    await registerClient(routes.administrator, {
      client_id: 'signed',
      client_secret: 'secret',
      grant_types: ['client_credentials', 'authorization_code'],
      redirect_uris: [callback],
      scope: 'read',
      accessTokenFormat: 'jwt',
    })
    const issued = await routes.post(
      '/oauth/token',
      { grant_type: 'client_credentials' },
      basic('signed', 'secret'),
    )
    const { access_token: token } = issued.json()
    const query = { access_token: token, redirect_uri: callback }
    expect((await routes.http.inject({ url: logoutUrl(query) })).headers.location).toBe(callback)
    expect(await isActive(routes, token)).toBe(false)
  })

  describe('refused with a page: no redirect, nothing ends', () => {
    let tokens: Tokens
    beforeEach(async () => {
      tokens = await newTokens(routes)
    })
    const cases: [string, () => Record<string, string>][] = [
      ['no redirect_uri', () => ({ access_token: tokens.access_token })],
      ['no access_token', () => ({ redirect_uri: callback })],
      [
        'the redirect URI of another client',
        () => ({ access_token: tokens.access_token, redirect_uri: other.registeredRedirectUris[0]! }),
      ],
      ...[
        'https://evil.example/',
        `${callback}/..`,
        `${callback}?x=1`,
        '//web.example/callback',
        'javascript:alert(1)',
        '/welcome.html',
      ].map((uri): [string, () => Record<string, string>] => [
        `redirect_uri ${uri}`,
        () => ({ access_token: tokens.access_token, redirect_uri: uri }),
      ]),
      ['an unknown token', () => ({ access_token: `cs_at_${'A'.repeat(43)}`, redirect_uri: callback })],
      ['no token at all', () => ({ access_token: '__proto__', redirect_uri: callback })],
    ]
    test.each(cases)('%s', async (_name, query) => {
      const response = await agent.get(logoutUrl(query()))
      expect([response.statusCode, response.headers.location]).toEqual([400, undefined])
      expect(response.headers['content-type']).toBe('text/html; charset=utf-8')
      expect(response.body).not.toContain(tokens.access_token)
      expect(await isActive(routes, tokens.access_token)).toBe(true)
      expect(await isSignedOn()).toBe(true)
    })

    test('two tokens', async () => {
      const query = logoutUrl({ access_token: tokens.access_token, redirect_uri: callback })
      expect((await agent.get(`${query}&access_token=x`)).statusCode).toBe(400)
      const form: [string, string][] = [
        ['access_token', tokens.access_token],
        ['access_token', 'x'],
        ['redirect_uri', callback],
      ]
      expect((await agent.post('/oauth/logout', form)).statusCode).toBe(400)
      expect(await isActive(routes, tokens.access_token)).toBe(true)
    })

    test('the token of a client that was removed', async () => {
      await registerClient(routes.administrator, { ...web, clientId: 'gone' })
      const location = await signOn(agent, webRequest({ client_id: 'gone' }))
      const code = location.searchParams.get('code')!
      const form = { grant_type: 'authorization_code', code, redirect_uri: callback }
      const issued = await routes.post('/oauth/token', form, basic('gone', web.clientSecret))
      await removeClient(routes.administrator, 'gone')
      const token = issued.json().access_token
      const response = await agent.get(logoutUrl({ access_token: token, redirect_uri: callback }))
      expect([response.statusCode, response.headers.location]).toEqual([400, undefined])
    })
  })

  test('a dead token still leads back and ends the session of its user', async () => {
    const { access_token: token } = await newTokens(routes)
    await routes.post('/oauth/revoke', { token }, asWeb)
    const response = await agent.get(logoutUrl({ access_token: token, redirect_uri: callback }))
    expect(response.headers.location).toBe(callback)
    expect(await isSignedOn()).toBe(false)
    expect((await agent.get(logoutUrl({ access_token: token, redirect_uri: callback }))).statusCode).toBe(303)
  })

  test('a stranger’s link, with a token of somebody else, logs nobody out', async () => {
    await registerUser(routes.administrator, { username: 'mallory', password: 'm', authorities: [] })
    const mallory = new InjectAgent(routes.http)
    await mallory.submit(await mallory.get('/login'), { username: 'mallory', password: 'm' })
    const location = await signOn(mallory, webRequest())
    const code = location.searchParams.get('code')!
    const issued = await routes.post(
      '/oauth/token',
      { grant_type: 'authorization_code', code, redirect_uri: callback },
      asWeb,
    )
    const own = await routes.post('/oauth/token', { grant_type: 'client_credentials' }, asWeb)
    for (const token of [issued.json().access_token, own.json().access_token]) {
      const response = await agent.get(logoutUrl({ access_token: token, redirect_uri: callback }))
      expect(response.headers.location).toBe(callback)
      expect(setCookies(response)).toEqual([])
      expect(await isActive(routes, token)).toBe(false)
      expect(await isSignedOn()).toBe(true)
    }
    expect(await isSignedOn(mallory)).toBe(true)
  })
})

describe('of this site’s own pages', () => {
  test('the form of the welcome page', async () => {
    const cookie = agent.cookies.get('signon')!
    const response = await agent.submit(await agent.get('/welcome.html'), {})
    expect(response.statusCode).toBe(200)
    expect(response.body).toContain('You are signed out')
    expect(await isSignedOn()).toBe(false)
    agent.cookies.set('signon', cookie)
    expect(await isSignedOn()).toBe(false)
    expect(locationOf(await agent.get(webRequest())).pathname).toBe('/login')
  })

  test('tokens that were given live on: they are ended by their clients', async () => {
    const { access_token: token } = await newTokens(routes)
    await agent.submit(await agent.get('/welcome.html'), {})
    expect(await isActive(routes, token)).toBe(true)
  })

  test('twice, and by a browser that has no session any more', async () => {
    const page = await agent.get('/welcome.html')
    await agent.submit(page, {})
    const before = routes.context.ledger.size
    expect((await agent.submit(page, {})).statusCode).toBe(200)
    expect(routes.context.ledger.size).toBe(before)
  })

  test('a form of strangers logs nobody out', async () => {
    const { fields } = formOf(await new InjectAgent(routes.http).get('/login'))
    const foreign = Object.fromEntries(fields)
    for (const form of [{}, { _csrf: 'wrong' }, { _csrf: '' }, foreign] as Record<string, string>[]) {
      const response = await agent.post('/oauth/logout', form)
      expect([response.statusCode, setCookies(response)]).toEqual([403, []])
      expect(await isSignedOn()).toBe(true)
    }
  })
})
