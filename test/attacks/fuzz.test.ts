/**
 * Requests that were right, mutated by the thousand at every route: nothing but a refusal, and nobody notices. A run's
 * chances are repeated by `SIGNON_TEST_SEED`.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registerClient } from '../../src/admin/administration.ts'
import { invite } from '../../src/admin/clients.ts'
import { type HttpRoutes, issuer, openRoutes } from '../support/http-routes.ts'
import { formOf, InjectAgent } from '../support/inject-agent.ts'
import {
  asWeb,
  callback,
  newTokens,
  pkce,
  registerAll,
  signOn,
  webRequest,
} from '../support/registrations.ts'

interface Base {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  headers: Record<string, string>
  /** In the query of a GET, else in the body. */
  fields: Record<string, string>
}

let routes: HttpRoutes
let bases: Base[]
beforeAll(async () => {
  routes = await openRoutes({
    environment: { SIGNON_SERVER_JSON_REQUESTS: 'true', SIGNON_REGISTRATION_MODE: 'open' },
  })
  await registerAll(routes)
  await registerClient(routes.administrator, {
    client_id: 'rp',
    client_secret: 'secret',
    redirect_uris: [callback],
    scope: 'openid profile email',
    post_logout_redirect_uris: [callback],
  })
  const terms = { scopes: ['read'], grantTypes: ['authorization_code'], uses: null, expiresAtSeconds: null }
  await invite(routes.administrator, terms, true)
  const agent = new InjectAgent(routes.http)
  await signOn(agent, webRequest())
  const csrf = formOf(await agent.get('/welcome.html')).fields.find(([name]) => name === '_csrf')![1]
  const cookie = [...agent.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const { access_token, refresh_token } = await newTokens(routes)
  const subject = routes.context.models.subjectOf('alice')!
  const hint = await routes.context.keys.sign('JWT', { iss: issuer, sub: subject, aud: 'rp' })
  bases = basesOf({ cookie, csrf, access_token, refresh_token, hint })
})
afterAll(() => routes.close())

function basesOf({ cookie, csrf, access_token, refresh_token, hint }: Record<string, string>): Base[] {
  const browser = { cookie: cookie! }
  const asked = {
    response_type: 'code',
    client_id: 'rp',
    redirect_uri: callback,
    scope: 'openid email',
    state: 's',
    nonce: 'n',
    claims: '{"userinfo":{"name":null},"id_token":{"acr":{"essential":true,"value":"x"}}}',
    max_age: '100',
    prompt: 'consent',
    id_token_hint: hint!,
    ui_locales: 'ko',
    login_hint: 'bob',
    code_challenge: pkce.challenge,
    code_challenge_method: 'S256',
    response_mode: 'query',
  }
  const assertion = `eyJhbGciOiJSUzI1NiJ9.${Buffer.from('{"sub":"rp","aud":"x"}').toString('base64url')}.AAAA`
  const post = (path: string, fields: Record<string, string>, headers = {}): Base => ({
    method: 'POST',
    path,
    headers,
    fields,
  })
  const get = (path: string, fields: Record<string, string>, headers = {}): Base => ({
    method: 'GET',
    path,
    headers,
    fields,
  })
  const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
  return [
    get('/oauth/authorize', asked, browser),
    post('/oauth/authorize', asked, browser),
    get('/oauth/confirm_access', asked, browser),
    post(
      `/oauth/confirm_access?${new URLSearchParams(asked)}`,
      { _csrf: csrf!, scope: 'openid', claim: 'name' },
      browser,
    ),
    post('/oauth/par', asked, asWeb),
    post('/oauth/token', { grant_type: 'client_credentials', scope: 'read', resource: 'accounts' }, asWeb),
    post(
      '/oauth/token',
      { grant_type: 'authorization_code', code: `cs_ac_${'A'.repeat(43)}`, redirect_uri: callback },
      asWeb,
    ),
    post('/oauth/token', { grant_type: 'refresh_token', refresh_token: refresh_token! }, asWeb),
    post(
      '/oauth/token',
      { grant_type: exchange, subject_token: access_token!, subject_token_type: 'x' },
      asWeb,
    ),
    post('/oauth/token', {
      grant_type: 'client_credentials',
      client_assertion: assertion,
      client_assertion_type: 'x',
    }),
    post('/oauth/introspect', { token: access_token!, token_type_hint: 'x' }, asWeb),
    post('/oauth/check_token', { token: access_token! }, asWeb),
    post('/oauth/revoke', { token: hint!, token_type_hint: 'access_token' }, asWeb),
    post('/oauth/device_authorization', { client_id: 'native', scope: 'read' }),
    post('/oauth/userinfo', { access_token: access_token! }),
    get('/oauth/end_session', {
      id_token_hint: hint!,
      client_id: 'rp',
      post_logout_redirect_uri: callback,
      state: 's',
    }),
    get('/oauth/logout', { access_token: hint!, redirect_uri: callback }),
    get('/login', { continue: `/oauth/authorize?${new URLSearchParams(asked)}` }, browser),
    post('/login', { _csrf: csrf!, username: 'alice', continue: webRequest() }, browser),
    get('/device', { user_code: 'BCDF-GHJK' }, browser),
    post('/device', { _csrf: csrf!, user_code: 'BCDF-GHJK', decision: 'approve', scope: 'read' }, browser),
    get('/oauth/error', { error: 'access_denied' }),
    post('/oauth/register', { client_name: 'x', 'redirect_uris[]': callback }),
    get(`/oauth/register/rp`, {}, { authorization: `Bearer cs_rg_${'A'.repeat(43)}` }),
    get('/ledger/receipts/0', {}, asWeb),
    get('/ledger/tile/0/000', {}),
  ]
}

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    ...[
      '',
      '__proto__',
      'constructor',
      '%',
      '%00',
      '\0',
      '\u202e',
      '../..',
      '{',
      '[]',
      'null',
      '-1',
      '1e309',
    ],
    ...[
      '9'.repeat(400),
      'a'.repeat(9000),
      'none',
      'eyJhbGciOiJub25lIn0.e30.',
      'https://[::1',
      '//evil.example',
    ],
    ...[
      'javascript:alert(1)',
      `cs_at_${'A'.repeat(43)}`,
      `urn:ietf:params:oauth:request_uri:${'A'.repeat(43)}`,
    ],
  ),
)
const mutation = fc.oneof(
  fc.record({ do: fc.constant('replace' as const), at: fc.nat(), by: hostile }),
  fc.record({ do: fc.constant('splice' as const), at: fc.nat(), place: fc.nat(), by: hostile }),
  fc.record({ do: fc.constant('remove' as const), at: fc.nat() }),
  fc.record({ do: fc.constant('repeat' as const), at: fc.nat(), by: hostile }),
  fc.record({ do: fc.constant('add' as const), name: hostile, by: hostile }),
)

