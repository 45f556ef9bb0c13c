/** RFC 8628 by its sections: the device's requests, and the pages of the resource owner. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { registerClient, removeClient } from '../../../src/admin/administration.ts'
import { deviceGrantType } from '../../../src/authorization-server/device.ts'
import { basic, type HttpRoutes, issuer } from '../../support/http-routes.ts'
import { InjectAgent } from '../../support/inject-agent.ts'
import { asResource, asWeb, isActive, openRegistered, password, user } from '../../support/registrations.ts'

let routes: HttpRoutes

const television = {
  client_id: 'television',
  client_name: 'Living room <b>television</b>',
  token_endpoint_auth_method: 'none',
  grant_types: [deviceGrantType, 'refresh_token'],
  scope: 'read write',
  resourceIds: ['https://films.example/'],
}

beforeAll(async () => {
  routes = await openRegistered()
  await registerClient(routes.administrator, television)
})
afterAll(async () => {
  await routes.close()
  // The one of the test that forges a form.
  expect(routes.complaints).toEqual([])
})
beforeEach(() => {
  // Pauses after wrong codes are over for the next test.
  routes.clock.nowMs += 2 * 3_600_000
})

interface Codes {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
  interval: number
}

const begin = async (form: Record<string, string> = {}): Promise<Codes> =>
  (await routes.post('/oauth/device_authorization', { client_id: 'television', ...form })).json()

const poll = async (code: string, changes: Record<string, string> = {}, headers = {}) => {
  routes.clock.nowMs += 5000
  const form = { grant_type: deviceGrantType, device_code: code, client_id: 'television', ...changes }
  return (await routes.post('/oauth/token', form, headers)).json()
}

/** A browser of the user, at the page for the code. */
async function logIn(path = '/device') {
  const agent = new InjectAgent(routes.http)
  const login = await agent.follow(await agent.open(path))
  const page = await agent.follow(await agent.submit(login, { username: user.username, password }))
  return { agent, page }
}

async function decide(userCode: string, decision: 'approve' | 'deny') {
  const { agent, page } = await logIn()
  const question = await agent.submit(page, { user_code: userCode })
  return agent.submit(question, { decision })
}

describe('section 3.2: the device authorization response', () => {
  test('has the codes and where to go', async () => {
    const response = await routes.post('/oauth/device_authorization', { client_id: 'television' })
    expect(response.headers['cache-control']).toBe('no-store')
    const codes = response.json<Codes>()
    expect(codes).toEqual({
      device_code: expect.stringMatching(/^cs_dc_[\w-]{43}$/),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: `${issuer}/device`,
      verification_uri_complete: `${issuer}/device?user_code=${codes.user_code}`,
      expires_in: 600,
      interval: 5,
    })
  })

  test.each<[string, Record<string, string>, Record<string, string>, number, string]>([
    ['a client that may not', {}, asWeb, 400, 'unauthorized_client'],
    ['an unknown client', { client_id: 'nobody' }, {}, 401, 'invalid_client'],
    ['a wrong secret', {}, basic('web', 'wrong'), 401, 'invalid_client'],
    ['a scope of others', { client_id: 'television', scope: 'root' }, {}, 400, 'invalid_scope'],
    [
      'a resource of others',
      { client_id: 'television', resource: 'https://bank.example/' },
      {},
      400,
      'invalid_target',
    ],
  ])('%s is refused', async (_, form, headers, status, error) => {
    const size = routes.context.ledger.size
    const response = await routes.post('/oauth/device_authorization', form, headers)
    expect([response.statusCode, response.json().error]).toEqual([status, error])
    expect(routes.context.ledger.size).toBe(size)
  })
})

