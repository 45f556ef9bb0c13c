/** Every error that the RFCs name, provoked at the endpoint that must give it; by RFC and section. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../../src/admin/administration.ts'
import { invite } from '../../../src/admin/clients.ts'
import { basic, type HttpRoutes, openRoutes } from '../../support/http-routes.ts'
import { InjectAgent } from '../../support/inject-agent.ts'
import {
  asOther,
  asResource,
  asWeb,
  authorizeUrl,
  callback,
  locationOf,
  newCode,
  newTokens,
  pkce,
  registerAll,
  signOn,
  webRequest,
} from '../../support/registrations.ts'

let routes: HttpRoutes
let agent: InjectAgent
beforeAll(async () => {
  routes = await openRoutes({ environment: { SIGNON_REGISTRATION_MODE: 'token' } })
  await registerAll(routes)
  await registerClient(routes.administrator, {
    clientId: 'implicit',
    clientSecret: 'secret',
    authorizedGrantTypes: ['implicit'],
    scopes: ['read'],
    autoApproves: ['read'],
    registeredRedirectUris: ['https://implicit.example/'],
  })
  agent = new InjectAgent(routes.http)
  await signOn(agent, webRequest())
})
afterAll(() => routes.close())

/** One redirect's parameters, from query or fragment. */
async function answerOf(visitor: InjectAgent, url: string): Promise<Record<string, string>> {
  const { search, hash } = locationOf(await visitor.get(url))
  return Object.fromEntries(new URLSearchParams(hash === '' ? search : hash.slice(1)))
}
const wire = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/

describe('RFC 6749 section 4.1.2.1: the code grant’s errors go to the client, with state', () => {
  test.each<[error: string, changes: Record<string, string>]>([
    ['invalid_request', { response_type: '' }],
    ['invalid_request', { code_challenge: 'short', code_challenge_method: 'S256' }],
    ['unauthorized_client', { response_type: 'token' }],
    ['unsupported_response_type', { response_type: 'ticket' }],
    ['invalid_scope', { scope: 'root' }],
  ])('%s for %j', async (error, changes) => {
    const answer = await answerOf(agent, webRequest({ state: 'a b', ...changes }))
    expect(answer).toEqual({
      error,
      error_description: expect.stringMatching(wire),
      state: 'a b',
      // RFC 9207 section 2: "Authorization servers supporting this specification MUST include the iss parameter
      // in all authorization responses", error responses too.
      iss: routes.issuer,
    })
  })

  test('access_denied where the resource owner denies', async () => {
    const page = await agent.open(webRequest({ prompt: 'consent', state: 's' }))
    const answer = locationOf(await agent.submit(page, { decision: 'deny' })).searchParams
    expect([answer.get('error'), answer.get('state'), answer.get('iss')]).toEqual([
      'access_denied',
      's',
      routes.issuer,
    ])
  })

  test('temporarily_unavailable where no code can be stored', async () => {
    routes.faults.writing = true
    const answer = await agent.get(webRequest())
    routes.faults.writing = false
    // "(This error code is needed because a 503 Service Unavailable HTTP status code cannot be returned to the client
    // via an HTTP redirect.)" The user is told instead: a client that is sent away comes back at once.
    expect([answer.statusCode, answer.headers.location]).toEqual([503, undefined])
  })
})

describe('RFC 6749 section 4.2.2.1: the implicit grant’s errors stand in the fragment', () => {
  const request = (changes: Record<string, string>) =>
    authorizeUrl({ response_type: 'token', client_id: 'implicit', state: 's', ...changes })
  test.each<[error: string, changes: Record<string, string>]>([
    ['invalid_scope', { scope: 'root' }],
    ['invalid_request', { response_mode: 'query' }],
    ['invalid_request', { prompt: 'none login' }],
  ])('%s for %j', async (error, changes) => {
    const url = locationOf(await agent.get(request(changes)))
    expect([url.search, Object.fromEntries(new URLSearchParams(url.hash.slice(1)))]).toEqual([
      '',
      { error, error_description: expect.stringMatching(wire), state: 's', iss: routes.issuer },
    ])
  })

  test('unauthorized_client for a code, which this client may not ask for', async () => {
    const answer = await answerOf(agent, request({ response_type: 'code' }))
    expect(answer.error).toBe('unauthorized_client')
  })
})

