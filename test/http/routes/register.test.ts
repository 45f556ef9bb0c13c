/** RFC 7591: a client registers itself. RFC 7592: it reads, changes and removes itself. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { invite, withdrawInvitation } from '../../../src/admin/clients.ts'
import type { InvitationTerms } from '../../../src/oauth/invitation.ts'
import { createSigningKey } from '../../support/client-assertion.ts'
import { basic, type HttpRoutes, openRoutes, type Response } from '../../support/http-routes.ts'
import { closeWithoutComplaint } from '../../support/registrations.ts'

const callback = 'https://client.example/callback'
const codeGrant = ['authorization_code', 'refresh_token']

let routes: HttpRoutes
beforeAll(async () => {
  routes = await openRoutes({
    environment: { SIGNON_REGISTRATION_MODE: 'token', SIGNON_REGISTRATION_HOSTS: 'keys.example' },
  })
})
afterAll(() => closeWithoutComplaint(routes))

const termsOf = (changes: Partial<InvitationTerms> = {}): InvitationTerms => ({
  scopes: ['read', 'write'],
  grantTypes: [...codeGrant, 'client_credentials'],
  uses: null,
  expiresAtSeconds: null,
  ...changes,
})
const invited = async (changes: Partial<InvitationTerms> = {}, to = routes): Promise<string> =>
  (await invite(to.administrator, termsOf(changes), false)).token!

/** Each from an address of its own: what is tested here is not the pace. */
let addresses = 0
const send = (
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  token: string | undefined,
  body?: unknown,
  to = routes,
): Promise<Response> =>
  to.http.inject({
    method,
    url,
    remoteAddress: `10.${addresses >> 16}.${(addresses >> 8) & 255}.${addresses++ & 255}`,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
const register = (token: string | undefined, body: unknown, to = routes) =>
  send('POST', '/oauth/register', token, body, to)
const pathOf = (answer: { registration_client_uri: string }) =>
  new URL(answer.registration_client_uri).pathname

const registered = async (body: object = { redirect_uris: [callback] }) => {
  const response = await register(await invited(), body)
  expect(response.statusCode, response.body).toBe(201)
  return response.json()
}
const ask = (form: Record<string, string>, id: string, secret: string) =>
  routes.post('/oauth/token', form, basic(id, secret))

describe('RFC 7591 section 3.2.1: the answer', () => {
  test('has the identifiers, all metadata with their defaults, and is not to be stored', async () => {
    const response = await register(await invited(), {
      redirect_uris: [callback],
      client_name: 'A client',
      scope: 'read other',
      contacts: ['a@client.example'],
      client_uri: 'https://client.example/',
      unknown_member: { deep: [1] },
      'client_name#ko': '손님',
    })
    expect(response.statusCode).toBe(201)
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' })
    const answer = response.json()
    expect(answer).toEqual({
      client_id: expect.stringMatching(/^dcr_[\w-]{22}$/),
      client_id_issued_at: Math.floor(routes.clock.nowMs / 1000),
      client_secret: expect.stringMatching(/^[\w-]{43}$/),
      client_secret_expires_at: 0,
      registration_access_token: expect.stringMatching(/^cs_rg_[\w-]{43}$/),
      registration_client_uri: `${routes.issuer}/oauth/register/${answer.client_id}`,
      response_types: ['code'],
      client_name: 'A client',
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code'],
      redirect_uris: [callback],
      scope: 'read',
      contacts: ['a@client.example'],
      client_uri: 'https://client.example/',
    })
  })

  test('section 2: response types beside code are replaced, and the answer says so', async () => {
    const answer = await registered({
      redirect_uris: [callback],
      response_types: ['code', 'token', 'code id_token'],
    })
    expect(answer.response_types).toEqual(['code'])
  })

  test('section 2: grant types that are not open to it are not given, and the answer says so', async () => {
    const answer = await registered({
      redirect_uris: [callback],
      grant_types: [
        ...codeGrant,
        'implicit',
        'urn:ietf:params:oauth:grant-type:device_code',
        'password',
        'x',
      ],
    })
    expect(answer.grant_types).toEqual(codeGrant)
  })

  test.each([
    ['nothing', {}],
    ['web', { application_type: 'web' }],
  ])('a client on the user’s device that says %s of its type is native', async (_, type) => {
    const redirectUris = ['http://localhost:4242', 'http://127.0.0.1/x', 'com.example.app:/redirect']
    const answer = await registered({ redirect_uris: redirectUris, ...type })
    expect(answer).toMatchObject({ redirect_uris: redirectUris, application_type: 'native' })
  })

  test('the client that it names can do what it was registered for', async () => {
    const { client_id: id, client_secret: secret } = await registered({ grant_types: ['client_credentials'] })
    const response = await ask({ grant_type: 'client_credentials' }, id, secret)
    expect(response.json()).toMatchObject({ token_type: 'bearer', scope: 'read write' })
    expect((await ask({ grant_type: 'client_credentials' }, id, 'guess')).statusCode).toBe(401)
  })

  test('a client that signs gets no secret', async () => {
    const { jwk } = await createSigningKey()
    const answer = await registered({
      redirect_uris: [callback],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...jwk, x5c: ['junk'] }] },
    })
    expect(answer).toMatchObject({ jwks: { keys: [jwk] } })
    expect(answer).not.toHaveProperty('client_secret')
    expect(answer).not.toHaveProperty('client_secret_expires_at')
  })

  test('what only the administrator may give is not taken from the client', async () => {
    const answer = await registered({
      redirect_uris: [callback],
      autoApproves: ['read'],
      authorities: ['ROLE_ADMIN'],
      resourceIds: ['bank'],
      additionalInformation: { a: 'b' },
      accessTokenValidity: 1_000_000,
      redirectUriMatching: 'prefix',
      client_id: 'chosen',
      client_secret: 'chosen',
    })
    expect(answer.client_id).not.toBe('chosen')
    expect(answer.client_secret).not.toBe('chosen')
    expect(routes.context.models.load('client', `client:${answer.client_id}`).state?.metadata).toEqual({
      authenticationMethod: 'client_secret_basic',
      grantTypes: ['authorization_code'],
      redirectUris: [callback],
      scopes: ['read', 'write'],
      authorities: [],
      autoApproves: [],
      resourceIds: [],
      additionalInformation: {},
    })
  })
})

