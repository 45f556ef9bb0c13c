/**
 * The modules of the conformance suite's plans oidcc-config-certification, oidcc-dynamic-certification and
 * oidcc-formpost-basic-certification, by their names, against the built program. Of the dynamic plan two modules fail by
 * what this server says of itself: it takes no request objects (request_uri_parameter_supported is false).
 */
import { decodeProtectedHeader } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { person, visit } from '../support/visitor.ts'
import {
  newBrowser,
  openProvider,
  type Provider,
  pageAt,
  RelyingParty,
  redirectUri,
  registration,
  registrationRequest,
} from './relying-party.ts'

let provider: Provider
let rp: RelyingParty
const byKey = { token_endpoint_auth_method: 'private_key_jwt' }
beforeAll(async () => {
  provider = await openProvider()
  rp = await RelyingParty.register(provider.metadata, byKey)
})

const register = async (changes: Readonly<Record<string, unknown>>) => {
  const { request } = await registrationRequest({ ...byKey, ...changes })
  return registration(provider.metadata, request)
}

describe('oidcc-discovery-endpoint-verification', () => {
  const list = (name: string) => provider.metadata[name] as string[]

  test('OpenID Connect Discovery section 3', () => {
    const { metadata } = provider
    expect(metadata.issuer).toBe(provider.url)
    for (const [name, value] of Object.entries(metadata))
      if (name.endsWith('_endpoint') || name === 'jwks_uri')
        expect([name, new URL(value as string).href]).toEqual([name, value])
    for (const [name, value] of [
      ['response_types_supported', 'code'],
      ['response_modes_supported', 'form_post'],
      ['grant_types_supported', 'authorization_code'],
      ['subject_types_supported', 'public'],
      ['id_token_signing_alg_values_supported', 'RS256'],
      ['userinfo_signing_alg_values_supported', 'RS256'],
      ['scopes_supported', 'openid'],
      ['claims_supported', 'sub'],
      ['claims_supported', 'email'],
      ['token_endpoint_auth_methods_supported', 'private_key_jwt'],
      ['token_endpoint_auth_signing_alg_values_supported', 'RS256'],
      ['code_challenge_methods_supported', 'S256'],
    ] as const)
      expect([name, list(name).includes(value)]).toEqual([name, true])
    expect(metadata.claims_parameter_supported).toBe(true)
    for (const tag of list('ui_locales_supported')) expect(Intl.getCanonicalLocales(tag)).toEqual([tag])
  })

  test('RFC 7517: keys with a use, an algorithm and a kid of their own, none of them private', async () => {
    const answer = await fetch(provider.metadata.jwks_uri)
    const { keys } = (await answer.json()) as { keys: Record<string, string>[] }
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length)
    for (const key of keys) {
      expect(key).toMatchObject({ use: 'sig', alg: expect.any(String), kid: expect.any(String) })
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(member)
      for (const member of ['n', 'e', 'x', 'y'])
        if (key[member] !== undefined) expect(key[member]).toMatch(/^[A-Za-z0-9_-]+$/)
    }
    expect(keys.map(({ alg }) => alg)).toEqual(
      expect.arrayContaining(list('id_token_signing_alg_values_supported')),
    )
  })
})

test('oidcc-idtoken-rs256', async () => {
  const one = await RelyingParty.register(provider.metadata, {
    ...byKey,
    id_token_signed_response_alg: 'RS256',
  })
  expect((await one.signOn(newBrowser())).idToken.header.alg).toBe('RS256')
})

test('oidcc-userinfo-rs256: application/jwt with iss and aud, without nonce', async () => {
  const one = await RelyingParty.register(provider.metadata, {
    ...byKey,
    userinfo_signed_response_alg: 'RS256',
  })
  expect(one.registered.userinfo_signed_response_alg).toBe('RS256')
  const { tokens, idToken } = await one.signOn(newBrowser(), { scope: 'openid email' })
  const answer = await fetch(provider.metadata.userinfo_endpoint, {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  })
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/jwt'])
  const jwt = await answer.text()
  expect(decodeProtectedHeader(jwt).alg).toBe('RS256')
  const { payload } = await one.verify(jwt)
  expect(payload).toMatchObject({ sub: idToken.sub, email: 'alice@example.com' })
  expect(payload).not.toHaveProperty('nonce')
})

describe('redirect URIs', () => {
  test('oidcc-ensure-redirect-uri-in-authorization-request: none and two registered: a page', async () => {
    const two = await RelyingParty.register(provider.metadata, {
      ...byKey,
      redirect_uris: [redirectUri, `${redirectUri}/two`],
    })
    const page = await pageAt(newBrowser(), two.authorizationUrl({ redirect_uri: undefined }))
    expect([page.status, page.html.includes('redirect_uri is missing')]).toEqual([400, true])
  })

  test('oidcc-redirect-uri-query-OK: the query stays beside the answer', async () => {
    const uri = `${redirectUri}?foo=bar`
    const one = await RelyingParty.register(provider.metadata, { ...byKey, redirect_uris: [uri] })
    const came = await visit(newBrowser(), one.authorizationUrl({ redirect_uri: uri }), person)
    expect(came.at instanceof URL && [...came.at.searchParams.keys()].sort()).toEqual([
      'code',
      'foo',
      'iss',
      'state',
    ])
  })

  test.each([
    ['oidcc-redirect-uri-query-mismatch', `${redirectUri}?foo=bar`, `${redirectUri}?bar=foo`],
    ['oidcc-redirect-uri-query-added', redirectUri, `${redirectUri}?foo=bar`],
  ])('%s: a page', async (_, registered, sent) => {
    const one = await RelyingParty.register(provider.metadata, { ...byKey, redirect_uris: [registered] })
    const page = await pageAt(newBrowser(), one.authorizationUrl({ redirect_uri: sent }))
    expect([page.status, page.html.includes('not one of those registered')]).toEqual([400, true])
  })

  test('oidcc-redirect-uri-regfrag: invalid_redirect_uri', async () => {
    expect(await register({ redirect_uris: [`${redirectUri}#foobar`] })).toEqual([
      400,
      'invalid_redirect_uri',
    ])
  })
})

