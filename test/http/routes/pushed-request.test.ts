/** RFC 9126: pushed authorization requests. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes, openRoutes } from '../../support/http-routes.ts'
import { InjectAgent } from '../../support/inject-agent.ts'
import {
  asOther,
  asWeb,
  authorizeUrl,
  callback,
  closeWithoutComplaint,
  locationOf,
  openRegistered,
  password,
  pkce,
  signOn,
  web,
  webRequest,
} from '../../support/registrations.ts'

let routes: HttpRoutes
beforeAll(async () => {
  routes = await openRegistered()
  await registerClient(routes.administrator, {
    client_id: 'pushing',
    client_secret: 'secret',
    redirect_uris: ['https://pushing.example/callback'],
    scope: 'read',
    require_pushed_authorization_requests: true,
  })
})
afterAll(() => closeWithoutComplaint(routes))

const request = { response_type: 'code', redirect_uri: callback, state: 'pushed', scope: 'read' }
const prefix = 'urn:ietf:params:oauth:request_uri:'

async function push(changes: Record<string, string> = {}): Promise<string> {
  const response = await routes.post('/oauth/par', { ...request, ...changes }, asWeb)
  expect([response.statusCode, response.body]).toEqual([201, expect.stringContaining(prefix)])
  return response.json().request_uri
}
const pushedUrl = (uri: string, clientId = 'web') => authorizeUrl({ client_id: clientId, request_uri: uri })

describe('section 2: the endpoint', () => {
  test('answers 201 with a request URI that nobody can guess and that lives shortly', async () => {
    const response = await routes.post('/oauth/par', request, asWeb)
    expect(response.statusCode).toBe(201)
    expect(response.headers['cache-control']).toBe('no-store')
    expect(response.json()).toEqual({
      request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/),
      expires_in: 90,
    })
  })

  test('a public client names itself and needs PKCE', async () => {
    const native = {
      response_type: 'code',
      client_id: 'native',
      redirect_uri: 'http://127.0.0.1:4000/callback',
    }
    const challenge = { code_challenge: pkce.challenge, code_challenge_method: 'S256' }
    expect((await routes.post('/oauth/par', { ...native, ...challenge })).statusCode).toBe(201)
    expect((await routes.post('/oauth/par', native)).json().error).toBe('invalid_request')
  })

  test.each<[string, Record<string, string>, Record<string, string>, number, string]>([
    ['no client', request, {}, 401, 'invalid_client'],
    ['a wrong secret', request, basic('web', 'wrong'), 401, 'invalid_client'],
    ['another client_id', { ...request, client_id: 'other' }, asWeb, 400, 'invalid_request'],
    ['section 2.1: a request_uri', { ...request, request_uri: `${prefix}x` }, asWeb, 400, 'invalid_request'],
    ['a request object', { ...request, request: 'e30.e30.' }, asWeb, 400, 'request_not_supported'],
    [
      'a redirect URI of somebody else',
      { ...request, redirect_uri: 'https://evil.example/' },
      asWeb,
      400,
      'invalid_request',
    ],
    ['no response_type', { redirect_uri: callback }, asWeb, 400, 'invalid_request'],
    ['a scope that the client has not', { ...request, scope: 'admin' }, asWeb, 400, 'invalid_scope'],
    ['another response_type', { ...request, response_type: 'token' }, asWeb, 400, 'unauthorized_client'],
    ['prompt none with login', { ...request, prompt: 'none login' }, asWeb, 400, 'invalid_request'],
    ['a resource that is not its own', { ...request, resource: 'https://a/' }, asWeb, 400, 'invalid_target'],
  ])('section 2.3: %s', async (_, form, headers, status, error) => {
    const size = routes.context.ledger.size
    const response = await routes.post('/oauth/par', form, headers)
    expect([response.statusCode, response.json().error]).toEqual([status, error])
    expect(routes.context.ledger.size).toBe(size)
  })

  test('only POST', async () => {
    expect((await routes.http.inject({ url: '/oauth/par' })).statusCode).toBe(405)
  })
})

describe('section 4: the authorization request', () => {
  test('goes through login and consent; what else stands in the address counts for nothing', async () => {
    const uri = await push()
    const url = `${pushedUrl(uri)}&${new URLSearchParams({ scope: 'write', state: 'other', redirect_uri: 'https://evil.example/' })}`
    const location = await signOn(new InjectAgent(routes.http), url)
    expect(location.href.startsWith(`${callback}?code=`)).toBe(true)
    expect(location.searchParams.get('state')).toBe('pushed')
    const code = location.searchParams.get('code')!
    const form = { grant_type: 'authorization_code', code, redirect_uri: callback }
    expect((await routes.post('/oauth/token', form, asWeb)).json().scope).toBe('read')
  })

  test('the login page names the client and shows the login_hint that was pushed', async () => {
    const uri = await push({ login_hint: 'bob@example.com', ui_locales: 'ko' })
    const page = await new InjectAgent(routes.http).open(pushedUrl(uri))
    expect(page.body).toContain('value="bob@example.com"')
    expect(page.body).toContain('<html lang="ko">')
    expect(page.headers['content-security-policy']).toContain("form-action 'self' https:")
    const sides = JSON.stringify(routes.context.ledger.recordAt(routes.context.ledger.size - 1))
    expect(sides).not.toContain('bob@example.com')
  })

  test('section 7.3: is used once; it may be shown again until then', async () => {
    const agent = new InjectAgent(routes.http)
    const uri = await push()
    await agent.open(pushedUrl(uri))
    await signOn(agent, pushedUrl(uri))
    const again = await agent.get(pushedUrl(uri))
    expect([again.statusCode, again.headers.location]).toEqual([400, undefined])
    expect(again.body).toContain('<code>invalid_request_uri</code>')
  })

  test('two tabs at once: one code', async () => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest({ scope: 'read' }))
    const uri = await push()
    const answers = await Promise.all([1, 2, 3].map(() => agent.get(pushedUrl(uri))))
    const codes = answers.filter(({ headers }) => headers.location?.includes('code='))
    expect(codes).toHaveLength(1)
  })

  test('expires before it is shown, but not while the user logs in', async () => {
    const late = await push()
    const shown = await push()
    const agent = new InjectAgent(routes.http)
    const page = await agent.open(pushedUrl(shown))
    routes.clock.nowMs += 90_000
    const gone = await agent.get(pushedUrl(late))
    expect([gone.statusCode, gone.body]).toEqual([400, expect.stringContaining('invalid_request_uri')])
    let next = await agent.follow(await agent.submit(page, { username: 'alice', password }))
    if (next.body.includes('value="approve"')) next = await agent.submit(next, { decision: 'approve' })
    expect(locationOf(next).searchParams.get('code')).toMatch(/^cs_ac_/)
    // The mark that kept it in time is of this request and of nothing else.
    const mark = /signon_shown=([^&"]+)/.exec(decodeURIComponent(page.body))![1]!
    const other = await push()
    routes.clock.nowMs += 90_000
    const stolen = await agent.get(`${pushedUrl(other)}&signon_shown=${mark}`)
    expect(stolen.statusCode).toBe(400)
  })

  test('of another client, unknown, malformed, without client_id: a page, no redirect', async () => {
    const uri = await push()
    const agent = new InjectAgent(routes.http)
    for (const url of [
      pushedUrl(uri, 'other'),
      pushedUrl(uri, 'nobody'),
      pushedUrl(`${uri.slice(0, -1)}_`),
      pushedUrl(`${prefix}x`),
      authorizeUrl({ request_uri: uri }),
      `${pushedUrl(uri)}&request_uri=${prefix}x`,
    ]) {
      const response = await agent.get(url)
      expect([response.statusCode, response.headers.location], url).toEqual([400, undefined])
    }
  })

  test('survives in the ledger: a client registered for it is refused without', async () => {
    const own = { response_type: 'code', redirect_uri: 'https://pushing.example/callback' }
    const plain = await new InjectAgent(routes.http).get(authorizeUrl({ ...own, client_id: 'pushing' }))
    expect(locationOf(plain).searchParams.get('error')).toBe('invalid_request')
    const pushed = await routes.post('/oauth/par', own, basic('pushing', 'secret'))
    const location = await signOn(
      new InjectAgent(routes.http),
      pushedUrl(pushed.json().request_uri, 'pushing'),
    )
    expect(location.searchParams.get('code')).toMatch(/^cs_ac_/)
  })
})

test('section 5: a setting requires it of all', async () => {
  const strict = await openRoutes({ environment: { SIGNON_SERVER_PUSHED_REQUEST_REQUIRED: 'true' } })
  try {
    await registerClient(strict.administrator, web)
    const response = await strict.http.inject({ url: webRequest() })
    expect(locationOf(response).searchParams.get('error_description')).toContain('RFC 9126')
    expect((await strict.post('/oauth/par', request, asWeb)).statusCode).toBe(201)
  } finally {
    await strict.close()
  }
})

test('RFC 9126 with RFC 8707: other clients are not the one that pushed', async () => {
  const form = { ...request, redirect_uri: 'https://other.example/callback' }
  const response = await routes.post('/oauth/par', form, asOther)
  const uri = response.json().request_uri
  expect((await new InjectAgent(routes.http).get(pushedUrl(uri))).statusCode).toBe(400)
})
