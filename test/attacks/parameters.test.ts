/** Parameters that come twice, from two places, under odd names, too many or too long: at every endpoint. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { invite } from '../../src/admin/clients.ts'
import type { Form, HttpRoutes, Response } from '../support/http-routes.ts'
import { formOf, InjectAgent } from '../support/inject-agent.ts'
import {
  asResource,
  asWeb,
  callback,
  locationOf,
  newCode,
  newTokens,
  openRegistered,
  signOn,
  television,
  webRequest,
} from '../support/registrations.ts'

let routes: HttpRoutes
let signedOn: InjectAgent
beforeAll(async () => {
  routes = await openRegistered({ environment: { SIGNON_REGISTRATION_MODE: 'token' } }, television)
  signedOn = new InjectAgent(routes.http)
  await signOn(signedOn, webRequest())
})
afterAll(async () => {
  await routes.close()
  expect(routes.complaints.filter((line) => !/^(Invalid|Missing) csrf/.test(line))).toEqual([])
})

/** Every endpoint that takes a form of a program, with one that it takes. */
const endpoints: [path: string, form: Record<string, string>, headers: Record<string, string>][] = [
  ['/oauth/token', { grant_type: 'client_credentials' }, asWeb],
  ['/oauth/introspect', { token: 'x' }, asResource],
  ['/oauth/revoke', { token: 'x', token_type_hint: 'access_token' }, asWeb],
  ['/oauth/check_token', { token: 'x' }, asResource],
  ['/oauth/par', { response_type: 'code', redirect_uri: callback }, asWeb],
  ['/oauth/device_authorization', { client_id: 'television', scope: 'read' }, {}],
]

const prototypeNames = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
]