describe('section 3.5: the device polls', () => {
  test('until the user approves, then gets tokens, once', async () => {
    const codes = await begin({ scope: 'read', resource: 'https://films.example/' })
    expect((await poll(codes.device_code)).error).toBe('authorization_pending')
    expect((await decide(codes.user_code, 'approve')).body).toContain('The device is connected')
    const tokens = await poll(codes.device_code)
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'read', expires_in: 600 })
    const seen = (await routes.post('/oauth/introspect', { token: tokens.access_token }, asResource)).json()
    expect(seen).toMatchObject({ active: true, username: 'alice', client_id: 'television' })
    const refresh = {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token,
      client_id: 'television',
    }
    expect((await routes.post('/oauth/token', refresh)).statusCode).toBe(200)
    // A device code that comes back was stolen: what it gave ends.
    expect(await isActive(routes, tokens.refresh_token)).toBe(false)
    const again = await poll(codes.device_code)
    expect(again).toMatchObject({
      error: 'invalid_grant',
      error_description: expect.stringContaining('used before'),
    })
  })

  test('after a second use of the code nothing that it gave is live', async () => {
    const codes = await begin()
    await decide(codes.user_code, 'approve')
    const tokens = await poll(codes.device_code)
    expect(await isActive(routes, tokens.access_token)).toBe(true)
    await poll(codes.device_code)
    expect(await isActive(routes, tokens.access_token)).toBe(false)
  })

  test('slow_down for a device that asks too often, and five seconds more each time', async () => {
    const { device_code: code } = await begin()
    const ask = async (afterMs: number) => {
      routes.clock.nowMs += afterMs - 5000
      return (await poll(code)).error
    }
    expect(await ask(5000)).toBe('authorization_pending')
    expect(await ask(1000)).toBe('slow_down')
    expect(await ask(5000)).toBe('slow_down')
    expect(await ask(15_000)).toBe('authorization_pending')
  })

  test('access_denied once the user denied', async () => {
    const codes = await begin()
    expect((await decide(codes.user_code, 'deny')).body).toContain('was not connected')
    expect((await poll(codes.device_code)).error).toBe('access_denied')
  })

  test('expired_token, and no page opens the code any more', async () => {
    const codes = await begin()
    routes.clock.nowMs += 600_000
    expect((await poll(codes.device_code)).error).toBe('expired_token')
    const { agent, page } = await logIn()
    const answer = await agent.submit(page, { user_code: codes.user_code })
    expect([answer.statusCode, answer.body.includes('not known, or it has expired')]).toEqual([400, true])
  })

  test.each<[string, Record<string, string>, Record<string, string>, string]>([
    ['no device code', { device_code: '' }, {}, 'invalid_request'],
    ['an unknown one', { device_code: `cs_dc_${'x'.repeat(43)}` }, {}, 'invalid_grant'],
    ['a user code in its place', { device_code: 'BCDF-GHJK' }, {}, 'invalid_grant'],
  ])('%s is refused', async (_, form, headers, error) => {
    expect((await poll('', form, headers)).error).toBe(error)
  })

  test('the device code of another client is refused', async () => {
    await registerClient(routes.administrator, { ...television, client_id: 'radio' })
    const { device_code: code } = await begin()
    expect((await poll(code, { client_id: 'radio' })).error).toBe('invalid_grant')
    expect((await poll(code)).error).toBe('authorization_pending')
  })
})

describe('section 3.3: the pages', () => {
  test('a code in the address is filled in, and still has to be sent and approved', async () => {
    const codes = await begin()
    const { agent, page } = await logIn(codes.verification_uri_complete.slice(issuer.length))
    expect(page.body).toContain(`value="${codes.user_code}"`)
    const question = await agent.submit(page, { user_code: codes.user_code })
    expect(question.body).toContain(codes.user_code)
    expect(question.body).toContain('Living room &lt;b&gt;television&lt;/b&gt;')
    expect((await poll(codes.device_code)).error).toBe('authorization_pending')
  })

  test('section 6.1: small letters, spaces and other dashes are all the same', async () => {
    const { user_code: code } = await begin()
    const { agent, page } = await logIn()
    for (const typed of [code.toLowerCase(), code.replace('-', ' '), ` ${code.replace('-', '\u2013')}.`]) {
      const question = await agent.submit(page, { user_code: typed })
      expect(question.body).toContain(`<strong>${code}</strong>`)
    }
  })

  test('scopes whose box was cleared are not given', async () => {
    const codes = await begin()
    const { agent, page } = await logIn()
    const question = await agent.submit(page, { user_code: codes.user_code })
    await agent.submit(question, { decision: 'approve', scope: 'read' })
    expect((await poll(codes.device_code)).scope).toBe('read')
  })

  test('without a form token of this site nothing is decided', async () => {
    const codes = await begin()
    const { agent, page } = await logIn()
    const question = await agent.submit(page, { user_code: codes.user_code })
    const forged = await agent.submit(question, { decision: 'approve', _csrf: 'x' })
    expect(forged.statusCode).toBe(403)
    expect((await poll(codes.device_code)).error).toBe('authorization_pending')
  })

  test('a code is decided upon once', async () => {
    const codes = await begin()
    const { agent, page } = await logIn()
    const question = await agent.submit(page, { user_code: codes.user_code })
    await agent.submit(question, { decision: 'deny' })
    const again = await agent.submit(question, { decision: 'approve' })
    expect(again.statusCode).toBe(400)
    expect((await poll(codes.device_code)).error).toBe('access_denied')
  })

  test('in Korean', async () => {
    const { agent } = await logIn()
    const page = await agent.open('/device?ui_locales=ko')
    expect(page.body).toContain('기기에 표시된 코드를 입력하세요.')
  })

  test('section 5.1: guesses at codes are paused', async () => {
    const codes = await begin()
    const { agent, page } = await logIn()
    for (let guess = 0; guess < 5; guess++)
      expect((await agent.submit(page, { user_code: 'BBBB-BBBB' })).statusCode).toBe(400)
    const paused = await agent.submit(page, { user_code: codes.user_code })
    expect(paused.statusCode).toBe(429)
    expect(Number(paused.headers['retry-after'])).toBeGreaterThan(0)
    routes.clock.nowMs += 31_000
    expect((await agent.submit(page, { user_code: codes.user_code })).body).toContain('Connect this device?')
  })
})

test('what a device was given ends with its client', async () => {
  await registerClient(routes.administrator, { ...television, client_id: 'old' })
  const codes = await begin({ client_id: 'old' })
  await decide(codes.user_code, 'approve')
  const tokens = await poll(codes.device_code, { client_id: 'old' })
  await removeClient(routes.administrator, 'old')
  expect(await isActive(routes, tokens.access_token)).toBe(false)
})