describe('RFC 7591 section 3.2.2: errors', () => {
  const web = { redirect_uris: [callback] }
  const table: [string, unknown, string][] = [
    ['no JSON', '{', 'invalid_client_metadata'],
    ['a list', [], 'invalid_client_metadata'],
    ['null', 'null', 'invalid_client_metadata'],
    ['too deep', { ...web, x: [[[[[[[]]]]]]] }, 'invalid_client_metadata'],
    ['no redirect URI', {}, 'invalid_redirect_uri'],
    ['a relative redirect URI', { redirect_uris: ['/callback'] }, 'invalid_redirect_uri'],
    ['a fragment', { redirect_uris: [`${callback}#x`] }, 'invalid_redirect_uri'],
    ['user information', { redirect_uris: ['https://a@client.example/'] }, 'invalid_redirect_uri'],
    ['a script', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['data', { redirect_uris: ['data:text/html,x'] }, 'invalid_redirect_uri'],
    ['http (RFC 9700 section 2.6)', { redirect_uris: ['http://client.example/'] }, 'invalid_redirect_uri'],
    [
      'loopback of a client with an https address too',
      { redirect_uris: [callback, 'http://127.0.0.1/'] },
      'invalid_redirect_uri',
    ],
    ['https loopback', { redirect_uris: ['https://localhost/'] }, 'invalid_redirect_uri'],
    [
      'a private-use scheme of a client with an https address too',
      { redirect_uris: ['com.example.app:/x', callback], application_type: 'web' },
      'invalid_redirect_uri',
    ],
    [
      'a name that begins like the loopback interface',
      { redirect_uris: ['http://localhost.evil.example/'] },
      'invalid_redirect_uri',
    ],
    [
      'http of a native client',
      { redirect_uris: ['http://client.example/'], application_type: 'native' },
      'invalid_redirect_uri',
    ],
    [
      'a scheme without a dot (RFC 8252 section 7.1)',
      { redirect_uris: ['myapp:/x'], application_type: 'native' },
      'invalid_redirect_uri',
    ],
    [
      'an open way after logout',
      { ...web, post_logout_redirect_uris: ['http://client.example/'] },
      'invalid_redirect_uri',
    ],
    ['another application_type', { ...web, application_type: 'thing' }, 'invalid_client_metadata'],
    ['the implicit grant', { ...web, grant_types: ['implicit'] }, 'invalid_client_metadata'],
    ['the password grant', { ...web, grant_types: ['password'] }, 'invalid_client_metadata'],
    ['a grant type that nobody knows', { ...web, grant_types: ['x'] }, 'invalid_client_metadata'],
    [
      'a grant type beyond the invitation',
      { ...web, grant_types: ['urn:ietf:params:oauth:grant-type:device_code'] },
      'invalid_client_metadata',
    ],
    [
      'tokens from the authorization endpoint',
      { ...web, response_types: ['token'] },
      'invalid_client_metadata',
    ],
    [
      'a response type without its grant type',
      { ...web, grant_types: ['client_credentials'], response_types: ['code'] },
      'invalid_client_metadata',
    ],
    ['scopes that are not open', { ...web, scope: 'admin' }, 'invalid_client_metadata'],
    ['a malformed scope', { ...web, scope: 'a"b' }, 'invalid_client_metadata'],
    ['another method', { ...web, token_endpoint_auth_method: 'tls_client_auth' }, 'invalid_client_metadata'],
    [
      'no keys to sign with',
      { ...web, token_endpoint_auth_method: 'private_key_jwt' },
      'invalid_client_metadata',
    ],
    ['a secret key', { ...web, jwks: { keys: [{ kty: 'oct', k: 'AA' }] } }, 'invalid_client_metadata'],
    ['a private key', { ...web, jwks: { keys: [{ kty: 'EC', d: 'AA' }] } }, 'invalid_client_metadata'],
    [
      'keys twice',
      { ...web, jwks: { keys: [{ kty: 'EC' }] }, jwks_uri: 'https://keys.example/' },
      'invalid_client_metadata',
    ],
    [
      'keys at a host not allowed',
      { ...web, jwks_uri: 'https://client.example/jwks' },
      'invalid_client_metadata',
    ],
    ['keys inside', { ...web, jwks_uri: 'https://169.254.169.254/' }, 'invalid_client_metadata'],
    [
      'a logout at a host not allowed',
      { ...web, backchannel_logout_uri: 'https://client.example/out' },
      'invalid_client_metadata',
    ],
    [
      'the logo of somebody else',
      { ...web, logo_uri: 'https://bank.example/logo' },
      'invalid_client_metadata',
    ],
    [
      'a client without a secret that acts for itself',
      { grant_types: ['client_credentials'], token_endpoint_auth_method: 'none' },
      'invalid_client_metadata',
    ],
    [
      'a prototype as a name',
      '{"redirect_uris":["__proto__"],"__proto__":{"scope":"admin"}}',
      'invalid_redirect_uri',
    ],
  ]
  let token: string
  beforeAll(async () => {
    token = await invited()
  })

  test.each(table)('%s', async (_, body, error) => {
    const before = routes.context.ledger.size
    const response = await register(token, body)
    expect([response.statusCode, response.json().error], response.body).toEqual([400, error])
    expect(response.json().error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    expect(routes.context.ledger.size).toBe(before)
  })

  test.each([
    ['a private-use scheme', 'com.example.app:/callback'],
    ['loopback, IPv4', 'http://127.0.0.1/callback'],
    ['loopback, IPv6', 'http://[::1]:8080/callback'],
    ['a claimed https address', callback],
  ])('a native client may have %s (RFC 8252 section 7)', async (_, uri) => {
    expect(
      await registered({
        redirect_uris: [uri],
        application_type: 'native',
        token_endpoint_auth_method: 'none',
      }),
    ).toMatchObject({ redirect_uris: [uri], application_type: 'native' })
  })

  test('other media types, and bodies that are too long', async () => {
    const response = await routes.post('/oauth/register', { redirect_uris: callback })
    expect([response.statusCode, response.json().error]).toEqual([400, 'invalid_client_metadata'])
    const long = await register(token, { ...web, client_name: 'x'.repeat(40_000) })
    expect([long.statusCode, long.json().error]).toEqual([413, 'invalid_request'])
  })

  test('whatever JSON is sent, it is registered or refused', async () => {
    const names = [
      'redirect_uris',
      'grant_types',
      'scope',
      'jwks',
      'jwks_uri',
      'contacts',
      '__proto__',
      'toString',
    ]
    const body = fc.oneof(
      fc.json(),
      fc
        .dictionary(fc.constantFrom(...names), fc.jsonValue(), { noNullPrototype: true })
        .map((members) => JSON.stringify({ redirect_uris: [callback], ...members })),
    )
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        const response = await register(token, text)
        if (response.statusCode === 201) return
        expect(response.statusCode, text).toBe(400)
        expect(['invalid_redirect_uri', 'invalid_client_metadata']).toContain(response.json().error)
      }),
      { numRuns: 100 },
    )
  })
})

