/** What strangers can bring into this site's pages, and what strange pages can make of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../src/admin/administration.ts'
import { deviceGrantType } from '../../src/authorization-server/device.ts'
import type { HttpRoutes, Response } from '../support/http-routes.ts'
import { formOf, InjectAgent } from '../support/inject-agent.ts'
import {
  authorizeUrl,
  callback,
  locationOf,
  openRegistered,
  password,
  signOn,
  user,
  webRequest,
} from '../support/registrations.ts'

const hostile =
  '"><script>alert(1)</script><img src=x onerror=alert(2)>\'</title>{{7*7}}\u202egnp.exe\u2066\u0000'
const right = { username: user.username, password }

let routes: HttpRoutes
beforeAll(async () => {
  routes = await openRegistered()
  await registerClient(routes.administrator, {
    client_id: 'hostile',
    client_name: hostile.replace('\u0000', ''),
    client_secret: 'secret',
    description: hostile.replace('\u0000', ''),
    logo_uri: "https://evil.example/logo.png?'><script>alert(5)</script>",
    grant_types: ['authorization_code', deviceGrantType],
    redirect_uris: ["https://hostile.example/callback?a='%22><script>alert(3)</script>"],
    scope: "read <script>alert(4)</script> onerror=x '><b>",
  })
})
afterAll(() => routes.close())

/** No tag, attribute or script of somebody else's, and no page that another site may frame. */
function expectHarmless(page: Response): void {
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(page.body).not.toMatch(/<script>alert|<img (?!class="logo" src="https:)|<b>|<\/title>.*<\/title>/i)
  const policy = String(page.headers['content-security-policy'])
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toMatch(/unsafe-inline|unsafe-eval|[\r\n]/)
  expect(page.headers['x-frame-options']).toBe('DENY')
  expect(page.headers['cache-control']).toBe('no-store')
  expect(page.headers['x-content-type-options']).toBe('nosniff')
}

const hostileRequest = (changes: Record<string, string> = {}) =>
  authorizeUrl({ response_type: 'code', client_id: 'hostile', ...changes })

describe('HTML of strangers (CWE-79)', () => {
  test('names, descriptions, scopes and redirect URI of a client: login, consent and device page', async () => {
    const agent = new InjectAgent(routes.http)
    const login = await agent.open(hostileRequest({ login_hint: hostile, ui_locales: hostile }))
    expectHarmless(login)
    const consent = await agent.follow(await agent.submit(login, right))
    expect(consent.body).toContain('value="approve"')
    expect(consent.body).toContain('<bdi>&quot;&gt;&lt;script&gt;')
    expectHarmless(consent)
    const codes = await routes.post('/oauth/device_authorization', {
      client_id: 'hostile',
      client_secret: 'secret',
    })
    const code = await agent.submit(await agent.get('/device'), { user_code: codes.json().user_code })
    expect(code.body).toContain('value="approve"')
    expectHarmless(code)
  })

  test('writing directions that are not closed stay within their element', async () => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    const consent = await agent.open(hostileRequest())
    for (const [, before = ''] of consent.body.matchAll(/([\s\S]{0,400})\u202e/g))
      expect(before.lastIndexOf('<bdi>')).toBeGreaterThan(before.lastIndexOf('</bdi>'))
    expect(consent.body).toMatch(/\u202e/)
  })

  test('everything that a request can hold', async () => {
    const agent = new InjectAgent(routes.http)
    const bodies = [
      await agent.open(webRequest({ state: hostile, login_hint: hostile, nonce: hostile })),
      await agent.get(webRequest({ client_id: hostile })),
      await agent.get(webRequest({ redirect_uri: hostile })),
      await agent.get(`/oauth/error?${new URLSearchParams({ error: hostile, error_description: hostile })}`),
      await agent.get(`/login?${new URLSearchParams({ continue: hostile, username: hostile })}`),
      await agent.open(`/device?${new URLSearchParams({ user_code: hostile })}`),
      await agent.get(
        `/oauth/logout?${new URLSearchParams({ access_token: hostile, redirect_uri: hostile })}`,
      ),
      await agent.get(`/oauth/end_session?${new URLSearchParams({ state: hostile, ui_locales: hostile })}`),
      await agent.get(`/oauth/end_session?${new URLSearchParams({ id_token_hint: hostile })}`),
      await agent.submit(await agent.get('/login'), { username: hostile, password: hostile }),
    ]
    for (const page of bodies) expectHarmless(page)
  })

  test('form_post: state and errors are values of fields, the form goes to the registered address', async () => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    for (const changes of [{}, { scope: 'root' }, { response_type: hostile }] as Record<string, string>[]) {
      const page = await agent.get(webRequest({ response_mode: 'form_post', state: hostile, ...changes }))
      expect(page.statusCode).toBe(200)
      const inline = page.body.match(/<script[^>]*>[^<]*<\/script>/g)
      expect(inline).toEqual(['<script>document.forms[0].submit()</script>'])
      expect(page.body.match(/<form[^>]*>/g)).toEqual([`<form method="post" action="${callback}">`])
      expect(page.body).not.toMatch(/<img|alert\(1\)<\/script>/)
      expect(String(page.headers['content-security-policy'])).toContain('form-action https:')
      expect(String(page.headers['content-security-policy'])).toContain("frame-ancestors 'none'")
      expect([page.headers['x-frame-options'], page.headers['cache-control']]).toEqual(['DENY', 'no-store'])
    }
  })
})