describe('registration', () => {
  test.each([
    ['oidcc-registration-logo-uri', { logo_uri: 'https://rp.example/logo.png' }, '<img class="logo" src='],
    ['oidcc-registration-policy-uri', { policy_uri: 'https://rp.example/policy' }, '>Privacy policy</a>'],
    ['oidcc-registration-tos-uri', { tos_uri: 'https://rp.example/terms' }, '>Terms of service</a>'],
  ])('%s: shown at the login', async (_, changes, shown) => {
    const one = await RelyingParty.register(provider.metadata, { ...byKey, ...changes })
    const page = await pageAt(newBrowser(), one.authorizationUrl())
    expect(page.html).toContain(shown)
    expect(page.html).toContain(`"${Object.values(changes)[0]}"`)
  })

  test('oidcc-registration-sector-uri, -sector-bad: skipped, for subjects are not pairwise', () => {
    expect(provider.metadata.subject_types_supported).toEqual(['public'])
  })

  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['an algorithm that is not served', { id_token_signed_response_alg: 'HS256' }, 'invalid_client_metadata'],
    ['a response type without its grant type', { response_types: ['token'] }, 'invalid_client_metadata'],
    ['keys by value and by address', { jwks_uri: 'https://rp.example/jwks' }, 'invalid_client_metadata'],
    ['a redirect URI over http', { redirect_uris: ['http://rp.example/cb'] }, 'invalid_redirect_uri'],
    ['no redirect URI', { redirect_uris: [] }, 'invalid_redirect_uri'],
  ])('RFC 7591 section 3.2.2: %s', async (_, changes, error) => {
    expect(await register(changes)).toEqual([400, error])
  })

  test('section 2: members that nobody knows are ignored', async () => {
    const one = await RelyingParty.register(provider.metadata, {
      ...byKey,
      'client_name#ja': 'クライアント',
      foo: { a: 1 },
    })
    expect(one.registered).not.toHaveProperty('foo')
  })
})

test('oidcc-server-rotate-keys: a new key, and the old one beside it', async () => {
  const keysNow = async () => {
    const { keys } = (await (await fetch(provider.metadata.jwks_uri)).json()) as { keys: { kid: string }[] }
    return keys.map(({ kid }) => kid)
  }
  const before = await keysNow()
  await provider.cli(['key', 'rotate', '--profile', 'test'])
  const after = await keysNow()
  expect(after).toEqual(expect.arrayContaining(before))
  expect(after.length).toBeGreaterThan(before.length)
  expect((await rp.signOn(newBrowser())).idToken.sub).toBeDefined()
})

describe('private_key_jwt', () => {
  const tokensWith = async (audience: string) => {
    const { answer } = await rp.authorize(newBrowser())
    const form = { grant_type: 'authorization_code', code: answer.code!, redirect_uri: redirectUri }
    return { ...form, ...(await rp.assertion(audience)) }
  }

  test('oidcc-ensure-client-assertion-with-iss-aud-succeeds', async () => {
    expect((await rp.tokens(await tokensWith(provider.metadata.issuer))).id_token).toBeDefined()
  })

  test('the assertion of another server, or one used before: invalid_client', async () => {
    expect(await rp.tokenError(await tokensWith('https://other.example'))).toEqual([401, 'invalid_client'])
    const form = await tokensWith(provider.metadata.token_endpoint)
    await rp.tokens(form)
    expect(await rp.tokenError(form)).toEqual([401, 'invalid_client'])
  })
})

describe('oidcc-formpost-basic: the answer comes by a form that the browser sends', () => {
  const answerPage = async (changes: Record<string, string>) => {
    const browser = newBrowser()
    await rp.authorize(browser)
    const page = await browser.open(rp.authorizationUrl({ response_mode: 'form_post', ...changes }))
    if (!(page instanceof LoadedPage)) throw new Error(`no page but ${page}`)
    const { action, fields } = page.form()
    return { html: page.html, action: action.href, fields: Object.fromEntries(fields) }
  }

  test('oidcc-server with response_mode form_post', async () => {
    const { html, action, fields } = await answerPage({})
    expect([html.includes('<form method="post"'), action]).toEqual([true, redirectUri])
    expect(fields).toEqual({
      code: expect.any(String),
      state: 'a state, 10/10',
      iss: provider.metadata.issuer,
    })
    expect((await rp.redeem(fields as { code: string })).id_token).toBeDefined()
  })

  test('errors come the same way', async () => {
    const { action, fields } = await answerPage({ prompt: 'none login' })
    expect([action, fields.error, fields.state]).toEqual([redirectUri, 'invalid_request', 'a state, 10/10'])
  })
})
