/** Codes and tokens in wrong hands and in wrong places: RFC 6819 section 4, RFC 9700 section 4. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { invite } from '../../src/admin/clients.ts'
import { basic, type HttpRoutes } from '../support/http-routes.ts'
import { InjectAgent } from '../support/inject-agent.ts'
import {
  asOther,
  asResource,
  asWeb,
  authorizeUrl,
  callback,
  closeWithoutComplaint,
  isActive,
  native,
  newCode,
  newTokens,
  openRegistered,
  other,
  pkce,
  signOn,
  television,
  webRequest,
} from '../support/registrations.ts'

let routes: HttpRoutes
beforeAll(async () => {
  routes = await openRegistered({ environment: { SIGNON_REGISTRATION_MODE: 'token' } }, television)
})
afterAll(() => closeWithoutComplaint(routes))

const redeem = (
  code: string,
  changes: Record<string, string> = {},
  headers: Record<string, string> = asWeb,
) =>
  routes.post(
    '/oauth/token',
    { grant_type: 'authorization_code', code, redirect_uri: callback, ...changes },
    headers,
  )
const refresh = (
  token: string,
  headers: Record<string, string> = asWeb,
  changes: Record<string, string> = {},
) => routes.post('/oauth/token', { grant_type: 'refresh_token', refresh_token: token, ...changes }, headers)

describe('authorization codes', () => {
  test('replay: the second use gives nothing and ends what the first gave (RFC 6749 section 4.1.2)', async () => {
    const code = await newCode(routes)
    const first = (await redeem(code)).json()
    expect((await redeem(code)).json().error).toBe('invalid_grant')
    expect(await isActive(routes, first.access_token)).toBe(false)
    expect((await refresh(first.refresh_token)).json().error).toBe('invalid_grant')
  })

  test('injection: a code that was begun with another verifier is refused (RFC 9700 section 4.5)', async () => {
    const stolen = await newCode(routes, { code_challenge: pkce.challenge, code_challenge_method: 'S256' })
    const victims = `${pkce.verifier.slice(0, -1)}A`
    expect((await redeem(stolen, { code_verifier: victims })).json().error).toBe('invalid_grant')
    expect((await redeem(stolen)).json().error).toBe('invalid_grant')
    expect((await redeem(stolen, { code_verifier: pkce.challenge })).json().error).toBe('invalid_grant')
    expect((await redeem(stolen, { code_verifier: pkce.verifier })).statusCode).toBe(200)
  })

  test('PKCE downgrade: neither by leaving the challenge out at redemption nor in the request (RFC 9700 section 4.8)', async () => {
    const plain = await newCode(routes)
    expect((await redeem(plain, { code_verifier: pkce.verifier })).json().error).toBe('invalid_grant')
    const agent = new InjectAgent(routes.http)
    const request = {
      response_type: 'code',
      client_id: native.clientId,
      redirect_uri: 'http://127.0.0.1:5/callback',
    }
    const strange: Record<string, string>[] = [
      {},
      { code_challenge: pkce.verifier, code_challenge_method: 'plain' },
      { code_challenge: pkce.verifier },
      { code_challenge: pkce.challenge, code_challenge_method: 's256' },
      { code_challenge: pkce.challenge, code_challenge_method: 'S512' },
    ]
    await signOn(agent, webRequest())
    for (const more of strange) {
      const answer = await signOn(agent, authorizeUrl({ ...request, ...more }))
      expect([answer.searchParams.get('error'), answer.searchParams.get('code')]).toEqual([
        'invalid_request',
        null,
      ])
    }
  })

  test('of another client: refused to it, by secret or by name, and still good for its own', async () => {
    const code = await newCode(routes)
    expect((await redeem(code, {}, asOther)).json().error).toBe('invalid_grant')
    expect((await redeem(code, { client_id: native.clientId }, {})).json().error).toBe('invalid_grant')
    expect((await redeem(code, { client_id: 'other' }, asWeb)).json().error).toBe('invalid_request')
    expect((await redeem(code)).statusCode).toBe(200)
  })

  test('mix-up: every answer names its issuer, errors and denials too (RFC 9207 section 2)', async () => {
    const agent = new InjectAgent(routes.http)
    const answers = [
      await signOn(agent, webRequest({ state: 's' })),
      await signOn(agent, webRequest({ scope: 'root' })),
      await signOn(new InjectAgent(routes.http), webRequest({ prompt: 'none' })),
      await signOn(agent, webRequest({ response_mode: 'fragment', scope: 'root' })),
    ]
    const issuers = answers.map(({ search, hash }) => new URLSearchParams(search || hash.slice(1)).get('iss'))
    const fragment = new URLSearchParams(answers[3]!.hash.slice(1)).get('iss')
    expect([...issuers.slice(0, 3), fragment]).toEqual(Array(4).fill(routes.issuer))
    const page = await agent.get(webRequest({ response_mode: 'form_post' }))
    expect(page.body).toContain(`<input type="hidden" name="iss" value="${routes.issuer}">`)
  })

  test('a code is never in an answer that the browser may keep or pass on', async () => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    const answer = await agent.get(webRequest())
    expect(answer.headers.location).toContain('code=')
    expect([answer.headers['cache-control'], answer.headers['referrer-policy']]).toEqual([
      'no-store',
      'same-origin',
    ])
    expect(answer.body).toBe('')
  })
})

describe('tokens of others', () => {
  test('a refresh token of another client: refused, and the family lives', async () => {
    const tokens = await newTokens(routes)
    expect((await refresh(tokens.refresh_token, asOther)).json().error).toBe('invalid_grant')
    expect((await refresh(tokens.refresh_token, {}, { client_id: native.clientId })).json().error).toBe(
      'invalid_grant',
    )
    expect(await isActive(routes, tokens.access_token)).toBe(true)
    expect((await refresh(tokens.refresh_token)).statusCode).toBe(200)
  })

  test('a token of another client is not revoked (RFC 7009 section 2.1)', async () => {
    const tokens = await newTokens(routes)
    for (const token of [tokens.access_token, tokens.refresh_token])
      for (const [headers, form] of [
        [asOther, {}],
        [{}, { client_id: native.clientId }],
      ] as const)
        expect((await routes.post('/oauth/revoke', { token, ...form }, headers)).statusCode).toBe(400)
    expect(await isActive(routes, tokens.access_token)).toBe(true)
    expect(await isActive(routes, tokens.refresh_token)).toBe(true)
  })

  test('more scopes than were granted: neither by refreshing nor by exchanging nor by asking', async () => {
    const tokens = await newTokens(routes, { scope: 'read' })
    for (const scope of ['read write', 'write', 'admin', 'read admin', 'READ', '*'])
      expect((await refresh(tokens.refresh_token, asWeb, { scope })).json().error).toBe('invalid_scope')
    const all = (await refresh(tokens.refresh_token)).json()
    expect(all.scope).toBe('read')
    const machine = await routes.post(
      '/oauth/token',
      { grant_type: 'client_credentials', scope: 'read admin' },
      asWeb,
    )
    expect(machine.json().scope).toBe('read')
  })
})

describe('a token of one kind is nothing in the place of another', () => {
  const kinds = async (): Promise<Record<string, string>> => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    const tokens = await newTokens(routes)
    const pushed = await routes.post('/oauth/par', { response_type: 'code', redirect_uri: callback }, asWeb)
    const device = await routes.post('/oauth/device_authorization', { client_id: 'television' })
    const { token } = await invite(
      routes.administrator,
      { scopes: ['read'], grantTypes: ['authorization_code'], uses: null, expiresAtSeconds: null },
      false,
    )
    const registered = await routes.http.inject({
      method: 'POST',
      url: '/oauth/register',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      payload: JSON.stringify({ redirect_uris: ['https://new.example/'] }),
    })
    return {
      code: await newCode(routes),
      access: tokens.access_token,
      refresh: tokens.refresh_token,
      session: agent.cookies.get('signon')!,
      request: pushed.json().request_uri,
      device: device.json().device_code,
      'user code': device.json().user_code,
      invitation: token!,
      registration: registered.json().registration_access_token,
      'ID token': await routes.context.keys.sign('JWT', {
        iss: routes.issuer,
        sub: routes.context.models.subjectOf('alice')!,
        aud: 'web',
        iat: Math.floor(routes.clock.nowMs / 1000),
        exp: Math.floor(routes.clock.nowMs / 1000) + 600,
      }),
    }
  }

  /** Each place that takes one, the kind that it is for, and whether it took it. */
  const places: [place: string, kind: string[], take: (token: string) => Promise<boolean>][] = [
    ['code', ['code'], async (token) => (await redeem(token)).statusCode === 200],
    ['refresh_token', ['refresh'], async (token) => (await refresh(token)).statusCode === 200],
    ['introspection', ['access', 'refresh'], (token) => isActive(routes, token)],
    [
      'check_token',
      ['access'],
      async (token) => (await routes.post('/oauth/check_token', { token }, asResource)).statusCode === 200,
    ],
    [
      // 403: it is an access token, of a grant without the scope openid.
      'userinfo',
      ['access'],
      async (token) => {
        const headers = { authorization: `Bearer ${token}` }
        return (await routes.http.inject({ url: '/oauth/userinfo', headers })).statusCode === 403
      },
    ],
    [
      'a session cookie',
      ['session'],
      async (token) =>
        (await routes.http.inject({ url: '/welcome.html', headers: { cookie: `signon=${token}` } }))
          .statusCode === 200,
    ],
    [
      'request_uri',
      ['request'],
      async (token) => {
        const agent = new InjectAgent(routes.http)
        const answer = await agent.open(authorizeUrl({ client_id: 'web', request_uri: token }))
        return answer.body.includes('name="password"')
      },
    ],
    [
      'an initial access token',
      ['invitation'],
      async (token) =>
        (
          await routes.http.inject({
            method: 'POST',
            url: '/oauth/register',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
            payload: JSON.stringify({ redirect_uris: ['https://new.example/'] }),
          })
        ).statusCode === 201,
    ],
    [
      'logout',
      ['access'],
      async (access_token) =>
        (await routes.post('/oauth/logout', { access_token, redirect_uri: callback })).statusCode === 303,
    ],
  ]

  test.each(places)('as %s', async (_, expected, take) => {
    const all = Object.entries(await kinds())
    const taken: string[] = []
    for (const [kind, token] of all) if (await take(token)) taken.push(kind)
    expect(taken).toEqual(expected)
    // Its own prefix in front of another's secret makes no other kind of it.
    const [right = ''] = all.filter(([kind]) => expected.includes(kind)).map(([, token]) => token)
    const prefix = right.slice(0, -43)
    for (const [kind, token] of all.filter(([kind]) => !expected.includes(kind) && kind !== 'ID token'))
      expect([kind, await take(prefix + token.slice(-43))]).toEqual([kind, false])
  })
})

