import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type HttpRoutes, openRoutes, type Response } from '../support/http-routes.ts'
import { InjectAgent } from '../support/inject-agent.ts'
import {
  asResource,
  asWeb,
  callback,
  isActive,
  newCode,
  newTokens,
  password,
  registerAll,
  signOn,
  type Tokens,
  user,
  webRequest,
} from '../support/registrations.ts'

let routes: HttpRoutes
let tokens: Tokens
let code: string
let agent: InjectAgent

beforeEach(async () => {
  // A cache of one entry: what is asked for is read.
  routes = await openRoutes({ environment: { SIGNON_CACHE_ENTRIES: '1' } })
  await registerAll(routes)
  agent = new InjectAgent(routes.http)
  await signOn(agent, webRequest())
  tokens = await newTokens(routes)
  code = await newCode(routes)
})
afterEach(async () => {
  Object.assign(routes.faults, { reading: false, writing: false, acknowledging: false, opening: false })
  await routes.close()
})

type Request = () => Promise<Response>

const post =
  (path: string, form: () => Record<string, string>, headers: Record<string, string> = asWeb): Request =>
  () =>
    routes.post(path, form(), headers)

const programs: Record<string, Request> = {
  issue: post('/oauth/token', () => ({ grant_type: 'client_credentials' })),
  redeem: post('/oauth/token', () => ({ grant_type: 'authorization_code', code, redirect_uri: callback })),
  refresh: post('/oauth/token', () => ({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })),
  revoke: post('/oauth/revoke', () => ({ token: tokens.access_token })),
  introspect: post('/oauth/introspect', () => ({ token: tokens.access_token }), asResource),
  check_token: post('/oauth/check_token', () => ({ token: tokens.access_token }), asResource),
  'introspect an unknown token': post(
    '/oauth/introspect',
    () => ({ token: `cs_at_${'A'.repeat(43)}` }),
    asResource,
  ),
  'check_token of an unknown token': post(
    '/oauth/check_token',
    () => ({ token: `cs_at_${'A'.repeat(43)}` }),
    asResource,
  ),
}
const writers = ['issue', 'redeem', 'refresh', 'revoke']
const readers = Object.keys(programs).filter((name) => !writers.includes(name))

/** Design rule 9: 503 with Retry-After, and nothing of what is inside. */
function expectUnavailable(response: Response): void {
  expect(response.statusCode, response.body).toBe(503)
  expect(response.headers['retry-after']).toBe('1')
  expect(response.body).not.toMatch(/active|access_token|input\/output|ldb|\/var\/lib/)
}

function expectUnavailableProgram(response: Response): void {
  expectUnavailable(response)
  expect(response.headers['cache-control']).toBe('no-store')
  expect(response.json()).toEqual({
    error: 'temporarily_unavailable',
    error_description: 'the server cannot read or write its ledger now',
  })
}