describe.each(endpoints)('%s', (path, form, headers) => {
  const [name, value] = Object.entries(form)[0]!

  test('the form is one that it takes', async () => {
    const response = await routes.post(path, form, headers)
    expect(response.statusCode, response.body).not.toBe(401)
    expect(response.body).not.toContain('invalid_request')
  })

  test.each([
    ['alike', [value, value]],
    ['different', [value, 'other']],
    ['one of them empty', [value, '']],
    ['as lists', [value, 'a', 'b']],
  ])('a parameter twice, %s: invalid_request (RFC 6749 section 3.2)', async (_, values) => {
    const rest = Object.entries(form).slice(1)
    const twice: Form = [...rest, ...values.map((one): [string, string] => [name, one])]
    const response = await routes.post(path, twice, headers)
    expect([response.statusCode, response.json().error]).toEqual([400, 'invalid_request'])
  })

  test('as in other languages’ parsers: name[], name[0], name.x are other names', async () => {
    const rest = Object.entries(form).slice(1)
    for (const other of [`${name}[]`, `${name}[0]`, `${name}.x`, `${name} `, name.toUpperCase()]) {
      const response = await routes.post(path, [...rest, [other, value]], headers)
      expect(response.statusCode, other).toBeGreaterThanOrEqual(400)
    }
  })

  test('the query adds nothing to the body and replaces nothing of it', async () => {
    const right = await routes.post(path, form, headers)
    const query = new URLSearchParams({ ...form, client_id: 'web', client_secret: 'x', scope: 'root' })
    const same = await routes.post(`${path}?${query}`, form, headers)
    expect(same.statusCode).toBe(right.statusCode)
    const empty = await routes.post(`${path}?${new URLSearchParams(form)}`, {}, headers)
    expect([400, 401]).toContain(empty.statusCode)
  })

  test('prototype names, as names and as values', async () => {
    for (const odd of prototypeNames) {
      const more = await routes.post(path, { ...form, [`${odd}`]: 'x' }, headers)
      expect(more.statusCode, odd).toBeLessThan(500)
      for (const one of Object.keys(form)) {
        const response = await routes.post(path, { ...form, [one]: odd }, headers)
        expect(response.statusCode, `${one}=${odd}`).toBeLessThan(500)
        expect(response.body).not.toMatch(/native code|\[object/)
      }
      const named = await routes.post(path, { ...form, client_id: odd, client_secret: odd })
      // Later ones of a name that was tried too often wait.
      expect([401, 429], odd).toContain(named.statusCode)
    }
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })

  test('thousands of parameters, names and values without end, a body over the limit', async () => {
    const many = Array.from({ length: 5000 }, (_, n): [string, string] => [`p${n}`, ''])
    for (const more of [many, [['n'.repeat(60_000), 'v']], [['n', '%'.repeat(20_000)]]] as [
      string,
      string,
    ][][]) {
      const response = await routes.post(path, [...Object.entries(form), ...more], headers)
      expect(response.statusCode).toBeLessThan(500)
    }
    const large = await routes.post(path, { ...form, more: 'x'.repeat(66_000) }, headers)
    expect([large.statusCode, large.json().error]).toEqual([413, 'invalid_request'])
  })

  test.each([
    ['application/json', JSON.stringify(form)],
    ['text/plain', new URLSearchParams(form).toString()],
    [
      'multipart/form-data; boundary=x',
      `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}`,
    ],
    ['application/x-www-form-urlencoded+json', JSON.stringify(form)],
    ['', new URLSearchParams(form).toString()],
  ])('content type %j is not read', async (type, payload) => {
    const response = await routes.http.inject({
      method: 'POST',
      url: path,
      headers: { ...headers, ...(type && { 'content-type': type }) },
      payload,
    })
    expect([400, 401]).toContain(response.statusCode)
    expect(response.json().error).toMatch(/^invalid_(request|client)$/)
  })

  test('bytes that are no UTF-8, a lone surrogate, a null, another charset: an answer of the protocol', async () => {
    for (const text of ['%FF%FE', '%ED%A0%80', '%00', '%u0041', '%', '%%%', '+'])
      for (const charset of ['', '; charset=utf-16', '; charset=iso-8859-1', '; charset="']) {
        const response = await routes.http.inject({
          method: 'POST',
          url: path,
          headers: { ...headers, 'content-type': `application/x-www-form-urlencoded${charset}` },
          payload: `${name}=${text}&${text}=x`,
        })
        expect(response.statusCode, text + charset).toBeLessThan(500)
        expect(() => JSON.parse(response.body || '{}')).not.toThrow()
      }
  })
})

describe('the authorization endpoint: RFC 6749 section 3.1', () => {
  test('POST: the query adds nothing to the body', async () => {
    const good = { response_type: 'code', client_id: 'web', redirect_uri: callback }
    const bad = new URLSearchParams({ ...good, redirect_uri: 'https://evil.example/', state: 'planted' })
    const answer = locationOf(await signedOn.post(`/oauth/authorize?${bad}`, good))
    expect([answer.origin, answer.searchParams.get('state')]).toEqual(['https://web.example', null])
    const response = await signedOn.post(`/oauth/authorize?${new URLSearchParams(good)}`, {})
    expect([response.statusCode, response.headers.location]).toEqual([400, undefined])
  })

  test.each(['state', 'scope', 'response_type', 'nonce', 'code_challenge', 'response_mode', 'prompt'])(
    '%s twice goes to the client as an error',
    async (name) => {
      const answer = locationOf(await signedOn.get(`${webRequest({ [name]: 'a' })}&${name}=b`))
      expect([answer.origin, answer.searchParams.get('error')]).toEqual([
        'https://web.example',
        'invalid_request',
      ])
      expect(answer.searchParams.get('code')).toBeNull()
    },
  )

  test.each(prototypeNames)('%s as client, scope, mode, type, prompt and claim', async (odd) => {
    const unknown = await signedOn.get(webRequest({ client_id: odd }))
    expect([unknown.statusCode, unknown.headers.location]).toEqual([401, undefined])
    for (const name of [
      'scope',
      'response_mode',
      'response_type',
      'prompt',
      'acr_values',
      'ui_locales',
      'claims',
    ]) {
      const response = await signedOn.get(webRequest({ [name]: odd }))
      expect([302, 303], name).toContain(response.statusCode)
    }
    const claims = JSON.stringify({ id_token: JSON.parse(`{"${odd}":null}`) })
    expect((await signedOn.get(webRequest({ claims }))).statusCode).toBe(302)
  })

  test('claims nested without end', async () => {
    for (const claims of [
      '['.repeat(3900),
      '{"a":'.repeat(700),
      `{"id_token":${'['.repeat(1900)}${']'.repeat(1900)}}`,
    ])
      expect(locationOf(await signedOn.get(webRequest({ claims }))).searchParams.get('error')).toBe(
        'invalid_request',
      )
  })
})

describe('the forms of the pages', () => {
  test('what the consent form’s address says is not changed by its body, nor the decision by the address', async () => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    const page = await agent.open(webRequest({ prompt: 'consent' }))
    const { action, fields } = formOf(page)
    const url = action.pathname + action.search
    const evil: [string, string][] = [
      ['redirect_uri', 'https://evil.example/'],
      ['client_id', 'other'],
      ['state', 'planted'],
    ]
    const answer = locationOf(await agent.post(url, [...fields, ...evil, ['decision', 'approve']]))
    expect([answer.origin, answer.searchParams.get('state')]).toEqual(['https://web.example', null])
    const { fields: again } = formOf(await agent.open(webRequest({ prompt: 'consent' })))
    const denied = locationOf(await agent.post(`${url}&decision=approve`, again))
    expect(denied.searchParams.get('error')).toBe('access_denied')
  })

  test.each(['/login', '/oauth/logout', '/oauth/end_session', '/device', '/oauth/confirm_access'])(
    '%s: odd bodies get a page of this server, never a failure',
    async (path) => {
      const token = Object.fromEntries(formOf(await new InjectAgent(routes.http).get('/login')).fields)._csrf!
      for (const form of [
        [
          ['_csrf', token],
          ['_csrf', token],
        ],
        [['_csrf[]', token]],
        prototypeNames.map((name): [string, string] => [name, name]),
        [
          ['username', '\u0000'],
          ['password', '\ud800'],
        ],
        Array.from({ length: 5000 }, (_, n): [string, string] => [`p${n}`, '']),
      ] as [string, string][][]) {
        const response: Response = await new InjectAgent(routes.http).post(path, form)
        expect(response.statusCode).toBeLessThan(500)
        if (response.statusCode >= 400)
          expect(response.headers['content-type']).toBe('text/html; charset=utf-8')
      }
    },
  )
})