describe('the decision is the user’s (RFC 9700 section 4.16, RFC 6749 section 10.12)', () => {
  test('consent is not given by GET, however it is asked for', async () => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, authorizeUrl({ response_type: 'code', client_id: 'other' }))
    const asked = await agent.open(webRequest({ prompt: 'consent' }))
    const { action, fields } = formOf(asked)
    const before = routes.context.ledger.size
    const query = new URLSearchParams(action.search)
    for (const [name, value] of [
      ...fields,
      ['decision', 'approve'],
      ['approve', 'true'],
      ['user_oauth_approval', 'true'],
    ])
      query.append(name as string, value as string)
    for (const path of ['/oauth/confirm_access', '/oauth/authorize', '/device']) {
      const response = await agent.get(`${path}?${query}`)
      expect(response.headers.location ?? '').not.toContain('code=')
    }
    expect(routes.context.ledger.size).toBe(before)
  })

  test.each(['/oauth/confirm_access', '/device', '/login', '/oauth/logout', '/oauth/end_session'])(
    '%s: a form that is not of this browser’s pages changes nothing',
    async (path) => {
      const agent = new InjectAgent(routes.http)
      await signOn(agent, webRequest())
      const stranger = new InjectAgent(routes.http)
      const strange = Object.fromEntries(formOf(await stranger.get('/login')).fields)._csrf!
      const url =
        path === '/oauth/confirm_access' ? webRequest().replace('/authorize?', '/confirm_access?') : path
      const form = { decision: 'approve', scope: 'read', confirmed: 'yes', user_code: 'BCDF-GHJK', ...right }
      const before = routes.context.ledger.size
      for (const token of [undefined, '', 'x', strange])
        for (const headers of [{}, { origin: 'https://evil.example' }, { origin: 'null' }]) {
          const sent = { ...form, ...(token !== undefined && { _csrf: token }) }
          const response = await agent.post(url, sent, headers)
          expect([path, token, response.statusCode]).toEqual([path, token, 403])
        }
      expect(routes.context.ledger.size).toBe(before)
    },
  )

  test('a session that is planted before the login is not the one after it (session fixation)', async () => {
    const attacker = new InjectAgent(routes.http)
    await attacker.get('/login')
    const victim = new InjectAgent(routes.http)
    for (const [name, value] of attacker.cookies) victim.cookies.set(name, value)
    victim.cookies.set('signon', `cs_se_${'A'.repeat(43)}`)
    await victim.submit(await victim.get('/login'), right)
    const session = victim.cookies.get('signon')
    expect(session).toMatch(/^cs_se_/)
    expect(session).not.toBe(`cs_se_${'A'.repeat(43)}`)
    expect((await attacker.get('/welcome.html')).statusCode).not.toBe(200)
  })
})

describe('redirects lead to registered addresses and to this site only (RFC 9700 section 4.11)', () => {
  const astray = [
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '\\\\evil.example',
    '/\t/evil.example',
    'https:evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    'https://web.example@evil.example/callback',
    'https://web.example:8443/callback',
    'https://web.example/callback/../evil',
    'https://web.example/callback%2f..',
    'https://web.example/callback#x',
    'https://web.example/callback/',
    'https://web.example./callback',
    'https://WEB.example/callback',
    'https://w\u0435b.example/callback',
    'https://xn--wb-8ka.example/callback',
    'https://web\uff0eexample/callback',
    'https://web.example/callback\n',
    'https://web.example\u2044callback',
    `https://web.example/callback${'?x'.repeat(2000)}`,
  ]

  test.each(astray)('%j: as redirect_uri, of logout, of end_session, as continue', async (target) => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    for (const response of [
      await agent.get(webRequest({ redirect_uri: target })),
      await agent.get(webRequest({ redirect_uri: target, scope: 'root', response_mode: 'form_post' })),
      await agent.get(webRequest({ redirect_uri: target, prompt: 'none' })),
      await agent.get(
        `/oauth/end_session?${new URLSearchParams({ client_id: 'web', post_logout_redirect_uri: target })}`,
      ),
      await agent.get(`/oauth/logout?${new URLSearchParams({ access_token: 'x', redirect_uri: target })}`),
    ]) {
      expect(response.statusCode).toBe(400)
      expect(response.headers.location).toBeUndefined()
      expect(response.body).not.toMatch(/(href|action|src)="[^"]*evil/)
    }
    const visitor = new InjectAgent(routes.http)
    const page = await visitor.get(`/login?${new URLSearchParams({ continue: target })}`)
    const answer = locationOf(await visitor.submit(page, { ...right, continue: target }))
    expect(answer.href).toBe('http://signon.example/welcome.html')
  })
})