describe('RFC 7591 section 3: initial access tokens', () => {
  const body = { redirect_uris: [callback] }
  const refused = (response: Response) => {
    expect([response.statusCode, response.json().error]).toEqual([401, 'invalid_token'])
    expect(response.headers['www-authenticate']).toBe(
      'Bearer realm="coinstack-signon", error="invalid_token"',
    )
  }

  test.each([undefined, 'x', `cs_in_${'A'.repeat(43)}`, `cs_at_${'A'.repeat(43)}`, '__proto__'])(
    'not by %s',
    async (token) => {
      refused(await register(token, body))
    },
  )

  test('not by another scheme', async () => {
    const response = await routes.http.inject({
      method: 'POST',
      url: '/oauth/register',
      headers: { ...basic('a', 'b'), 'content-type': 'application/json' },
      payload: '{}',
    })
    refused(response)
  })

  test('as often as it says, at the same time too', async () => {
    const token = await invited({ uses: 2 })
    const responses = await Promise.all(Array.from({ length: 6 }, () => register(token, body)))
    expect(responses.map(({ statusCode }) => statusCode).sort()).toEqual([201, 201, 401, 401, 401, 401])
    refused(await register(token, body))
  })

  test('until it expires, or is withdrawn', async () => {
    const token = await invited({ expiresAtSeconds: Math.floor(routes.clock.nowMs / 1000) + 60 })
    expect((await register(token, body)).statusCode).toBe(201)
    routes.clock.nowMs += 60_000
    refused(await register(token, body))
    const issued = await invite(routes.administrator, termsOf(), false)
    await withdrawInvitation(routes.administrator, issued.invitation)
    refused(await register(issued.token, body))
  })

  test('the token stands nowhere in the ledger', async () => {
    const token = await invited()
    const { registration_access_token: own } = (await register(token, body)).json()
    for await (const [, value] of routes.context.ledger.storage.entries({
      gte: Buffer.alloc(0),
      lt: Buffer.from([255]),
    })) {
      expect(value.includes(token)).toBe(false)
      expect(value.includes(own)).toBe(false)
    }
  })
})