describe('paths', () => {
  test.each([
    ...prototypeNames.map((name) => `/oauth/register/${name}`),
    ...prototypeNames.map((name) => `/ledger/receipts/${name}`),
    ...prototypeNames.map((name) => `/${name}`),
    '/oauth/register/%00',
    '/oauth/register/..%2f..%2ftoken',
    '/oauth/register/%ff',
    `/oauth/register/${'x'.repeat(5000)}`,
    '/ledger/receipts/%2e%2e%2f',
    '//evil.example/login',
    '/login/../oauth/token',
    '/oauth//token',
  ])('%s', async (url) => {
    const response = await routes.http.inject({ url, headers: { authorization: 'Bearer cs_rg_x' } })
    expect(response.statusCode).toBeGreaterThanOrEqual(400)
    expect(response.statusCode).toBeLessThan(500)
    expect(response.body).not.toMatch(/native code|at \w+ \(|\.ts:/)
    expect(response.headers.location).toBeUndefined()
  })
})

describe('JSON of a registration', () => {
  const send = async (payload: string, headers: Record<string, string> = {}) =>
    routes.http.inject({
      method: 'POST',
      url: '/oauth/register',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${(await invite(routes.administrator, terms, false)).token}`,
        ...headers,
      },
      payload,
    })
  const terms = { scopes: ['read'], grantTypes: ['authorization_code'], uses: null, expiresAtSeconds: null }

  test.each([
    ['lists within lists', '['.repeat(16_000) + ']'.repeat(16_000)],
    ['objects within objects', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
    [
      'a deep member',
      `{"redirect_uris":["https://c.example/"],"x":${'['.repeat(15_000)}${']'.repeat(15_000)}}`,
    ],
    [
      'deep keys',
      `{"redirect_uris":["https://c.example/"],"jwks":${'{"keys":['.repeat(2500)}${']}'.repeat(2500)}}`,
    ],
    ['__proto__', '{"__proto__":{"redirect_uris":["https://c.example/"]}}'],
    ['constructor', '{"constructor":{"prototype":{"redirect_uris":["https://c.example/"]}}}'],
    [
      'a name twice, the second wrong',
      '{"redirect_uris":["https://c.example/"],"redirect_uris":["javascript:1"]}',
    ],
    ['no UTF-8', '\ufffd\u0000'],
    ['numbers without end', `{"redirect_uris":${'9'.repeat(30_000)}}`],
  ])('%s: refused as a client’s mistake', async (_, payload) => {
    const response = await send(payload)
    expect([response.statusCode, response.json().error]).toEqual([
      400,
      expect.stringMatching(/^invalid_(client_metadata|redirect_uri)$/),
    ])
    expect(({} as Record<string, unknown>).redirect_uris).toBeUndefined()
  })
})

test('error_description keeps to its characters, whatever it quotes (RFC 6749 sections 4.1.2.1 and 5.2)', async () => {
  const allowed = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
  const name = 'a"\\\u00e9\u202e\r\nSet-Cookie: x'
  const claims = JSON.stringify({ id_token: { [name]: 1 } })
  const answer = locationOf(await signedOn.get(webRequest({ claims })))
  expect(answer.searchParams.get('error_description')).toMatch(allowed)
  const pushed = await routes.post(
    '/oauth/par',
    { response_type: 'code', redirect_uri: callback, claims },
    asWeb,
  )
  expect(pushed.json().error_description).toMatch(allowed)
  const twice = await routes.post(
    '/oauth/token',
    [
      [name, '1'],
      [name, '2'],
    ],
    asWeb,
  )
  expect(twice.json().error_description).toMatch(allowed)
  const metadata = JSON.stringify({ redirect_uris: [`https://c.example/${name}`] })
  const { token } = await invite(
    routes.administrator,
    { scopes: [], grantTypes: ['authorization_code'], uses: null, expiresAtSeconds: null },
    false,
  )
  const refused = await routes.http.inject({
    method: 'POST',
    url: '/oauth/register',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    payload: metadata,
  })
  expect([refused.statusCode, refused.json().error]).toEqual([400, 'invalid_redirect_uri'])
  expect(refused.json().error_description).toMatch(allowed)
  expect(refused.json().error_description).toContain("'https://c.example/a'")
})

test('RFC 6749 section 10.6: a code is of no use with another redirect URI, other client or without it', async () => {
  const code = await newCode(routes)
  for (const redirect_uri of [
    'https://web.example/callback/',
    'https://web.example/callback?',
    'HTTPS://web.example/callback',
    'https://web.example:443/callback',
    'https://web.example/%63allback',
    `${callback}#`,
    ` ${callback}`,
    'https://web.example/other?keep=1',
  ]) {
    const answer = await routes.post(
      '/oauth/token',
      { grant_type: 'authorization_code', code, redirect_uri },
      asWeb,
    )
    expect([redirect_uri, answer.json().error]).toEqual([redirect_uri, 'invalid_grant'])
  }
})

test('nothing of all this disturbed anybody', async () => {
  expect((await newTokens(routes)).access_token).toMatch(/^cs_at_/)
})
