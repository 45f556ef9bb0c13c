import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { registerClient, registerUser, removeUser } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes, issuer, openRoutes, type Response } from '../../support/http-routes.ts'
import { formOf, InjectAgent } from '../../support/inject-agent.ts'
import {
  callback,
  locationOf,
  openRegistered,
  password,
  registerAll,
  user,
  web,
  webRequest,
} from '../../support/registrations.ts'

let routes: HttpRoutes
/** A client of each test's own, so that nothing was approved before. */
let clientId: string
let agent: InjectAgent
let count = 0

beforeAll(async () => {
  routes = await openRegistered()
})
afterAll(async () => {
  await routes.close()
})
beforeEach(async () => {
  clientId = `consent-${++count}`
  await registerClient(routes.administrator, { ...web, clientId, description: 'Accounts & <payments>' })
  agent = new InjectAgent(routes.http)
})

const request = (changes: Record<string, string> = {}) => webRequest({ client_id: clientId, ...changes })

async function consentPage(changes: Record<string, string> = {}): Promise<Response> {
  const page = await agent.open(request(changes))
  return agent.follow(await agent.submit(page, { username: user.username, password }))
}

const redeem = async (location: URL) => {
  const code = location.searchParams.get('code')!
  const form = { grant_type: 'authorization_code', code, redirect_uri: callback }
  return (await routes.post('/oauth/token', form, basic(clientId, web.clientSecret))).json()
}

describe('RFC 6749 section 3.1: the resource owner decides', () => {
  test('the page says who asks for what, and where it leads', async () => {
    const page = await consentPage()
    expect(page.statusCode).toBe(200)
    for (const text of [
      `<bdi>${clientId}</bdi>`,
      '<bdi>alice</bdi>',
      '<bdi>web.example</bdi>',
      'Accounts &amp; &lt;payments&gt;',
      'name="scope" value="read" checked',
      'name="scope" value="write" checked',
    ])
      expect(page.body).toContain(text)
    expect(page.headers['content-security-policy']).toContain("form-action 'self' https:;")
  })

  test('RFC 7591 section 2: "SHOULD display" logo, policy and terms of the client, at the login too', async () => {
    clientId = `${clientId}-shown`
    await registerClient(routes.administrator, {
      client_id: clientId,
      client_secret: web.clientSecret,
      redirect_uris: [callback],
      scope: 'read',
      client_uri: 'https://web.example/about',
      logo_uri: 'https://cdn.example:8443/logo.png?size=1&dark',
      policy_uri: 'https://web.example/privacy',
      tos_uri: 'https://web.example/terms',
    })
    const login = await agent.open(request({ scope: 'read' }))
    const consent = await agent.follow(await agent.submit(login, { username: user.username, password }))
    for (const page of [login, consent]) {
      expect(page.body).toContain('<img class="logo" src="https://cdn.example:8443/logo.png?size=1&amp;dark"')
      for (const path of ['about', 'privacy', 'terms'])
        expect(page.body).toContain(
          `<a href="https://web.example/${path}" target="_blank" rel="noopener noreferrer">`,
        )
      expect(page.headers['content-security-policy']).toContain(
        "img-src 'self' https://cdn.example:8443 data:;",
      )
    }
  })

  test('allows all, or less', async () => {
    const all = await agent.submit(await consentPage(), { decision: 'approve' })
    expect(all.statusCode).toBe(303)
    expect((await redeem(locationOf(all))).scope).toBe('read write')
    clientId = `${clientId}-less`
    await registerClient(routes.administrator, { ...web, clientId })
    const less = await agent.submit(await agent.open(request()), { decision: 'approve', scope: 'read' })
    expect((await redeem(locationOf(less))).scope).toBe('read')
    const asked = await agent.open(request())
    expect(asked.body).toContain('value="approve"')
  })

  test('denies: access_denied with state and iss, and nothing is remembered', async () => {
    const page = await consentPage({ state: 'ä&=' })
    const before = routes.context.ledger.size
    const location = locationOf(await agent.submit(page, { decision: 'deny' }))
    expect(location.origin + location.pathname).toBe(callback)
    expect(Object.fromEntries(location.searchParams)).toEqual({
      error: 'access_denied',
      error_description: expect.any(String),
      state: 'ä&=',
      iss: issuer,
    })
    expect(routes.context.ledger.size).toBe(before)
    expect((await agent.open(request())).body).toContain('value="approve"')
  })

  test('no decision, or another, is a denial', async () => {
    for (const decision of ['', 'APPROVE', 'yes']) {
      const location = locationOf(await agent.submit(await consentPage(), { decision }))
      expect(location.searchParams.get('error')).toBe('access_denied')
      agent = new InjectAgent(routes.http)
    }
  })

  test('approving nothing asks again', async () => {
    const page = await consentPage()
    const { action, fields } = formOf(page)
    const form = [...fields.filter(([name]) => name !== 'scope'), ['decision', 'approve']] as [
      string,
      string,
    ][]
    const response = await agent.post(action.pathname + action.search, form)
    expect(response.statusCode).toBe(200)
    expect(response.body).toContain('Choose at least one permission')
  })

  test('scopes that were not asked for, or that the client has not, are not given', async () => {
    const page = await consentPage({ scope: 'read' })
    const { action, fields } = formOf(page)
    const more = [...fields, ['scope', 'write'], ['scope', 'admin'], ['decision', 'approve']] as [
      string,
      string,
    ][]
    const location = locationOf(await agent.post(action.pathname + action.search, more))
    expect((await redeem(location)).scope).toBe('read')
  })

  test('only scopes that were not asked for: nothing', async () => {
    const page = await consentPage({ scope: 'read' })
    const location = locationOf(await agent.submit(page, { scope: 'write', decision: 'approve' }))
    expect(location.searchParams.get('error')).toBe('access_denied')
  })
})

