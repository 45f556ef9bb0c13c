import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, removeClient, removeUser } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes } from '../../support/http-routes.ts'
import { InjectAgent } from '../../support/inject-agent.ts'
import {
  asOther,
  asResource,
  asWeb,
  closeWithoutComplaint,
  locationOf,
  newTokens,
  openRegistered,
  other,
  resource,
  user,
  web,
} from '../../support/registrations.ts'

let routes: HttpRoutes

beforeAll(async () => {
  routes = await openRegistered()
})
afterAll(() => closeWithoutComplaint(routes))

const post = (token: string, headers: Record<string, string> = asResource) =>
  routes.post('/oauth/check_token', { token }, headers)
const get = (token: string, headers: Record<string, string> = asResource) =>
  routes.http.inject({ url: `/oauth/check_token?${new URLSearchParams({ token })}`, headers })
const clientToken = async () =>
  (await routes.post('/oauth/token', { grant_type: 'client_credentials', scope: 'read' }, asWeb)).json()
    .access_token as string

describe('the answer of SignOn 1.1', () => {
  test('of a user’s token: exactly its members, by POST and by GET', async () => {
    const { access_token: token } = await newTokens(routes)
    for (const response of [await post(token), await get(token)]) {
      expect(response.statusCode).toBe(200)
      expect(response.headers['cache-control']).toBe('no-store')
      expect(response.json()).toEqual({
        active: true,
        user_name: 'alice',
        scope: ['read', 'write'],
        authorities: ['USER'],
        client_id: 'web',
        exp: Math.floor(routes.clock.nowMs / 1000) + 600,
        aud: ['accounts'],
      })
    }
  })

  test('of a client’s own token: its authorities, and no user', async () => {
    expect((await post(await clientToken())).json()).toEqual({
      active: true,
      scope: ['read'],
      authorities: ['CLIENT'],
      client_id: 'web',
      exp: Math.floor(routes.clock.nowMs / 1000) + 600,
      aud: ['accounts'],
    })
  })

  test('without resource ids there is no aud', async () => {
    const { resourceIds: _, ...rest } = web
    await registerClient(routes.administrator, { ...rest, clientId: 'plain' })
    const issued = await routes.post(
      '/oauth/token',
      { grant_type: 'client_credentials' },
      basic('plain', web.clientSecret),
    )
    expect((await post(issued.json().access_token)).json()).not.toHaveProperty('aud')
  })
})

describe('what is no live access token: 400 invalid_token', () => {
  const expectDead = async (token: string) => {
    for (const response of [await post(token), await get(token)]) {
      expect([response.statusCode, response.json()]).toEqual([
        400,
        { error: 'invalid_token', error_description: expect.any(String) },
      ])
      expect(response.headers).not.toHaveProperty('www-authenticate')
    }
  }

  test.each(['nonsense', '__proto__', `cs_at_${'A'.repeat(43)}`, 'x'.repeat(10_000)])(
    'unknown: %.20s',
    expectDead,
  )

  test('a refresh token, a code, a session cookie', async () => {
    const agent = new InjectAgent(routes.http)
    const { refresh_token: refreshToken } = await newTokens(routes)
    await expectDead(refreshToken)
    const page = await agent.open('/login')
    await agent.submit(page, { username: user.username, password: user.password })
    await expectDead(agent.cookies.get('signon')!)
    const redirect = await agent.get(
      `/oauth/authorize?response_type=code&client_id=other&redirect_uri=${other.registeredRedirectUris[0]}`,
    )
    await expectDead(locationOf(redirect).searchParams.get('code')!)
  })

  test('expired, to the second', async () => {
    const token = await clientToken()
    const issuedAtMs = routes.clock.nowMs
    routes.clock.nowMs = issuedAtMs + 599_999
    expect((await post(token)).statusCode).toBe(200)
    routes.clock.nowMs = issuedAtMs + 600_000
    await expectDead(token)
  })

  test('revoked', async () => {
    const token = await clientToken()
    await routes.post('/oauth/revoke', { token }, asWeb)
    await expectDead(token)
  })

  test('of a client that was removed, and registered anew', async () => {
    await registerClient(routes.administrator, { ...web, clientId: 'gone' })
    const asGone = basic('gone', web.clientSecret)
    const issued = await routes.post('/oauth/token', { grant_type: 'client_credentials' }, asGone)
    const token = issued.json().access_token
    expect((await post(token)).statusCode).toBe(200)
    await removeClient(routes.administrator, 'gone')
    await expectDead(token)
    expect((await post(token, asGone)).statusCode).toBe(401)
    await registerClient(routes.administrator, { ...web, clientId: 'gone' })
    await expectDead(token)
  })

  test('of a user who was removed', async () => {
    const { access_token: token } = await newTokens(routes)
    await removeUser(routes.administrator, user.username)
    await expectDead(token)
  })
})

describe('who may ask', () => {
  test.each<[string, Record<string, string>]>([
    ['nobody', {}],
    ['a wrong secret', basic('resource', 'wrong')],
    ['a public client', basic('native', '')],
  ])('%s: 401', async (_name, headers) => {
    const token = await clientToken()
    for (const response of [await post(token, headers), await get(token, headers)]) {
      expect([response.statusCode, response.json().error]).toEqual([401, 'invalid_client'])
      expect(response.headers['www-authenticate']).toMatch(/^Basic /)
      expect(response.body).not.toContain('active')
    }
  })

  test('a public client that only names itself: 401', async () => {
    const token = await clientToken()
    const response = await routes.post('/oauth/check_token', { token, client_id: 'native' })
    expect(response.statusCode).toBe(401)
  })

  test('any client with a secret, by form too', async () => {
    const token = await clientToken()
    expect((await post(token, asOther)).statusCode).toBe(200)
    const form = { token, client_id: resource.clientId, client_secret: resource.clientSecret }
    expect((await routes.post('/oauth/check_token', form)).statusCode).toBe(200)
  })

  test('a secret in the address does not count (RFC 6749 section 2.3.1)', async () => {
    const { clientId, clientSecret } = resource
    const query = new URLSearchParams({
      token: await clientToken(),
      client_id: clientId,
      client_secret: clientSecret,
    })
    expect((await routes.http.inject({ url: `/oauth/check_token?${query}` })).statusCode).toBe(401)
  })

  test('without a token: invalid_request', async () => {
    expect((await post('')).json().error).toBe('invalid_request')
    expect((await get('')).json().error).toBe('invalid_request')
    const twice = await routes.http.inject({
      url: '/oauth/check_token?token=a&token=b',
      headers: asResource,
    })
    expect([twice.statusCode, twice.json().error]).toEqual([400, 'invalid_request'])
  })
})