describe('OpenID Connect Core section 3.1.2.6', () => {
  test.each<[error: string, signedOn: boolean, changes: Record<string, string>]>([
    ['login_required', false, { prompt: 'none' }],
    ['login_required', true, { prompt: 'none', max_age: '0' }],
    [
      'consent_required',
      true,
      { prompt: 'none', scope: 'write', client_id: 'fresh', redirect_uri: 'https://fresh.example/' },
    ],
    ['request_not_supported', true, { request: 'eyJhbGciOiJub25lIn0.e30.' }],
    ['request_uri_not_supported', true, { request_uri: 'https://web.example/request.jwt' }],
  ])('%s', async (error, isSignedOn, changes) => {
    if (changes.client_id === 'fresh')
      await registerClient(routes.administrator, {
        clientId: 'fresh',
        clientSecret: 'secret',
        authorizedGrantTypes: ['authorization_code'],
        scopes: ['write'],
        registeredRedirectUris: ['https://fresh.example/'],
      })
    const visitor = isSignedOn ? agent : new InjectAgent(routes.http)
    const answer = await answerOf(visitor, webRequest({ state: 's', ...changes }))
    expect(answer).toEqual({
      error,
      error_description: expect.stringMatching(wire),
      state: 's',
      iss: routes.issuer,
    })
  })
})

interface Refusal {
  path?: string
  form: Record<string, string> | (() => Promise<Record<string, string>>)
  as?: Record<string, string>
}

async function expectRefusal(path: string, { form, as = asWeb }: Refusal, status: number, error: string) {
  const sent = typeof form === 'function' ? await form() : form
  const answer = await routes.post(path, sent, as)
  expect([answer.statusCode, Object.keys(answer.json()), answer.json().error]).toEqual([
    status,
    ['error', 'error_description'],
    error,
  ])
  expect(answer.json().error_description).toMatch(wire)
  expect([answer.headers['cache-control'], answer.headers.pragma]).toEqual(['no-store', 'no-cache'])
  if (status === 401) expect(answer.headers['www-authenticate']).toMatch(/^Basic realm=/)
}

const codeGrant = { grant_type: 'authorization_code', redirect_uri: callback }

describe('RFC 6749 section 5.2', () => {
  test.each<[error: string, what: string, status: number, refusal: Refusal]>([
    ['invalid_request', 'missing a required parameter', 400, { form: {} }],
    [
      'invalid_request',
      'more than one mechanism for authenticating',
      400,
      { form: { ...codeGrant, client_id: 'web', client_secret: 'x' } },
    ],
    ['invalid_client', 'unknown client', 401, { form: codeGrant, as: basic('nobody', 'x') }],
    ['invalid_client', 'no client authentication included', 401, { form: codeGrant, as: {} }],
    [
      'invalid_client',
      'unsupported authentication method',
      401,
      { form: codeGrant, as: { authorization: 'Digest x' } },
    ],
    ['invalid_grant', 'an unknown code', 400, { form: { ...codeGrant, code: `cs_ac_${'A'.repeat(43)}` } }],
    [
      'invalid_grant',
      'a redirection URI that does not match',
      400,
      {
        form: async () => ({
          ...codeGrant,
          code: await newCode(routes),
          redirect_uri: 'https://web.example/other?keep=1',
        }),
      },
    ],
    [
      'invalid_grant',
      'was issued to another client',
      400,
      { form: async () => ({ ...codeGrant, code: await newCode(routes) }), as: asOther },
    ],
    [
      'invalid_grant',
      'an unknown refresh token',
      400,
      { form: { grant_type: 'refresh_token', refresh_token: 'x' } },
    ],
    [
      'unauthorized_client',
      'not authorized to use this grant type',
      400,
      { form: { grant_type: 'password', username: 'a', password: 'b' } },
    ],
    ['unsupported_grant_type', 'not supported', 400, { form: { grant_type: 'urn:example:none' } }],
    ['invalid_scope', 'unknown', 400, { form: { grant_type: 'client_credentials', scope: 'root' } }],
    ['invalid_scope', 'malformed', 400, { form: { grant_type: 'client_credentials', scope: 'a"b' } }],
    [
      'invalid_scope',
      'exceeds the scope granted',
      400,
      {
        form: async () => ({
          grant_type: 'refresh_token',
          refresh_token: (await newTokens(routes, { scope: 'read' })).refresh_token,
          scope: 'write',
        }),
      },
    ],
  ])('%s: %s', (error, _, status, refusal) => expectRefusal('/oauth/token', refusal, status, error))
})