describe('what the form’s address says is checked again', () => {
  const approve = async (query: Record<string, string>) => {
    const { fields } = formOf(await consentPage())
    const form = [...fields, ['decision', 'approve']] as [string, string][]
    return agent.post(`/oauth/confirm_access?${new URLSearchParams(query)}`, form)
  }

  test.each([
    ['another redirect URI', { redirect_uri: 'https://evil.example/' }, 400],
    ['an unknown client', { client_id: 'nobody' }, 401],
    ['no client', { client_id: '' }, 400],
  ])('%s: no redirect', async (_name, changes, status) => {
    const good = { response_type: 'code', client_id: clientId, redirect_uri: callback }
    const response = await approve({ ...good, ...changes })
    expect([response.statusCode, response.headers.location]).toEqual([status, undefined])
  })

  test('a fault of the request goes to the client', async () => {
    const query = { response_type: 'id_token', client_id: clientId, redirect_uri: callback }
    expect(locationOf(await approve(query)).searchParams.get('error')).toBe('unsupported_response_type')
  })
})

describe('who may decide', () => {
  test('without a session: back to the login', async () => {
    const page = await consentPage()
    agent.cookies.delete('signon')
    const response = await agent.submit(page, { decision: 'approve' })
    expect(response.headers.location).toMatch(/^\/oauth\/authorize\?/)
    expect((await agent.follow(response)).body).toContain('name="password"')
    const path = request().replace('/authorize?', '/confirm_access?')
    expect((await new InjectAgent(routes.http).get(path)).headers.location).toMatch(/^\/oauth\/authorize\?/)
  })

  test('a user who was removed meanwhile', async () => {
    await registerUser(routes.administrator, { username: 'carol', password: 'c', authorities: [] })
    const login = await agent.open(request())
    const page = await agent.follow(await agent.submit(login, { username: 'carol', password: 'c' }))
    await removeUser(routes.administrator, 'carol')
    const response = await agent.submit(page, { decision: 'approve' })
    expect((await agent.follow(response)).body).toContain('name="password"')
  })

  test.each<[string, (fields: [string, string][]) => [string, string][]]>([
    ['no token', (fields) => fields.filter(([name]) => name !== '_csrf')],
    ['a wrong one', (fields) => fields.map(([name, value]) => [name, name === '_csrf' ? 'wrong' : value])],
    ['one of another browser', (fields) => fields],
  ])('a form of strangers: %s', async (name, change) => {
    const { action, fields } = formOf(await consentPage())
    if (name === 'one of another browser') {
      agent.cookies.set('signon_csrf', 'aaaaaaaaaaaaaaaaaaaaaaaa')
    }
    const before = routes.context.ledger.size
    const form = [...change(fields), ['decision', 'approve']] as [string, string][]
    const response = await agent.post(action.pathname + action.search, form)
    expect([response.statusCode, response.headers.location]).toEqual([403, undefined])
    expect(response.body).toContain('<code>access_denied</code>')
    expect(routes.context.ledger.size).toBe(before)
  })

  test('an allowed login origin does not open this form', async () => {
    const open = await openRoutes({ environment: { SIGNON_LOGIN_ORIGINS: 'https://login.example' } })
    await registerAll(open)
    const visitor = new InjectAgent(open.http)
    await visitor.post('/login', { username: user.username, password }, { origin: 'https://login.example' })
    const path = webRequest().replace('/authorize?', '/confirm_access?')
    const form = { decision: 'approve', scope: 'read' }
    const response = await visitor.post(path, form, { origin: 'https://login.example' })
    await open.close()
    expect(response.statusCode).toBe(403)
  })
})

test('consent is the user’s own: another user is asked', async () => {
  await agent.submit(await consentPage(), { decision: 'approve' })
  await registerUser(routes.administrator, { username: `dan-${clientId}`, password: 'd', authorities: [] })
  const dan = new InjectAgent(routes.http)
  const form = { username: `dan-${clientId}`, password: 'd' }
  const page = await dan.follow(await dan.submit(await dan.open(request()), form))
  expect(page.body).toContain('value="approve"')
})

test('a client without scopes is asked for once as well: it learns who the user is', async () => {
  clientId = `no-scopes-${count}`
  await registerClient(routes.administrator, { ...web, clientId, scopes: [], autoApproves: [] })
  const withoutScope = webRequest({ client_id: clientId, scope: '' })
  const page = await agent.open(withoutScope)
  const consent = await agent.follow(await agent.submit(page, { username: user.username, password }))
  expect(consent.body).toContain('value="approve"')
  const answer = locationOf(await agent.submit(consent, { decision: 'approve' }))
  expect((await redeem(answer)).access_token).toMatch(/^cs_at_/)
  expect(locationOf(await agent.open(withoutScope)).searchParams.get('code')).toMatch(/^cs_ac_/)
})