describe('RFC 7592: management', () => {
  test('section 2.1: reads what is registered', async () => {
    const { client_secret: _, ...answer } = await registered()
    const response = await send('GET', pathOf(answer), answer.registration_access_token)
    expect(response.statusCode).toBe(200)
    expect(response.json()).toEqual(answer)
  })

  test('not without its own token', async () => {
    const [one, two] = [await registered(), await registered()]
    const tokens = [undefined, two.registration_access_token, 'x', await invited()]
    for (const token of tokens)
      for (const method of ['GET', 'PUT', 'DELETE'] as const) {
        const response = await send(method, pathOf(one), token, method === 'PUT' ? {} : undefined)
        expect([response.statusCode, response.json().error]).toEqual([401, 'invalid_token'])
      }
    for (const id of ['nobody', '__proto__', 'constructor', '%00', 'a%2Fb'])
      expect((await send('GET', `/oauth/register/${id}`, one.registration_access_token)).statusCode).toBe(401)
  })

  test('section 2.2: replaces all metadata; the token is replaced, and a retry finds its successor', async () => {
    const answer = await registered({ redirect_uris: [callback], client_name: 'Old' })
    const { client_id, client_secret, registration_access_token: first } = answer
    const change = { client_id, client_secret, redirect_uris: [`${callback}2`], scope: 'read' }
    const put = () => send('PUT', pathOf(answer), first, change)
    const changed = (await put()).json()
    expect(changed).toMatchObject({
      client_id,
      client_secret,
      redirect_uris: [`${callback}2`],
      scope: 'read',
    })
    expect(changed).not.toHaveProperty('client_name')
    expect(changed.registration_access_token).not.toBe(first)
    const again = await send('GET', pathOf(answer), first)
    expect(again.json().registration_access_token).toBe(changed.registration_access_token)
    routes.clock.nowMs += 60_000
    expect((await send('GET', pathOf(answer), first)).statusCode).toBe(401)
    expect((await send('GET', pathOf(answer), changed.registration_access_token)).statusCode).toBe(200)
  })

  test('a PUT without client_secret gives a new one; the former counts for a day', async () => {
    const answer = await registered({ grant_types: ['client_credentials'] })
    const { client_id, client_secret: former, registration_access_token: token } = answer
    const change = { client_id, grant_types: ['client_credentials'] }
    const { client_secret: present } = (await send('PUT', pathOf(answer), token, change)).json()
    expect(present).not.toBe(former)
    const form = { grant_type: 'client_credentials' }
    expect((await ask(form, client_id, present)).statusCode).toBe(200)
    expect((await ask(form, client_id, former)).statusCode).toBe(200)
    routes.clock.nowMs += 86_400_000
    expect((await ask(form, client_id, present)).statusCode).toBe(200)
    expect((await ask(form, client_id, former)).statusCode).toBe(401)
  })

  test.each<[string, object]>([
    ['no client_id', { redirect_uris: [callback] }],
    ['another client_id', { client_id: 'other', redirect_uris: [callback] }],
    ['another secret', { client_secret: 'other', redirect_uris: [callback] }],
    ['the token', { registration_access_token: 'x', redirect_uris: [callback] }],
    ['the time', { client_id_issued_at: 1, redirect_uris: [callback] }],
    ['scopes that are not open', { redirect_uris: [callback], scope: 'admin' }],
    ['grant types that are not open', { redirect_uris: [callback], grant_types: ['implicit'] }],
  ])('section 2.2: refuses %s', async (what, change) => {
    const answer = await registered()
    const named = what === 'no client_id' ? {} : { client_id: answer.client_id }
    const response = await send('PUT', pathOf(answer), answer.registration_access_token, {
      ...named,
      ...change,
    })
    expect([response.statusCode, response.json().error]).toEqual([400, 'invalid_client_metadata'])
  })

  test('two changes at once: one counts', async () => {
    const answer = await registered()
    const { client_id, client_secret, registration_access_token: token } = answer
    const change = { client_id, client_secret, redirect_uris: [callback] }
    const responses = await Promise.all([1, 2].map(() => send('PUT', pathOf(answer), token, change)))
    expect(responses.map(({ statusCode }) => statusCode).sort()).toEqual([200, 503])
  })

  test('section 2.3: removes itself, and its tokens end', async () => {
    const answer = await registered({ grant_types: ['client_credentials'] })
    const { client_id, client_secret } = answer
    const form = { grant_type: 'client_credentials' }
    expect((await ask(form, client_id, client_secret)).statusCode).toBe(200)
    const response = await send('DELETE', pathOf(answer), answer.registration_access_token)
    expect([response.statusCode, response.body]).toEqual([204, ''])
    expect((await ask(form, client_id, client_secret)).statusCode).toBe(401)
    expect((await send('GET', pathOf(answer), answer.registration_access_token)).statusCode).toBe(401)
  })
})

