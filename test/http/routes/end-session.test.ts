/** OpenID Connect RP-Initiated Logout 1.0. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../../src/admin/administration.ts'
import type { HttpRoutes } from '../../support/http-routes.ts'
import { formOf, InjectAgent } from '../../support/inject-agent.ts'
import { openRegistered, password, user } from '../../support/registrations.ts'

const goodbye = 'https://rp.example/goodbye'
const relyingParty = {
  client_id: 'rp',
  client_secret: 'a secret',
  client_name: 'Relying <Party>',
  grant_types: ['authorization_code'],
  redirect_uris: ['https://rp.example/callback'],
  scope: 'openid',
  post_logout_redirect_uris: [goodbye, 'https://rp.example/bye?keep=1'],
}

let routes: HttpRoutes
let agent: InjectAgent
let alice: string
let bob: string

beforeAll(async () => {
  routes = await openRegistered()
  await registerClient(routes.administrator, relyingParty)
  await registerUser(routes.administrator, { username: 'bob', password: 'b', authorities: [] })
  alice = routes.context.models.subjectOf('alice')!
  bob = routes.context.models.subjectOf('bob')!
})
afterAll(async () => {
  await routes.close()
})
beforeEach(async () => {
  agent = new InjectAgent(routes.http)
  await agent.submit(await agent.get('/login'), { username: user.username, password })
})

const hintOf = (changes: Record<string, unknown> = {}, typ = 'JWT') => {
  const nowSeconds = Math.floor(routes.clock.nowMs / 1000)
  const claims = {
    iss: routes.issuer,
    sub: alice,
    aud: 'rp',
    iat: nowSeconds,
    exp: nowSeconds + 60,
    ...changes,
  }
  return routes.context.keys.sign(typ, claims)
}
const url = (query: Record<string, string>) => `/oauth/end_session?${new URLSearchParams(query)}`
const isSignedOn = async () => (await agent.get('/welcome.html')).statusCode === 200

describe('section 2, with an ID token of the user of this browser', () => {
  test.each(['GET', 'POST'] as const)(
    'by %s: the session ends, the way leads back with state',
    async (method) => {
      const query = { id_token_hint: await hintOf(), post_logout_redirect_uri: goodbye, state: 'a b&c' }
      const answer =
        method === 'GET'
          ? await agent.get(url(query))
          : await agent.follow(await agent.post('/oauth/end_session', query))
      expect([answer.statusCode, answer.headers.location]).toEqual([303, `${goodbye}?state=a+b%26c`])
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(await isSignedOn()).toBe(false)
    },
  )

  test('that has expired, too', async () => {
    const query = { id_token_hint: await hintOf({ exp: 1 }), post_logout_redirect_uri: goodbye }
    expect((await agent.get(url(query))).headers.location).toBe(goodbye)
    expect(await isSignedOn()).toBe(false)
  })

  test('without a redirect URI the user stays on a page of this site', async () => {
    const answer = await agent.get(url({ id_token_hint: await hintOf(), ui_locales: 'ko' }))
    expect([answer.statusCode, answer.body.includes('로그아웃되었습니다')]).toEqual([200, true])
    expect(await isSignedOn()).toBe(false)
  })

  test('the query of a registered URI is kept', async () => {
    const query = {
      id_token_hint: await hintOf(),
      post_logout_redirect_uri: relyingParty.post_logout_redirect_uris[1]!,
      state: 'x',
    }
    expect((await agent.get(url(query))).headers.location).toBe('https://rp.example/bye?keep=1&state=x')
  })
})

describe('section 2, where nothing says that it is about this user, the user is asked', () => {
  const cases: [string, () => Promise<Record<string, string>>][] = [
    ['no hint', async () => ({ client_id: 'rp', post_logout_redirect_uri: goodbye, state: 's' })],
    [
      'the ID token of another user',
      async () => ({
        id_token_hint: await hintOf({ sub: bob }),
        post_logout_redirect_uri: goodbye,
        state: 's',
      }),
    ],
  ]
  test.each(cases)('%s', async (_, query) => {
    const page = await agent.get(url(await query()))
    expect(page.statusCode).toBe(200)
    expect(page.body).toContain('Relying &lt;Party&gt;')
    expect(page.headers['content-security-policy']).toContain("form-action 'self' https:")
    expect(await isSignedOn()).toBe(true)
    const answer = await agent.submit(page, {})
    expect([answer.statusCode, answer.headers.location]).toEqual([303, `${goodbye}?state=s`])
    expect(await isSignedOn()).toBe(false)
  })

  test('nothing at all', async () => {
    const answer = await agent.submit(await agent.get('/oauth/end_session'), {})
    expect([answer.statusCode, answer.body.includes('You are signed out')]).toEqual([200, true])
    expect(await isSignedOn()).toBe(false)
  })

  test('the answer is taken from this site’s own page only', async () => {
    const { fields } = formOf(await new InjectAgent(routes.http).get('/login'))
    const foreign = Object.fromEntries(fields)
    for (const form of [{}, { _csrf: 'wrong' }, foreign] as Record<string, string>[]) {
      const answer = await agent.post('/oauth/end_session', { ...form, confirmed: 'yes' })
      expect(answer.statusCode).toBe(403)
      expect(await isSignedOn()).toBe(true)
    }
  })

  test('a HEAD request ends nothing', async () => {
    const query = url({ id_token_hint: await hintOf() })
    await routes.http.inject({
      method: 'HEAD',
      url: query,
      headers: { cookie: `signon=${agent.cookies.get('signon')}` },
    })
    expect(await isSignedOn()).toBe(true)
  })
})

test('without a session there is nobody to ask', async () => {
  const nobody = new InjectAgent(routes.http)
  const query = { client_id: 'rp', post_logout_redirect_uri: goodbye }
  expect((await nobody.get(url(query))).headers.location).toBe(goodbye)
})

describe('refused with a page: no redirect, nothing ends', () => {
  const cases: [string, () => Promise<Record<string, string>>][] = [
    ['section 3.1: a URI that is not registered', async () => ({ post_logout_redirect_uri: `${goodbye}/` })],
    [
      'a redirect URI that is none for after logout',
      async () => ({ post_logout_redirect_uri: relyingParty.redirect_uris[0]! }),
    ],
    ['another client than the one of the hint', async () => ({ client_id: 'web' })],
    [
      'the hint of another issuer',
      async () => ({ id_token_hint: await hintOf({ iss: 'https://evil.example' }) }),
    ],
    ['a hint for nobody', async () => ({ id_token_hint: await hintOf({ aud: undefined }) })],
    ['a logout token', async () => ({ id_token_hint: await hintOf({}, 'logout+jwt') })],
    ['an access token', async () => ({ id_token_hint: await hintOf({}, 'at+jwt') })],
    [
      'an altered hint',
      async () => ({
        id_token_hint: (await hintOf()).replace(/\.[^.]*\./, (body: string) => `.${body.slice(2)}`),
      }),
    ],
    ['no token at all', async () => ({ id_token_hint: '__proto__' })],
    [
      'an unknown client',
      async () => ({ client_id: 'nobody', id_token_hint: await hintOf({ aud: 'nobody' }) }),
    ],
  ]
  test.each(cases)('%s', async (_, changes) => {
    const query = { id_token_hint: await hintOf(), post_logout_redirect_uri: goodbye, ...(await changes()) }
    const answer = await agent.get(url(query))
    expect([answer.statusCode, answer.headers.location]).toEqual([400, undefined])
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(await isSignedOn()).toBe(true)
  })

  test('a redirect URI without a client', async () => {
    const answer = await agent.get(url({ post_logout_redirect_uri: goodbye }))
    expect([answer.statusCode, answer.headers.location]).toEqual([400, undefined])
  })
})