type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never

function mutated(fields: [string, string][], changes: readonly Mutation[]): [string, string][] {
  const all = [...fields]
  for (const change of changes) {
    const at = 'at' in change && all.length > 0 ? change.at % all.length : 0
    const [name = 'x', value = ''] = all[at] ?? []
    if (change.do === 'replace') all[at] = [name, change.by]
    else if (change.do === 'remove') all.splice(at, 1)
    else if (change.do === 'repeat') all.push([name, change.by])
    else if (change.do === 'add') all.push([change.name, change.by])
    else {
      const place = change.place % (value.length + 1)
      all[at] = [name, value.slice(0, place) + change.by.slice(0, 3) + value.slice(place + 1)]
    }
  }
  return all
}

const attempt = fc.record({
  base: fc.nat(),
  changes: fc.array(mutation, { minLength: 1, maxLength: 4 }),
  body: fc.constantFrom('form', 'form', 'form', 'json', 'raw'),
  method: fc.option(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS'), { freq: 10 }),
  origin: fc.option(hostile, { freq: 5 }),
})

test('5,000 mutated requests: no 5xx, no line of the log, and the server goes on', async () => {
  await fc.assert(
    fc.asyncProperty(attempt, async ({ base, changes, body, method, origin }) => {
      const one = bases[base % bases.length]!
      const fields = mutated(Object.entries(one.fields), changes)
      const query = String(new URLSearchParams(fields))
      const isQuery = one.method === 'GET'
      const sent = { form: query, json: JSON.stringify(Object.fromEntries(fields)), raw: fields.join('&') }[
        body
      ]
      const type = body === 'json' ? 'application/json' : 'application/x-www-form-urlencoded'
      const answer = await routes.http.inject({
        method: method ?? one.method,
        url: isQuery ? `${one.path}?${query}` : one.path,
        headers: {
          ...one.headers,
          ...(!isQuery && { 'content-type': type }),
          ...(origin && /^[\x20-\x7e]*$/.test(origin) && { origin }),
        },
        ...(!isQuery && { payload: sent }),
      })
      const told = `${answer.statusCode} ${answer.body.slice(0, 200)}`
      expect(answer.statusCode, told).toBeLessThan(500)
      for (const value of Object.values(answer.headers).flat()) expect(String(value)).not.toMatch(/[\r\n\0]/)
    }),
    { numRuns: 5000, ...(process.env.SIGNON_TEST_SEED && { seed: Number(process.env.SIGNON_TEST_SEED) }) },
  )
  expect(routes.complaints).toEqual([])
  expect((await routes.http.inject({ url: '/health/ready' })).statusCode).toBe(200)
})