describe('RFC 7636 section 4.4.1 and 4.6', () => {
  test.each<[string, Record<string, string>]>([
    [
      '"code challenge required" of a public client',
      { client_id: 'native', redirect_uri: 'com.example.native:/callback' },
    ],
    [
      '"transform algorithm not supported"',
      { code_challenge: pkce.challenge, code_challenge_method: 'S512' },
    ],
  ])('4.4.1: %s is invalid_request', async (_, changes) => {
    expect((await answerOf(agent, webRequest(changes))).error).toBe('invalid_request')
  })

  test('4.6: "If the values are not equal, an error response indicating invalid_grant"', async () => {
    const code = await newCode(routes, { code_challenge: pkce.challenge, code_challenge_method: 'S256' })
    await expectRefusal(
      '/oauth/token',
      { form: { ...codeGrant, code, code_verifier: 'x'.repeat(43) } },
      400,
      'invalid_grant',
    )
    await expectRefusal('/oauth/token', { form: { ...codeGrant, code } }, 400, 'invalid_grant')
    const answer = await routes.post(
      '/oauth/token',
      { ...codeGrant, code, code_verifier: pkce.verifier },
      asWeb,
    )
    expect(answer.statusCode).toBe(200)
  })
})

describe('RFC 7009 section 2.2.1', () => {
  test.each<[error: string, what: string, status: number, refusal: Refusal]>([
    ['invalid_request', 'no token', 400, { form: {} }],
    ['invalid_client', 'a wrong secret', 401, { form: { token: 'x' }, as: basic('web', 'wrong') }],
    ['invalid_client', 'nobody', 401, { form: { token: 'x' }, as: {} }],
  ])('%s: %s', (error, _, status, refusal) => expectRefusal('/oauth/revoke', refusal, status, error))

  test('section 2.2: "invalid tokens do not cause an error response"', async () => {
    for (const hint of ['access_token', 'refresh_token', 'nonsense'])
      expect(
        (await routes.post('/oauth/revoke', { token: 'x', token_type_hint: hint }, asWeb)).statusCode,
      ).toBe(200)
  })

  test('503 with Retry-After: "the client must assume the token still exists"', async () => {
    const { access_token: token } = await newTokens(routes)
    routes.faults.writing = true
    const answer = await routes.post('/oauth/revoke', { token }, asWeb)
    routes.faults.writing = false
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
  })
})

describe('RFC 7662 sections 2.2 and 2.3', () => {
  test('2.2: an unknown token is {"active": false} and nothing more', async () => {
    const answer = await routes.post('/oauth/introspect', { token: 'x' }, asResource)
    expect([answer.statusCode, answer.json()]).toEqual([200, { active: false }])
  })

  test.each<[error: string, what: string, status: number, refusal: Refusal]>([
    [
      'invalid_client',
      'wrong credentials: 401',
      401,
      { form: { token: 'x' }, as: basic('resource', 'wrong') },
    ],
    ['invalid_client', 'none: 401', 401, { form: { token: 'x' }, as: {} }],
    ['invalid_request', 'no token', 400, { form: {}, as: asResource }],
  ])('2.3: %s, %s', (error, _, status, refusal) => expectRefusal('/oauth/introspect', refusal, status, error))
})

