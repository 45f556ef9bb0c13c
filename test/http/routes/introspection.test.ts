import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser, removeClient, removeUser } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes, issuer } from '../../support/http-routes.ts'
import {
  asResource,
  asWeb,
  closeWithoutComplaint,
  newCode,
  newTokens,
  openRegistered,
  user,
  web,
} from '../../support/registrations.ts'

let routes: HttpRoutes

beforeAll(async () => {
  routes = await openRegistered()
})
afterAll(() => closeWithoutComplaint(routes))

const introspect = (form: Record<string, string>, headers: Record<string, string> = asResource) =>
  routes.post('/oauth/introspect', form, headers)

describe('RFC 7662 section 2.2: a live token', () => {
  test('access token', async () => {
    const { access_token: token } = await newTokens(routes, { scope: 'read' })
    const response = await introspect({ token })
    const nowSeconds = Math.floor(routes.clock.nowMs / 1000)
    expect(response.headers['cache-control']).toBe('no-store')
    expect(response.json()).toEqual({
      active: true,
      scope: 'read',
      client_id: 'web',
      username: 'alice',
      token_type: 'bearer',
      exp: nowSeconds + 600,
      iat: nowSeconds,
      sub: expect.stringMatching(/^[\w-]{22}$/),
      aud: ['accounts'],
      iss: issuer,
    })
  })

  test('refresh token, whatever the hint says (section 2.1)', async () => {
    const { refresh_token: token } = await newTokens(routes)
    for (const hint of ['refresh_token', 'access_token', 'nonsense', '']) {
      const answer = (await introspect({ token, token_type_hint: hint })).json()
      expect(answer).toMatchObject({ active: true, token_type: 'refresh_token', scope: 'read write' })
    }
  })

  test('of a client for itself: its own name as subject, no user', async () => {
    const issued = await routes.post('/oauth/token', { grant_type: 'client_credentials' }, asWeb)
    const answer = (await introspect({ token: issued.json().access_token })).json()
    expect(answer).toMatchObject({ active: true, sub: 'web', client_id: 'web' })
    expect(answer).not.toHaveProperty('username')
  })

  test('the same subject each time', async () => {
    const subjects = new Set<string>()
    for (const tokens of [await newTokens(routes), await newTokens(routes)])
      subjects.add((await introspect({ token: tokens.access_token })).json().sub)
    expect(subjects.size).toBe(1)
  })
})

describe('RFC 7662 section 2.2: of everything else nothing but {"active": false}', () => {
  const expectInactive = async (token: string) => {
    const response = await introspect({ token })
    expect([response.statusCode, response.body]).toEqual([200, '{"active":false}'])
  }

  test.each([
    'nonsense',
    '__proto__',
    'constructor',
    `cs_at_${'A'.repeat(43)}`,
    `cs_rt_${'A'.repeat(43)}`,
    `cs_at_${'A'.repeat(44)}`,
    'x'.repeat(60_000),
    '한글',
    '\0',
  ])('unknown: %.20s', expectInactive)

  test('a code', async () => expectInactive(await newCode(routes)))

  test('a live token with anything added or of another kind', async () => {
    const { access_token: token } = await newTokens(routes)
    for (const changed of [
      `${token} `,
      ` ${token}`,
      `${token}=`,
      token.replace('cs_at_', 'cs_rt_'),
      token.toUpperCase(),
      token.slice(6),
    ])
      await expectInactive(changed)
    expect((await introspect({ token })).json().active).toBe(true)
  })

  test('expired: access token, then refresh token', async () => {
    const tokens = await newTokens(routes)
    routes.clock.nowMs += 600_000
    await expectInactive(tokens.access_token)
    expect((await introspect({ token: tokens.refresh_token })).json().active).toBe(true)
    routes.clock.nowMs += 2_592_000_000 - 600_000
    await expectInactive(tokens.refresh_token)
  })

  test('revoked, of a removed client, of a removed user', async () => {
    const revoked = await newTokens(routes)
    await routes.post('/oauth/revoke', { token: revoked.refresh_token }, asWeb)
    await expectInactive(revoked.access_token)
    await expectInactive(revoked.refresh_token)

    await registerClient(routes.administrator, { ...web, clientId: 'gone' })
    const asGone = basic('gone', web.clientSecret)
    const issued = await routes.post('/oauth/token', { grant_type: 'client_credentials' }, asGone)
    await removeClient(routes.administrator, 'gone')
    await expectInactive(issued.json().access_token)

    const tokens = await newTokens(routes)
    await removeUser(routes.administrator, user.username)
    await expectInactive(tokens.access_token)
    await expectInactive(tokens.refresh_token)
    await registerUser(routes.administrator, user)
    await expectInactive(tokens.access_token)
  })
})

describe('RFC 7662 section 2.1: who may ask, and how', () => {
  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['nobody', {}, {}],
    ['a wrong secret', {}, basic('resource', 'wrong')],
    ['a public client', { client_id: 'native' }, {}],
  ])('%s: 401 (section 2.3)', async (_name, form, headers) => {
    const { access_token: token } = await newTokens(routes)
    const response = await introspect({ token, ...form }, headers)
    expect([response.statusCode, response.json().error]).toEqual([401, 'invalid_client'])
    expect(response.headers['www-authenticate']).toMatch(/^Basic /)
  })

  test('without a token: invalid_request', async () => {
    for (const form of [{}, { token: '' }] as Record<string, string>[]) {
      const response = await introspect(form)
      expect([response.statusCode, response.json().error]).toEqual([400, 'invalid_request'])
    }
  })

  test('not by GET: tokens do not belong into addresses', async () => {
    const { access_token: token } = await newTokens(routes)
    const response = await routes.http.inject({
      url: `/oauth/introspect?token=${token}`,
      headers: asResource,
    })
    expect(response.statusCode).toBe(405)
  })
})
