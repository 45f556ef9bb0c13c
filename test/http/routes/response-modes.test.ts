/** OAuth 2.0 Multiple Response Types, Form Post Response Mode, RFC 6749 section 4.2 (implicit). */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../../src/admin/administration.ts'
import { type HttpRoutes, issuer } from '../../support/http-routes.ts'
import { formOf, InjectAgent } from '../../support/inject-agent.ts'
import {
  asResource,
  authorizeUrl,
  callback,
  closeWithoutComplaint,
  locationOf,
  openRegistered,
  signOn,
  webRequest,
} from '../../support/registrations.ts'

const app = 'https://app.example/page'
let routes: HttpRoutes
let agent: InjectAgent
beforeAll(async () => {
  routes = await openRegistered()
  await registerClient(routes.administrator, {
    clientId: 'page',
    authorizedGrantTypes: ['implicit'],
    scopes: ['read'],
    registeredRedirectUris: [app],
  })
  agent = new InjectAgent(routes.http)
  await signOn(agent, webRequest())
})
afterAll(() => closeWithoutComplaint(routes))

const fragmentOf = (location: URL) => Object.fromEntries(new URLSearchParams(location.hash.slice(1)))

describe('response_mode fragment', () => {
  test('code, state and iss stand in the fragment, and nothing in the query', async () => {
    const location = locationOf(await agent.get(webRequest({ response_mode: 'fragment', state: 'a b&c' })))
    expect(location.search).toBe('')
    expect(fragmentOf(location)).toEqual({
      code: expect.stringMatching(/^cs_ac_/),
      state: 'a b&c',
      iss: issuer,
    })
  })

  test('so do errors', async () => {
    const location = locationOf(await agent.get(webRequest({ response_mode: 'fragment', scope: 'none' })))
    expect(location.search).toBe('')
    expect(fragmentOf(location)).toMatchObject({ error: 'invalid_scope', iss: issuer })
  })
})

describe('response_mode form_post', () => {
  const state = '"><script>alert(1)</script>\n한글&amp;'

  test('the page posts code, state and iss to the redirect URI, and may do nothing else', async () => {
    const page = await agent.get(webRequest({ response_mode: 'form_post', state }))
    expect([page.statusCode, page.headers.location]).toEqual([200, undefined])
    expect(page.headers['cache-control']).toBe('no-store')
    const { action, fields } = formOf(page)
    expect(action.href).toBe(callback)
    expect(Object.fromEntries(fields)).toEqual({
      code: expect.stringMatching(/^cs_ac_/),
      state,
      iss: issuer,
    })
    const scripts = [...page.body.matchAll(/<script>(.*?)<\/script>/gs)].map(([, source]) => source!)
    expect(scripts).toHaveLength(1)
    const hash = createHash('sha256').update(scripts[0]!).digest('base64')
    const policy = String(page.headers['content-security-policy']).split(';')
    expect(policy).toContain(`script-src 'sha256-${hash}'`)
    expect(policy).toContain('form-action https:')
    expect(policy).toContain("default-src 'none'")
    expect(page.body).toContain('<noscript>')
  })

  test('so do errors', async () => {
    const page = await agent.get(webRequest({ response_mode: 'form_post', scope: 'none', state }))
    expect(Object.fromEntries(formOf(page).fields)).toMatchObject({
      error: 'invalid_scope',
      state,
      iss: issuer,
    })
  })

  test('after the consent page too', async () => {
    const visitor = new InjectAgent(routes.http)
    await registerClient(routes.administrator, {
      clientId: 'asking',
      clientSecret: 'secret',
      authorizedGrantTypes: ['authorization_code'],
      scopes: ['read'],
      registeredRedirectUris: [callback],
    })
    await signOn(visitor, webRequest())
    const consent = await visitor.open(webRequest({ client_id: 'asking', response_mode: 'form_post' }))
    const page = await visitor.submit(consent, { decision: 'approve' })
    expect(Object.fromEntries(formOf(page).fields)).toMatchObject({ code: expect.stringMatching(/^cs_ac_/) })
  })

  test('an app without a server cannot be posted to', async () => {
    const url = authorizeUrl({
      response_type: 'code',
      client_id: 'native',
      redirect_uri: 'com.example.native:/callback',
      response_mode: 'form_post',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    })
    expect(locationOf(await agent.get(url)).searchParams.get('error')).toBe('invalid_request')
  })
})

describe('RFC 6749 section 4.2: the implicit grant, for clients registered for it', () => {
  const request = { response_type: 'token', client_id: 'page', redirect_uri: app, state: 'xyz' }

  test('section 4.2.2: the token comes in the fragment, without refresh token', async () => {
    const location = await signOn(new InjectAgent(routes.http), authorizeUrl(request))
    expect(`${location.origin}${location.pathname}${location.search}`).toBe(app)
    const answer = fragmentOf(location)
    expect(answer).toEqual({
      access_token: expect.stringMatching(/^cs_at_/),
      token_type: 'bearer',
      expires_in: '600',
      scope: 'read',
      state: 'xyz',
      iss: issuer,
    })
    const token = { token: answer.access_token! }
    expect((await routes.post('/oauth/introspect', token, asResource)).json()).toMatchObject({
      active: true,
      client_id: 'page',
      username: 'alice',
    })
  })

  test.each(['query', 'form_post'])('response_mode %s is refused, in the fragment', async (response_mode) => {
    const location = locationOf(await agent.get(authorizeUrl({ ...request, response_mode })))
    expect(location.search).toBe('')
    expect(fragmentOf(location)).toMatchObject({ error: 'invalid_request', state: 'xyz' })
  })

  test('section 4.2.2.1: another client is refused, in the fragment', async () => {
    const location = locationOf(await agent.get(webRequest({ response_type: 'token' })))
    expect(fragmentOf(location)).toMatchObject({ error: 'unauthorized_client' })
  })

  test('a client of it alone gets no code', async () => {
    const location = locationOf(await agent.get(authorizeUrl({ ...request, response_type: 'code' })))
    expect(location.searchParams.get('error')).toBe('unauthorized_client')
  })
})

describe('RFC 6749 section 3.1: a parameter given twice', () => {
  test.each(['scope', 'state', 'response_type', 'nonce', 'code_challenge', '한글'])(
    '%s: the client hears of it',
    async (name) => {
      const twice = `${webRequest()}&${new URLSearchParams([
        [name, 'code'],
        [name, 'x'],
      ])}`
      const location = locationOf(await agent.get(twice))
      expect(location.href.startsWith(callback)).toBe(true)
      expect(Object.fromEntries(location.searchParams)).toEqual({
        error: 'invalid_request',
        error_description: expect.stringMatching(/^[\x20-\x7e]+ given more than once$/),
        iss: issuer,
      })
    },
  )
})
