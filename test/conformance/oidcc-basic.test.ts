/**
 * The modules of the OpenID Foundation's conformance suite, plan oidcc-basic-certification-test-plan, by their names
 * and their conditions, against the built program.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { person, visit } from '../support/visitor.ts'
import {
  claims,
  json,
  newBrowser,
  openProvider,
  type Provider,
  pageAt,
  post,
  RelyingParty,
  redirectUri,
  registration,
} from './relying-party.ts'

let provider: Provider
let rp: RelyingParty
beforeAll(async () => {
  provider = await openProvider()
  rp = await RelyingParty.register(provider.metadata)
})

const profile = [
  ...['name', 'given_name', 'family_name', 'middle_name', 'nickname', 'profile', 'picture', 'website'],
  ...['gender', 'birthdate', 'zoneinfo', 'locale', 'updated_at'],
] as const
const pick = (...names: readonly (keyof typeof claims)[]) =>
  Object.fromEntries(names.map((name) => [name, claims[name]]))

test('oidcc-server', async () => {
  const { tokens, idToken } = await rp.signOn(newBrowser())
  const userinfo = await rp.userinfo(tokens.access_token)
  expect(userinfo).toEqual({ sub: idToken.sub })
})

test('oidcc-response-type-missing', async () => {
  expect(await rp.errorOf(newBrowser(), { response_type: undefined })).toBe('invalid_request')
})

test('oidcc-idtoken-signature: without an algorithm of its own a client gets RS256, and a kid', async () => {
  const { idToken } = await rp.signOn(newBrowser())
  expect(idToken.header).toMatchObject({ alg: 'RS256', kid: expect.any(String) })
})

test('oidcc-idtoken-unsigned: "none" is not offered and not to be had', async () => {
  expect(provider.metadata.id_token_signing_alg_values_supported).not.toContain('none')
  const unsigned = { redirect_uris: [redirectUri], id_token_signed_response_alg: 'none' }
  expect(await registration(provider.metadata, unsigned)).toEqual([400, 'invalid_client_metadata'])
})

describe('UserInfo', () => {
  const ask = async (init: RequestInit) => {
    const response = await fetch(provider.metadata.userinfo_endpoint, init)
    return [response.status, response.headers.get('content-type'), (await response.json()) as object]
  }
  test.each<[string, (token: string) => RequestInit]>([
    ['oidcc-userinfo-get', (token) => ({ headers: { authorization: `Bearer ${token}` } })],
    [
      'oidcc-userinfo-post-header',
      (token) => ({ method: 'POST', headers: { authorization: `Bearer ${token}` } }),
    ],
    [
      'oidcc-userinfo-post-body',
      (token) => ({ method: 'POST', body: new URLSearchParams({ access_token: token }) }),
    ],
  ])('%s', async (_, request) => {
    const { tokens, idToken } = await rp.signOn(newBrowser())
    expect(await ask(request(tokens.access_token))).toEqual([200, json, { sub: idToken.sub }])
  })
})

test('oidcc-ensure-request-without-nonce-succeeds-for-code-flow', async () => {
  const { idToken } = await rp.signOn(newBrowser(), { nonce: undefined })
  expect(idToken).not.toHaveProperty('nonce')
})

describe('scopes open their claims at UserInfo, and not in the ID token (Core section 5.4)', () => {
  test.each<[string, string, object]>([
    ['oidcc-scope-profile', 'openid profile', { preferred_username: 'alice', ...pick(...profile) }],
    ['oidcc-scope-email', 'openid email', pick('email', 'email_verified')],
    ['oidcc-scope-address', 'openid address', pick('address')],
    ['oidcc-scope-phone', 'openid phone', pick('phone_number', 'phone_number_verified')],
    ['oidcc-scope-all', 'openid profile email address phone', { preferred_username: 'alice', ...claims }],
    ['oidcc-ensure-other-scope-order-succeeds', 'email openid', pick('email', 'email_verified')],
  ])('%s', async (_, scope, expected) => {
    const { tokens, idToken } = await rp.signOn(newBrowser(), { scope })
    expect(await rp.userinfo(tokens.access_token)).toEqual({ sub: idToken.sub, ...expected })
    for (const name of Object.keys(expected)) expect(idToken).not.toHaveProperty(name)
  })
})

describe('what may be sent, and asks for nothing that must be met', () => {
  test.each<[string, Record<string, string>]>([
    ['oidcc-display-page', { display: 'page' }],
    ['oidcc-display-popup', { display: 'popup' }],
    ['oidcc-ensure-request-with-unknown-parameter-succeeds', { extra: 'foobar' }],
    ['oidcc-login-hint', { login_hint: 'alice@example.com' }],
    ['oidcc-ui-locales', { ui_locales: 'se' }],
    ['oidcc-claims-locales', { claims_locales: 'se' }],
    ['oidcc-ensure-request-with-acr-values-succeeds', { acr_values: '1 2' }],
  ])('%s', async (_, changes) => {
    const { idToken } = await rp.signOn(newBrowser(), changes)
    expect(idToken.sub).toBeDefined()
  })

  test('oidcc-ensure-request-with-acr-values-succeeds: a class that is offered is met', async () => {
    const [acr] = provider.metadata.acr_values_supported as string[]
    expect((await rp.signOn(newBrowser(), { acr_values: acr! })).idToken.acr).toBe(acr)
  })
})

describe('prompt and max_age', () => {
  test('oidcc-prompt-login: a second login, and a later auth_time', async () => {
    const browser = newBrowser()
    const first = await rp.signOn(browser)
    await delay(1100)
    const second = await rp.signOn(browser, { prompt: 'login' })
    expect(second.asked).toContain('password')
    expect(second.idToken.sub).toBe(first.idToken.sub)
    expect(second.idToken.auth_time).toBeGreaterThan(first.idToken.auth_time)
  })

  test('oidcc-prompt-none-not-logged-in', async () => {
    expect(await rp.errorOf(newBrowser(), { prompt: 'none' })).toBe('login_required')
  })

  test('oidcc-prompt-none-logged-in', async () => {
    const browser = newBrowser()
    const first = await rp.signOn(browser)
    const second = await rp.signOn(browser, { prompt: 'none' })
    expect(second.asked).toEqual([])
    expect(second.idToken).toMatchObject({ sub: first.idToken.sub, auth_time: first.idToken.auth_time })
  })

  test('oidcc-max-age-1: after more than a second the user logs in again', async () => {
    const browser = newBrowser()
    const first = await rp.signOn(browser)
    await delay(2100)
    const second = await rp.signOn(browser, { max_age: '1' })
    expect(second.asked).toContain('password')
    expect(second.idToken.auth_time).toBeGreaterThan(first.idToken.auth_time)
  })

  test('oidcc-max-age-10000: a younger session is enough, with the same auth_time', async () => {
    const browser = newBrowser()
    const first = await rp.signOn(browser)
    const second = await rp.signOn(browser, { max_age: '10000' })
    expect(second.asked).toEqual([])
    expect(second.idToken).toMatchObject({ sub: first.idToken.sub, auth_time: first.idToken.auth_time })
  })

  test('oidcc-id-token-hint', async () => {
    const browser = newBrowser()
    const first = await rp.signOn(browser)
    const hinted = { prompt: 'none', id_token_hint: first.tokens.id_token! }
    expect((await rp.signOn(browser, hinted)).idToken.sub).toBe(first.idToken.sub)
    expect(await rp.errorOf(newBrowser(), hinted)).toBe('login_required')
  })
})

test('oidcc-codereuse, oidcc-codereuse-30seconds: invalid_grant, and the first access token is dead', async () => {
  const { answer, tokens } = await rp.signOn(newBrowser())
  const again = { grant_type: 'authorization_code', code: answer.code!, redirect_uri: redirectUri }
  expect(await rp.tokenError(again)).toEqual([400, 'invalid_grant'])
  const dead = await fetch(provider.metadata.userinfo_endpoint, {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  })
  expect(dead.status).toBe(401)
  expect(dead.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"/)
})

test('oidcc-ensure-registered-redirect-uri: a page, and no redirect', async () => {
  const url = rp.authorizationUrl({ redirect_uri: 'https://rp.example/callback/other' })
  const page = await pageAt(newBrowser(), url)
  expect([page.status, page.html.includes('not one of those registered')]).toEqual([400, true])
})

test('oidcc-ensure-post-request-succeeds', async () => {
  const { searchParams } = rp.authorizationUrl()
  const answer = await post(provider.metadata.authorization_endpoint, searchParams)
  expect([answer.status, answer.headers.get('location')]).toEqual([302, expect.stringMatching(/^\/login\?/)])
  const came = await visit(
    newBrowser(),
    new URL(answer.headers.get('location')!, provider.metadata.issuer),
    person,
  )
  expect(came.at instanceof URL && came.at.searchParams.has('code')).toBe(true)
})

test('oidcc-server-client-secret-post', async () => {
  const posting = await RelyingParty.register(provider.metadata, {
    token_endpoint_auth_method: 'client_secret_post',
  })
  expect((await posting.signOn(newBrowser())).idToken.sub).toBeDefined()
})

describe('request objects are refused as what is not supported (Core section 6)', () => {
  const requestObject = () => new UnsecuredJWT({ ...Object.fromEntries(rp.authorizationUrl().searchParams) })
  test('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', async () => {
    expect(provider.metadata.request_parameter_supported).toBe(false)
    const request = requestObject().encode()
    expect(await rp.errorOf(newBrowser(), { request })).toBe('request_not_supported')
  })

  test('oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported', async () => {
    expect(provider.metadata.request_uri_parameter_supported).toBe(false)
    const request_uri = 'https://rp.example/requests/1#digest'
    expect(await rp.errorOf(newBrowser(), { request_uri })).toBe('request_uri_not_supported')
  })

  test('oidcc-ensure-request-object-with-redirect-uri: what it says is not looked at', async () => {
    const request = await new SignJWT({ redirect_uri: 'https://evil.example/' })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.alloc(32))
    expect(await rp.errorOf(newBrowser(), { request })).toBe('request_not_supported')
  })
})

test('oidcc-claims-essential: name at UserInfo, asked for by itself, and not in the ID token', async () => {
  const request = { claims: JSON.stringify({ userinfo: { name: { essential: true } } }) }
  const { asked, tokens, idToken } = await rp.signOn(newBrowser(), request)
  expect(asked).toContain('consent')
  expect(await rp.userinfo(tokens.access_token)).toEqual({ sub: idToken.sub, name: claims.name })
  expect(idToken).not.toHaveProperty('name')
})

test('oidcc-refresh-token: the claims that must stay, and the client that it is bound to', async () => {
  const changes = { grant_types: ['authorization_code', 'refresh_token'] }
  const [one, other] = [
    await RelyingParty.register(provider.metadata, changes),
    await RelyingParty.register(provider.metadata, changes),
  ]
  expect(provider.metadata.grant_types_supported).toContain('refresh_token')
  const { tokens, idToken } = await one.signOn(newBrowser(), {
    scope: 'openid offline_access',
    prompt: 'consent',
  })
  expect(tokens.refresh_token).toMatch(/^[\x21-\x7e]{22,}$/)
  await delay(1100)
  const refreshed = await one.tokens({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token! })
  expect(refreshed.access_token).not.toBe(tokens.access_token)
  const again = await one.idToken(refreshed)
  for (const name of ['iss', 'sub', 'aud', 'auth_time'] as const) expect(again[name]).toEqual(idToken[name])
  expect(again.iat).toBeGreaterThan(idToken.iat!)
  const stolen = { grant_type: 'refresh_token', refresh_token: refreshed.refresh_token! }
  expect(await other.tokenError(stolen)).toEqual([400, 'invalid_grant'])
  await one.tokens(stolen)
})

test('oidcc-ensure-request-with-valid-pkce-succeeds', async () => {
  // RFC 7636 appendix B.
  const { answer } = await rp.authorize(newBrowser(), {
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  })
  await rp.tokens({
    grant_type: 'authorization_code',
    code: answer.code!,
    redirect_uri: redirectUri,
    code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  })
})

test('at the end of every module: the client unregisters itself, and is nobody any more', async () => {
  const leaving = await RelyingParty.register(provider.metadata)
  await leaving.unregister()
  const code = { grant_type: 'authorization_code', code: 'x', redirect_uri: redirectUri }
  expect(await leaving.tokenError(code)).toEqual([401, 'invalid_client'])
})
