import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes, issuer } from '../../support/http-routes.ts'
import { InjectAgent } from '../../support/inject-agent.ts'
import {
  authorizeUrl,
  callback,
  closeWithoutComplaint,
  locationOf,
  openRegistered,
  pkce,
  signOn,
  web,
  webRequest,
} from '../../support/registrations.ts'

let routes: HttpRoutes
let stranger: InjectAgent
/** Has a session, so that nothing but the request itself can stop a code. */
let signedOn: InjectAgent

beforeAll(async () => {
  routes = await openRegistered()
  await registerClient(routes.administrator, {
    clientId: 'single',
    clientSecret: 'secret',
    authorizedGrantTypes: ['authorization_code'],
    scopes: ['read'],
    registeredRedirectUris: ['https://single.example/callback?tenant=1'],
    autoApproves: ['read'],
  })
  await registerClient(routes.administrator, {
    clientId: 'machine',
    clientSecret: 'secret',
    authorizedGrantTypes: ['client_credentials'],
    registeredRedirectUris: ['https://machine.example/callback'],
  })
  stranger = new InjectAgent(routes.http)
  signedOn = new InjectAgent(routes.http)
  await signOn(signedOn, webRequest())
})
afterAll(() => closeWithoutComplaint(routes))

const challenge = { code_challenge: pkce.challenge, code_challenge_method: 'S256' }
const loopback = 'http://127.0.0.1/callback'

describe('RFC 6749 section 4.1.2.1: "MUST NOT automatically redirect" where client or redirect URI are wrong', () => {
  const good = { response_type: 'code', client_id: 'web', redirect_uri: callback }
  const nativeUri = (redirectUri: string) => ({
    ...good,
    ...challenge,
    client_id: 'native',
    redirect_uri: redirectUri,
  })
  const pages: [string, Record<string, string>, number, string][] = [
    ['no client_id', { response_type: 'code', redirect_uri: callback }, 400, 'invalid_request'],
    ['an empty client_id', { ...good, client_id: '' }, 400, 'invalid_request'],
    ['an unknown client', { ...good, client_id: 'nobody' }, 401, 'invalid_client'],
    ['the name of a prototype', { ...good, client_id: '__proto__' }, 401, 'invalid_client'],
    ['the name of a method', { ...good, client_id: 'constructor' }, 401, 'invalid_client'],
    ['a client id of another case', { ...good, client_id: 'WEB' }, 401, 'invalid_client'],
    [
      'no redirect URI where several are registered',
      { response_type: 'code', client_id: 'web' },
      400,
      'invalid_request',
    ],
    ...[
      'https://evil.example/callback',
      'https://web.example/',
      'https://web.example/callback/',
      'https://web.example/callback?extra=1',
      'https://web.example/callback#fragment',
      'https://web.example/callback/../other',
      'https://web.example/CALLBACK',
      'https://WEB.example/callback',
      'https://web.example:443/callback',
      'https://user@web.example/callback',
      'https://web.example.evil.example/callback',
      'https://web.example@evil.example/callback',
      'https://web.example/callback%2f',
      'https://web.example/other',
      'https://web.example/other?keep=1&x=1',
      'http://web.example/callback',
      '//web.example/callback',
      '/callback',
      'javascript:alert(1)',
      `${callback} https://evil.example`,
      `${callback}\n`,
      'https://other.example/callback',
    ].map((uri): [string, Record<string, string>, number, string] => [
      `not registered: ${JSON.stringify(uri)}`,
      { ...good, redirect_uri: uri },
      400,
      'invalid_request',
    ]),
    ...[
      'http://localhost/callback',
      'http://127.0.0.2:4000/callback',
      'http://[::1]:4000/callback',
      'http://127.0.0.1:4000/other',
      'http://127.0.0.1:4000/callback#x',
      'http://127.0.0.1:99999/callback',
      'http://127.0.0.1:4000@evil.example/callback',
      'https://127.0.0.1:4000/callback',
      'com.example.native:/other',
      'com.example.native://callback',
    ].map((uri): [string, Record<string, string>, number, string] => [
      `not the loopback address or scheme: ${uri}`,
      nativeUri(uri),
      400,
      'invalid_request',
    ]),
  ]
  test.each(pages)('%s', async (_name, query, status, error) => {
    for (const agent of [signedOn, stranger]) {
      const response = await agent.get(authorizeUrl(query))
      expect([response.statusCode, response.headers.location], response.body).toEqual([status, undefined])
      expect(response.headers['content-type']).toBe('text/html; charset=utf-8')
      expect(response.body).toContain(`<code>${error}</code>`)
    }
  })

  test('client_id or redirect_uri given twice', async () => {
    for (const again of [
      { client_id: 'web' },
      { redirect_uri: callback },
      { redirect_uri: 'https://evil.example/' },
    ]) {
      const response = await signedOn.get(`${webRequest()}&${new URLSearchParams(again)}`)
      expect([response.statusCode, response.headers.location]).toEqual([400, undefined])
    }
  })

  test('the page of an unknown client repeats nothing of the request', async () => {
    const response = await stranger.get(
      authorizeUrl({
        client_id: '<script>alert(1)</script>',
        state: 'marker-1',
        redirect_uri: 'https://m2/',
      }),
    )
    expect(response.body).not.toMatch(/alert|marker-1|https:\/\/m2/)
  })
})