function expectUnavailablePage(response: Response): void {
  expectUnavailable(response)
  expect(response.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(response.headers.location).toBeUndefined()
  expect(response.body).toContain('<code>temporarily_unavailable</code>')
}

describe('the disk cannot be read', () => {
  test.each(Object.keys(programs))('%s', async (name) => {
    const request = programs[name]!
    routes.faults.reading = true
    expectUnavailableProgram(await request())
    routes.faults.reading = false
    expect([200, 400]).toContain((await request()).statusCode)
  })

  test('the token is live again afterwards: nothing was taken for dead', async () => {
    routes.faults.reading = true
    for (const request of Object.values(programs)) await request()
    routes.faults.reading = false
    expect(await isActive(routes, tokens.access_token)).toBe(true)
    expect((await programs.redeem!()).statusCode).toBe(200)
  })

  test('authorize, consent, login, welcome, logout: a page, never "wrong password"', async () => {
    const visitor = new InjectAgent(routes.http)
    const form = await visitor.get('/login')
    routes.faults.reading = true
    expectUnavailablePage(await agent.get(webRequest()))
    expectUnavailablePage(await agent.get(webRequest().replace('/authorize?', '/confirm_access?')))
    expectUnavailablePage(await visitor.submit(form, { username: user.username, password }))
    expectUnavailablePage(await agent.get('/welcome.html'))
    const query = new URLSearchParams({ access_token: tokens.access_token, redirect_uri: callback })
    expectUnavailablePage(await agent.get(`/oauth/logout?${query}`))
    routes.faults.reading = false
    expect((await agent.get('/welcome.html')).statusCode).toBe(200)
  })
})

describe('the disk cannot be written', () => {
  test.each(writers)('%s: not done, and possible once the disk is back', async (name) => {
    const request = programs[name]!
    const before = routes.context.ledger.size
    routes.faults.writing = true
    expectUnavailableProgram(await request())
    expect(routes.context.ledger.size).toBe(before)
    routes.faults.writing = false
    expect(await isActive(routes, tokens.access_token)).toBe(true)
    expect((await request()).statusCode).toBe(200)
  })

  test.each(readers)('%s: answered as ever', async (name) => {
    const request = programs[name]!
    const before = await request()
    routes.faults.writing = true
    expectUnavailableProgram(await programs.issue!())
    const after = await request()
    expect([after.statusCode, after.body]).toEqual([before.statusCode, before.body])
  })

  test('login, code and logout: a page, no cookie, no redirect', async () => {
    const visitor = new InjectAgent(routes.http)
    const form = await visitor.get('/login')
    const welcome = await agent.get('/welcome.html')
    routes.faults.writing = true
    expectUnavailablePage(await visitor.submit(form, { username: user.username, password }))
    expect(visitor.cookies.has('signon')).toBe(false)
    expectUnavailablePage(await agent.get(webRequest()))
    expectUnavailablePage(await agent.submit(welcome, {}))
    routes.faults.writing = false
    expect((await agent.get('/welcome.html')).statusCode).toBe(200)
  })
})

describe('a write is stored, but not acknowledged', () => {
  const onceUnacknowledged = async (request: Request) => {
    const before = routes.context.ledger.size
    routes.faults.acknowledging = true
    expectUnavailableProgram(await request())
    routes.faults.acknowledging = false
    expect(routes.context.ledger.size).toBeGreaterThan(before)
  }

  test('refresh: the retry gets the successor that was stored, and nobody is logged out', async () => {
    await onceUnacknowledged(programs.refresh!)
    const size = routes.context.ledger.size
    const retried = await programs.refresh!()
    expect(retried.statusCode).toBe(200)
    expect(routes.context.ledger.size).toBe(size)
    expect(await isActive(routes, retried.json().access_token)).toBe(true)
    expect(await isActive(routes, tokens.access_token)).toBe(false)
  })

  test('revoke: the token is dead, and the retry is content', async () => {
    await onceUnacknowledged(programs.revoke!)
    expect(await isActive(routes, tokens.access_token)).toBe(false)
    expect((await programs.revoke!()).statusCode).toBe(200)
  })

  test('redeem: the retry is a second use (RFC 6749 section 4.1.2)', async () => {
    await onceUnacknowledged(programs.redeem!)
    const retried = await programs.redeem!()
    expect([retried.statusCode, retried.json().error]).toEqual([400, 'invalid_grant'])
  })
})

describe('the disk cannot be written, nor the ledger opened again', () => {
  test('nothing is answered from memory that the disk does not stand for; health says so', async () => {
    Object.assign(routes.faults, { writing: true, opening: true })
    expectUnavailableProgram(await programs.issue!())
    for (const request of Object.values(programs)) expectUnavailableProgram(await request())
    const ready = await routes.http.inject({ url: '/health/ready' })
    expect([ready.statusCode, ready.json().status, ready.headers['retry-after']]).toEqual([
      503,
      'unavailable',
      '1',
    ])
    expect((await routes.http.inject({ url: '/health/live' })).statusCode).toBe(200)
  })

  test('the log names what happened, with the cause', async () => {
    routes.faults.reading = true
    await programs.introspect!()
    expect(routes.complaints).toEqual(['the ledger failed'])
  })
})