describe('signon.registration.mode', () => {
  test('off, by default: there is nothing', async () => {
    const off = await openRoutes()
    const response = await register(undefined, { redirect_uris: [callback] }, off)
    expect(response.statusCode).toBe(404)
    const metadata = (await off.http.inject('/.well-known/oauth-authorization-server')).json()
    expect(metadata).not.toHaveProperty('registration_endpoint')
    await off.close()
  })

  test('open: within the terms that the administrator signed, else not at all', async () => {
    const open = await openRoutes({ environment: { SIGNON_REGISTRATION_MODE: 'open' } })
    const body = { redirect_uris: [callback] }
    expect((await register(undefined, body, open)).json().error).toBe('access_denied')
    await invite(open.administrator, termsOf({ scopes: ['read'], uses: 1 }), true)
    await expect(invite(open.administrator, termsOf(), true)).rejects.toMatchObject({ code: 'exists' })
    expect((await register(undefined, body, open)).json().scope).toBe('read')
    expect((await register(undefined, body, open)).json().error).toBe('access_denied')
    const metadata = (await open.http.inject('/.well-known/oauth-authorization-server')).json()
    expect(metadata.registration_endpoint).toBe(`${open.issuer}/oauth/register`)
    await open.close()
  })

  test('no more than so many from one address', async () => {
    const token = await invited()
    const from = () =>
      routes.http.inject({
        method: 'POST',
        url: '/oauth/register',
        remoteAddress: '192.0.2.1',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        payload: '{}',
      })
    for (let i = 0; i < 30; i++) expect((await from()).statusCode).toBe(400)
    const response = await from()
    expect(response.statusCode).toBe(429)
    expect(Number(response.headers['retry-after'])).toBe(3600)
    routes.clock.nowMs += 3_600_000
    expect((await from()).statusCode).toBe(400)
  })
})