describe('RFC 6749 section 4.1.2.1: other faults go to the client, with state and iss (RFC 9207)', () => {
  const state = 'ä ?&=#%+/"<>\\한글\u{1f600}'
  const cases: [string, string, string][] = [
    ['no response_type', authorizeUrl({ client_id: 'web', redirect_uri: callback }), 'invalid_request'],
    ['another response_type', webRequest({ response_type: 'code id_token' }), 'unsupported_response_type'],
    ['a scope that the client has not', webRequest({ scope: 'admin' }), 'invalid_scope'],
    ['a scope named like a prototype', webRequest({ scope: '__proto__' }), 'invalid_scope'],
    ['a malformed scope', webRequest({ scope: 'read "write"' }), 'invalid_scope'],
    ['another response_mode', webRequest({ response_mode: 'jwt' }), 'invalid_request'],
    ['a request object', webRequest({ request: 'eyJ' }), 'request_not_supported'],
    [
      'a request URI: nothing is fetched',
      webRequest({ request_uri: 'https://web.example/r' }),
      'request_uri_not_supported',
    ],
    [
      'a client without this grant',
      authorizeUrl({ response_type: 'code', client_id: 'machine' }),
      'unauthorized_client',
    ],
    ['PKCE: method plain', webRequest({ ...challenge, code_challenge_method: 'plain' }), 'invalid_request'],
    ['PKCE: no method, which is plain', webRequest({ code_challenge: pkce.challenge }), 'invalid_request'],
    ['PKCE: no challenge', webRequest({ code_challenge_method: 'S256' }), 'invalid_request'],
    ['PKCE: a short challenge', webRequest({ ...challenge, code_challenge: 'abc' }), 'invalid_request'],
    [
      'PKCE: a padded challenge',
      webRequest({ ...challenge, code_challenge: `${pkce.challenge}=` }),
      'invalid_request',
    ],
    [
      'PKCE: none from a public client (RFC 9700 section 2.1.1)',
      authorizeUrl({ response_type: 'code', client_id: 'native', redirect_uri: loopback }),
      'invalid_request',
    ],
  ]
  test.each(cases)('%s', async (_name, url, error) => {
    for (const agent of [signedOn, stranger]) {
      const response = await agent.get(`${url}&${new URLSearchParams({ state })}`)
      expect(response.statusCode).toBe(302)
      const location = locationOf(response)
      expect(Object.fromEntries(location.searchParams)).toEqual({
        error,
        error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/),
        state,
        iss: issuer,
      })
      expect(location.hash).toBe('')
    }
  })

  test('without a state there is none in the answer', async () => {
    const location = locationOf(await stranger.get(webRequest({ scope: 'admin', state: '' })))
    expect(location.searchParams.has('state')).toBe(false)
  })
})

