/** RFC 6749 section 4.3, for clients that were registered for it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, removeUser } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes } from '../../support/http-routes.ts'
import {
  asResource,
  asWeb,
  closeWithoutComplaint,
  isActive,
  openRegistered,
  password,
  user,
} from '../../support/registrations.ts'

const asTrusted = basic('trusted', 'trusted secret')
let routes: HttpRoutes

beforeAll(async () => {
  routes = await openRegistered()
  const registered = await registerClient(routes.administrator, {
    clientId: 'trusted',
    clientSecret: 'trusted secret',
    authorizedGrantTypes: ['password', 'refresh_token'],
    scopes: ['read', 'write'],
  })
  expect(registered.discouragedGrantTypes).toEqual(['password'])
})
afterAll(() => closeWithoutComplaint(routes))

const ask = (changes: Record<string, string> = {}, headers: Record<string, string> = asTrusted) =>
  routes.post(
    '/oauth/token',
    { grant_type: 'password', username: user.username, password, ...changes },
    headers,
  )

test('section 4.3.3: gives tokens for the user, and a refresh token', async () => {
  const answer = (await ask({ scope: 'read' })).json()
  expect(answer).toMatchObject({ token_type: 'bearer', expires_in: 600, scope: 'read' })
  const seen = (await routes.post('/oauth/introspect', { token: answer.access_token }, asResource)).json()
  expect(seen).toMatchObject({ active: true, username: 'alice', client_id: 'trusted', scope: 'read' })
  const form = { grant_type: 'refresh_token', refresh_token: answer.refresh_token }
  expect((await routes.post('/oauth/token', form, asTrusted)).statusCode).toBe(200)
})

describe('section 5.2: refusals', () => {
  test.each<[string, Record<string, string>, Record<string, string> | undefined, string]>([
    ['a wrong password', { password: 'wrong' }, undefined, 'invalid_grant'],
    ['an unknown user', { username: 'nobody' }, undefined, 'invalid_grant'],
    ['no username', { username: '' }, undefined, 'invalid_request'],
    ['no password', { password: '' }, undefined, 'invalid_request'],
    ['a scope that is not open to the client', { scope: 'root' }, undefined, 'invalid_scope'],
    ['a client that was not registered for it', {}, asWeb, 'unauthorized_client'],
  ])('%s', async (_, changes, headers, error) => {
    const response = await ask(changes, headers)
    expect([response.statusCode, response.json().error]).toEqual([400, error])
  })

  test('a wrong name and a wrong password are told in the same words', async () => {
    const [name, secret] = [await ask({ username: 'nobody' }), await ask({ password: 'wrong' })]
    expect(name.body).toBe(secret.body)
  })
})

test('the tokens of a user who is removed are dead', async () => {
  const { access_token: token } = (await ask()).json()
  await removeUser(routes.administrator, user.username)
  expect(await isActive(routes, token)).toBe(false)
  expect((await ask()).json().error).toBe('invalid_grant')
})
