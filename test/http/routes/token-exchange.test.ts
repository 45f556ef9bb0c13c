/** RFC 8693, by its sections, over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes } from '../../support/http-routes.ts'
import {
  asResource,
  asWeb,
  closeWithoutComplaint,
  isActive,
  newTokens,
  openRegistered,
} from '../../support/registrations.ts'

const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const asGateway = basic('gateway', 'gateway secret')
const asStranger = basic('stranger', 'stranger secret')
let routes: HttpRoutes

beforeAll(async () => {
  routes = await openRegistered()
  const register = (client_id: string, resourceIds: string[], more = {}) =>
    registerClient(routes.administrator, {
      client_id,
      client_secret: `${client_id} secret`,
      grant_types: [exchange, 'client_credentials'],
      scope: 'read write',
      resourceIds,
      accessTokenValidity: 3600,
      ...more,
    })
  // `accounts` is the audience of the tokens of `web`.
  await register('gateway', ['accounts', 'https://ledger.example/api'])
  await register('stranger', ['elsewhere'])
  await register('public', ['accounts'], {
    client_secret: undefined,
    grant_types: [exchange],
    token_endpoint_auth_method: 'none',
  })
})
afterAll(() => closeWithoutComplaint(routes))

const ask = async (form: Record<string, string>, headers: Record<string, string> = asGateway) =>
  routes.post('/oauth/token', { grant_type: exchange, subject_token_type: accessTokenType, ...form }, headers)

const introspect = async (token: string) =>
  (await routes.post('/oauth/introspect', { token }, asResource)).json()

const clientToken = async (headers: Record<string, string>) =>
  (await routes.post('/oauth/token', { grant_type: 'client_credentials' }, headers)).json().access_token

describe('section 2.2.1: a successful exchange', () => {
  test('gives a token of the same subject, with its type', async () => {
    const { access_token: subject } = await newTokens(routes)
    const response = await ask({
      subject_token: subject,
      resource: 'https://ledger.example/api',
      scope: 'read',
    })
    expect(response.json()).toEqual({
      access_token: expect.stringMatching(/^cs_at_/),
      issued_token_type: accessTokenType,
      token_type: 'bearer',
      expires_in: 600,
      scope: 'read',
    })
    expect(response.headers['cache-control']).toBe('no-store')
    const [from, to] = [await introspect(subject), await introspect(response.json().access_token)]
    expect(to).toMatchObject({ active: true, sub: from.sub, username: 'alice', client_id: 'gateway' })
    expect(to).not.toHaveProperty('act')
  })

  test('never lives longer than the subject token', async () => {
    const { access_token: subject } = await newTokens(routes)
    routes.clock.nowMs += 100_000
    expect((await ask({ subject_token: subject })).json().expires_in).toBe(500)
  })

  test('section 4.1: with an actor token it says who acts, and who acted before', async () => {
    const { access_token: subject } = await newTokens(routes)
    const actor = { actor_token: await clientToken(asGateway), actor_token_type: accessTokenType }
    const first = (await ask({ subject_token: subject, ...actor })).json().access_token
    expect((await introspect(first)).act).toEqual({ sub: 'gateway', client_id: 'gateway' })
    const second = (await ask({ subject_token: first, ...actor })).json().access_token
    expect((await introspect(second)).act).toEqual({
      sub: 'gateway',
      client_id: 'gateway',
      act: { sub: 'gateway', client_id: 'gateway' },
    })
    // Without an actor token whoever acted still does.
    const third = (await ask({ subject_token: second })).json().access_token
    expect((await introspect(third)).act).toEqual((await introspect(second)).act)
    let deep = second
    for (let depth = 3; depth <= 4; depth++)
      deep = (await ask({ subject_token: deep, ...actor })).json().access_token
    expect((await ask({ subject_token: deep, ...actor })).json()).toMatchObject({
      error: 'invalid_request',
      error_description: 'too many act for each other',
    })
  })
})

test('what was exchanged ends with the grant that it came from', async () => {
  const { access_token: subject, refresh_token: refresh } = await newTokens(routes)
  const first = (await ask({ subject_token: subject })).json().access_token
  const second = (await ask({ subject_token: first })).json().access_token
  expect([await isActive(routes, first), await isActive(routes, second)]).toEqual([true, true])
  await routes.post('/oauth/revoke', { token: refresh }, asWeb)
  expect([await isActive(routes, first), await isActive(routes, second)]).toEqual([false, false])
  expect((await ask({ subject_token: second })).json().error).toBe('invalid_request')
})

describe('section 2.2.2: refusals', () => {
  let subject: string
  beforeAll(async () => {
    subject = (await newTokens(routes, { scope: 'read' })).access_token
  })
  const refused = async (form: Record<string, string>, headers?: Record<string, string>) => {
    const size = routes.context.ledger.size
    const response = await ask(form, headers)
    expect(routes.context.ledger.size).toBe(size)
    return [response.statusCode, response.json().error]
  }

  test.each([
    ['no subject token', {}],
    ['an unknown one', { subject_token: 'cs_at_x' }],
    ['a type that is not supported', { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }],
    ['no type', { subject_token_type: '' }],
    ['another requested type', { requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' }],
    ['an actor token without type', { actor_token: 'cs_at_x' }],
    ['a type without actor token', { actor_token_type: accessTokenType }],
    ['a dead actor token', { actor_token: 'cs_at_x', actor_token_type: accessTokenType }],
  ])('%s: invalid_request', async (name, changes) => {
    const form = name === 'no subject token' ? {} : { subject_token: subject, ...changes }
    expect(await refused(form)).toEqual([400, 'invalid_request'])
  })

  test('a refresh token is not exchanged', async () => {
    const { refresh_token: token } = await newTokens(routes)
    expect(await refused({ subject_token: token })).toEqual([400, 'invalid_request'])
  })

  test('more scopes than the subject token has: invalid_scope', async () => {
    expect(await refused({ subject_token: subject, scope: 'read write' })).toEqual([400, 'invalid_scope'])
  })

  test('an audience that the client may not ask for: invalid_target', async () => {
    for (const target of [{ audience: 'elsewhere' }, { resource: 'https://other.example/' }])
      expect(await refused({ subject_token: subject, ...target })).toEqual([400, 'invalid_target'])
  })

  test('a client that the token is neither of nor meant for: invalid_request', async () => {
    expect(await refused({ subject_token: subject }, asStranger)).toEqual([400, 'invalid_request'])
    expect(
      await refused(
        {
          subject_token: await clientToken(asStranger),
          actor_token: subject,
          actor_token_type: accessTokenType,
        },
        asStranger,
      ),
    ).toEqual([400, 'invalid_request'])
  })

  test('a client that is not registered for it, and one that cannot prove itself', async () => {
    expect(await refused({ subject_token: subject }, asWeb)).toEqual([400, 'unauthorized_client'])
    expect(await refused({ subject_token: subject, client_id: 'public' }, {})).toEqual([
      400,
      'unauthorized_client',
    ])
  })
})
