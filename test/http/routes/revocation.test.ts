import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basic, type HttpRoutes } from '../../support/http-routes.ts'
import { InjectAgent } from '../../support/inject-agent.ts'
import {
  asOther,
  asWeb,
  authorizeUrl,
  callback,
  closeWithoutComplaint,
  isActive,
  newCode,
  newTokens,
  openRegistered,
  pkce,
  signOn,
} from '../../support/registrations.ts'

let routes: HttpRoutes

beforeAll(async () => {
  routes = await openRegistered()
})
afterAll(() => closeWithoutComplaint(routes))

const revoke = (form: Record<string, string>, headers: Record<string, string> = asWeb) =>
  routes.post('/oauth/revoke', form, headers)

describe('RFC 7009 section 2', () => {
  test.each(['access_token', 'refresh_token'] as const)('by its %s both tokens die', async (kind) => {
    const tokens = await newTokens(routes)
    const response = await revoke({ token: tokens[kind] })
    expect([response.statusCode, response.json()]).toEqual([200, {}])
    expect(response.headers['cache-control']).toBe('no-store')
    expect(await isActive(routes, tokens.access_token)).toBe(false)
    expect(await isActive(routes, tokens.refresh_token)).toBe(false)
    const refreshed = await routes.post(
      '/oauth/token',
      { grant_type: 'refresh_token', refresh_token: tokens.refresh_token },
      asWeb,
    )
    expect(refreshed.json().error).toBe('invalid_grant')
  })

  test('a wrong or unknown hint does no harm (section 2.1)', async () => {
    for (const hint of ['refresh_token', 'nonsense']) {
      const tokens = await newTokens(routes)
      const response = await revoke({ token: tokens.access_token, token_type_hint: hint })
      expect(response.statusCode).toBe(200)
      expect(await isActive(routes, tokens.access_token)).toBe(false)
    }
  })

  test('only that grant: other tokens of the same user and client live on', async () => {
    const [one, another] = [await newTokens(routes), await newTokens(routes)]
    await revoke({ token: one.access_token })
    expect(await isActive(routes, another.access_token)).toBe(true)
  })

  test('an unknown token, one revoked before, an expired one: 200 (section 2.2), and nothing is recorded', async () => {
    const { access_token: token } = await newTokens(routes)
    await revoke({ token })
    const before = routes.context.ledger.size
    for (const dead of [token, 'nonsense', '__proto__', `cs_at_${'A'.repeat(43)}`])
      expect((await revoke({ token: dead })).statusCode).toBe(200)
    expect(routes.context.ledger.size).toBe(before)
    const expired = await newTokens(routes)
    routes.clock.nowMs += 600_000
    expect((await revoke({ token: expired.access_token })).statusCode).toBe(200)
  })

  test('a replaced refresh token ends the family too', async () => {
    const { refresh_token: first } = await newTokens(routes)
    const rotated = await routes.post(
      '/oauth/token',
      { grant_type: 'refresh_token', refresh_token: first },
      asWeb,
    )
    await revoke({ token: first })
    expect(await isActive(routes, rotated.json().access_token)).toBe(false)
  })

  test('a code is no token and stays good', async () => {
    const code = await newCode(routes)
    expect((await revoke({ token: code })).statusCode).toBe(200)
    const form = { grant_type: 'authorization_code', code, redirect_uri: callback }
    expect((await routes.post('/oauth/token', form, asWeb)).statusCode).toBe(200)
  })

  test('"verifies whether the token was issued to the client": another’s is refused and lives', async () => {
    const tokens = await newTokens(routes)
    const attempts: [Record<string, string>, Record<string, string>][] = [
      [{}, asOther],
      [{ client_id: 'native' }, {}],
    ]
    for (const [form, headers] of attempts) {
      const response = await revoke({ token: tokens.access_token, ...form }, headers)
      expect([response.statusCode, response.json().error]).toEqual([400, 'invalid_grant'])
    }
    expect(await isActive(routes, tokens.access_token)).toBe(true)
  })

  test('a public client revokes its own by its name', async () => {
    const redirectUri = 'http://127.0.0.1:5000/callback'
    const challenge = { code_challenge: pkce.challenge, code_challenge_method: 'S256' }
    const location = await signOn(
      new InjectAgent(routes.http),
      authorizeUrl({
        response_type: 'code',
        client_id: 'native',
        redirect_uri: redirectUri,
        ...challenge,
      }),
    )
    const issued = await routes.post('/oauth/token', {
      grant_type: 'authorization_code',
      client_id: 'native',
      code: location.searchParams.get('code')!,
      redirect_uri: redirectUri,
      code_verifier: pkce.verifier,
    })
    const { access_token: token } = issued.json()
    expect(await isActive(routes, token)).toBe(true)
    expect((await revoke({ token, client_id: 'native' }, {})).statusCode).toBe(200)
    expect(await isActive(routes, token)).toBe(false)
  })

  test('refusals: who does not say or prove who it is, and no token (section 2.2.1)', async () => {
    const { access_token: token } = await newTokens(routes)
    for (const headers of [{}, basic('web', 'wrong')] as Record<string, string>[]) {
      const response = await revoke({ token }, headers)
      expect([response.statusCode, response.json().error]).toEqual([401, 'invalid_client'])
    }
    const response = await revoke({})
    expect([response.statusCode, response.json().error]).toEqual([400, 'invalid_request'])
    expect(await isActive(routes, token)).toBe(true)
  })
})