describe('RFC 6749 section 4.1.2: the code', () => {
  const state = 'ä ?&=#%+/"<>\\한글\u{1f600}'

  test('comes with state and iss, after the query of the redirect URI, and nothing else', async () => {
    const location = await signOn(
      signedOn,
      webRequest({ state, redirect_uri: web.registeredRedirectUris[1]! }),
    )
    expect(location.href.startsWith('https://web.example/other?keep=1&code=')).toBe(true)
    expect(Object.fromEntries(location.searchParams)).toEqual({
      keep: '1',
      code: expect.stringMatching(/^cs_ac_[\w-]{43}$/),
      state,
      iss: issuer,
    })
  })

  test('state survives login and consent byte for byte', async () => {
    const location = await signOn(new InjectAgent(routes.http), webRequest({ state }))
    expect(location.searchParams.get('state')).toBe(state)
  })

  test('by POST as well (section 3.1)', async () => {
    const response = await signedOn.post('/oauth/authorize', {
      response_type: 'code',
      client_id: 'web',
      redirect_uri: callback,
    })
    expect(locationOf(response).searchParams.get('code')).toMatch(/^cs_ac_/)
  })

  test('without redirect_uri it goes to the only one registered, and the token request needs none', async () => {
    const agent = new InjectAgent(routes.http)
    const location = await signOn(agent, authorizeUrl({ response_type: 'code', client_id: 'single' }))
    expect(location.href).toMatch(/^https:\/\/single\.example\/callback\?tenant=1&code=/)
    const answer = await routes.post('/oauth/token', {
      grant_type: 'authorization_code',
      code: location.searchParams.get('code')!,
      client_id: 'single',
      client_secret: 'secret',
    })
    expect(answer.json()).toEqual({
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 600,
      scope: 'read',
    })
  })

  test.each(['http://127.0.0.1:49152/callback', 'http://127.0.0.1/callback', 'com.example.native:/callback'])(
    'for a native app (RFC 8252 section 7): %s',
    async (redirectUri) => {
      const location = await signOn(
        new InjectAgent(routes.http),
        authorizeUrl({
          response_type: 'code',
          client_id: 'native',
          redirect_uri: redirectUri,
          ...challenge,
        }),
      )
      expect(location.href.startsWith(`${redirectUri}?code=`)).toBe(true)
      const redemption = {
        grant_type: 'authorization_code',
        code: location.searchParams.get('code')!,
        redirect_uri: redirectUri,
        client_id: 'native',
        code_verifier: pkce.verifier,
      }
      const answer = await routes.post('/oauth/token', redemption)
      expect(answer.json()).toMatchObject({ refresh_token: expect.any(String), scope: 'read' })
    },
  )

  test('a known user is not asked twice, but for more scopes, and for a public client each time', async () => {
    const agent = new InjectAgent(routes.http)
    const fresh = (scope: string) => webRequest({ client_id: 'fresh', scope })
    await registerClient(routes.administrator, { ...web, clientId: 'fresh' })
    await signOn(agent, fresh('read'))
    expect(locationOf(await agent.get(fresh('read'))).origin).toBe('https://web.example')
    expect(locationOf(await agent.get(fresh('read write'))).pathname).toBe('/oauth/confirm_access')
    const native = authorizeUrl({
      response_type: 'code',
      client_id: 'native',
      redirect_uri: loopback,
      ...challenge,
    })
    await signOn(agent, native)
    expect(locationOf(await agent.get(native)).pathname).toBe('/oauth/confirm_access')
  })

  test('is not for those without a session', async () => {
    const response = await stranger.get(webRequest())
    expect(response.statusCode).toBe(302)
    expect(locationOf(response).pathname).toBe('/login')
    expect(response.headers['cache-control']).toBe('no-store')
  })
})

test('secrets that 1.1’s samples send here do not travel on', async () => {
  const secret = 'secret-of-the-samples'
  await registerClient(routes.administrator, { ...web, clientId: 'trusted', clientSecret: secret })
  const agent = new InjectAgent(routes.http)
  const url = webRequest({
    client_id: 'trusted',
    secret,
    client_secret: secret,
    grant_type: 'authorization_code',
    scope: 'read',
  })
  const seen: string[] = []
  let response = await agent.get(url)
  while (response.headers.location?.startsWith('/')) {
    seen.push(JSON.stringify(response.headers))
    response = await agent.get(response.headers.location)
  }
  const afterLogin = await agent.submit(response, {
    username: 'alice',
    password: 'correct horse battery staple',
  })
  const consent = await agent.follow(afterLogin)
  const done = await agent.submit(consent, { decision: 'approve' })
  for (const one of [response, afterLogin, consent, done]) seen.push(JSON.stringify(one.headers), one.body)
  expect(seen.join()).not.toContain(secret)
  const location = locationOf(done)
  expect(location.href.startsWith(callback)).toBe(true)
  const answer = await routes.post(
    '/oauth/token',
    { grant_type: 'authorization_code', code: location.searchParams.get('code')!, redirect_uri: callback },
    basic('trusted', secret),
  )
  expect(answer.statusCode).toBe(200)
})