describe('RFC 9126 section 2.3', () => {
  const request = { response_type: 'code', redirect_uri: callback }
  test.each<[error: string, what: string, status: number, refusal: Refusal]>([
    [
      'invalid_request',
      'a redirect URI that is not registered',
      400,
      { form: { ...request, redirect_uri: 'https://evil.example/' } },
    ],
    [
      'invalid_request',
      'request_uri, which section 2.1 forbids',
      400,
      { form: { ...request, request_uri: 'urn:x' } },
    ],
    ['invalid_client', 'a wrong secret', 401, { form: request, as: basic('web', 'wrong') }],
    ['invalid_scope', 'a scope that is not open', 400, { form: { ...request, scope: 'root' } }],
    [
      'unsupported_response_type',
      'another response type',
      400,
      { form: { ...request, response_type: 'ticket' } },
    ],
    [
      'unauthorized_client',
      'a grant type that it has not',
      400,
      { form: { ...request, response_type: 'token' } },
    ],
  ])('%s: %s', (error, _, status, refusal) => expectRefusal('/oauth/par', refusal, status, error))

  test('405 for another method, 413 for a body that is too large', async () => {
    expect((await routes.http.inject({ method: 'GET', url: '/oauth/par', headers: asWeb })).statusCode).toBe(
      405,
    )
    expect(
      (await routes.post('/oauth/par', { ...request, state: 'x'.repeat(70_000) }, asWeb)).statusCode,
    ).toBe(413)
  })
})

describe('RFC 7591 section 3.2.2 and RFC 6750 section 3.1', () => {
  const terms = { scopes: ['read'], grantTypes: ['authorization_code'], uses: null, expiresAtSeconds: null }
  const register = (body: unknown, token?: string) =>
    routes.http.inject({
      method: 'POST',
      url: '/oauth/register',
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      payload: JSON.stringify(body),
    })

  test.each<[error: string, body: unknown]>([
    ['invalid_redirect_uri', { redirect_uris: ['javascript:alert(1)'] }],
    ['invalid_client_metadata', { redirect_uris: ['https://new.example/'], grant_types: ['password'] }],
  ])('%s', async (error, body) => {
    const { token } = await invite(routes.administrator, terms, false)
    const answer = await register(body, token!)
    expect([answer.statusCode, answer.json().error]).toEqual([400, error])
    expect(answer.json().error_description).toMatch(wire)
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  test('RFC 6750 section 3.1: invalid_token is 401 with WWW-Authenticate: Bearer', async () => {
    for (const token of [undefined, 'x', `cs_in_${'A'.repeat(43)}`]) {
      const answer = await register({ redirect_uris: ['https://new.example/'] }, token)
      expect([answer.statusCode, answer.json().error]).toEqual([401, 'invalid_token'])
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="[^"]*", error="invalid_token"/)
    }
  })
})

describe('RFC 6750 section 3.1 at the UserInfo endpoint', () => {
  test.each<
    [
      error: string,
      status: number,
      send: (token: string) => Promise<{ headers: Record<string, string>; payload?: string }>,
    ]
  >([
    ['invalid_token', 401, async () => ({ headers: { authorization: 'Bearer x' } })],
    ['insufficient_scope', 403, async (token) => ({ headers: { authorization: `Bearer ${token}` } })],
    [
      'invalid_request',
      400,
      async (token) => ({
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-www-form-urlencoded' },
        payload: `access_token=${token}`,
      }),
    ],
  ])('%s: %i', async (error, status, send) => {
    const { access_token: token } = await newTokens(routes)
    const request = await send(token)
    const method = request.payload === undefined ? 'GET' : 'POST'
    const answer = await routes.http.inject({ method, url: '/oauth/userinfo', ...request })
    expect([answer.statusCode, answer.json().error]).toEqual([status, error])
    expect(answer.headers['www-authenticate']).toContain(`error="${error}"`)
  })

  test('"If the request lacks any authentication information ... SHOULD NOT include an error code"', async () => {
    const answer = await routes.http.inject({ url: '/oauth/userinfo' })
    expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([
      401,
      'Bearer realm="coinstack-signon"',
    ])
  })
})