describe('in an address a token is nothing (RFC 9700 section 4.3.2)', () => {
  test.each(['/oauth/introspect', '/oauth/revoke', '/oauth/token', '/oauth/register/x'])(
    '%s',
    async (path) => {
      const tokens = await newTokens(routes)
      const query = new URLSearchParams({
        ...tokens,
        token: tokens.access_token,
        grant_type: 'refresh_token',
        expires_in: '1',
      })
      for (const method of ['GET', 'POST'] as const) {
        const answer = await routes.http.inject({ method, url: `${path}?${query}`, headers: asWeb })
        expect(answer.statusCode).toBeGreaterThanOrEqual(400)
      }
      expect(await isActive(routes, tokens.access_token)).toBe(true)
    },
  )
})

describe('who guesses learns nothing', () => {
  test('client ids and secrets: same status, words and headers for unknown and wrong, and a pause in the end', async () => {
    const tell = async (id: string) => {
      const seen: unknown[] = []
      for (let n = 0; n < 7; n++) {
        const answer = await routes.post(
          '/oauth/token',
          { grant_type: 'client_credentials' },
          basic(id, `wrong ${n}`),
        )
        const { date: _date, ...headers } = answer.headers
        seen.push([answer.statusCode, answer.json(), headers])
      }
      return seen
    }
    routes.clock.nowMs += 7_200_000
    const known = await tell(other.clientId)
    expect(await tell('nobody')).toEqual(known)
    expect((known.at(-1) as [number])[0]).toBe(429)
    routes.clock.nowMs += 7_200_000
  })

  test('user names: same page for unknown and wrong, and a pause in the end', async () => {
    const tell = async (username: string) => {
      const seen: unknown[] = []
      const agent = new InjectAgent(routes.http)
      for (let n = 0; n < 7; n++) {
        const answer = await agent.submit(await agent.get('/login'), { username, password: `wrong ${n}` })
        const { date: _date, 'set-cookie': _cookie, 'content-length': _length, ...headers } = answer.headers
        const body = answer.body.replaceAll(username, 'NAME').replace(/name="_csrf" value="[^"]*"/, '')
        seen.push([answer.statusCode, body, headers])
      }
      return seen
    }
    const known = await tell('alice')
    expect(await tell('nobody')).toEqual(known)
    expect((known.at(-1) as [number])[0]).toBe(429)
    routes.clock.nowMs += 7_200_000
  })

  test('what others hold: introspection and revocation say the same of unknown, dead and malformed', async () => {
    const tokens = await newTokens(routes)
    await routes.post('/oauth/revoke', { token: tokens.access_token }, asWeb)
    const answers = []
    for (const token of [
      tokens.access_token,
      `cs_at_${'A'.repeat(43)}`,
      'x',
      tokens.access_token.slice(0, -1),
    ]) {
      const answer = await routes.post('/oauth/introspect', { token }, asResource)
      answers.push([answer.statusCode, answer.body])
    }
    expect(new Set(answers.map(String)).size).toBe(1)
  })
})
