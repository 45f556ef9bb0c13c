/**
 * The modules of the conformance suite's plan fapi2-security-profile-final that concern pushed requests, DPoP and
 * private_key_jwt, by their names, against the built program. (The profile as a whole asks for TLS and a server that
 * takes nothing but pushed requests.)
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { FormBrowser } from '../../src/admin/form-browser.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { createProofKey, type ProofKey } from '../support/dpop.ts'
import { person, type Visit, visit } from '../support/visitor.ts'
import {
  json,
  newBrowser,
  openProvider,
  type Parameters,
  type Provider,
  RelyingParty,
  redirectUri,
} from './relying-party.ts'

// RFC 7636 appendix B.
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

let provider: Provider
let rp: RelyingParty
let other: RelyingParty
beforeAll(async () => {
  provider = await openProvider()
  const profile = {
    token_endpoint_auth_method: 'private_key_jwt',
    require_pushed_authorization_requests: true,
    dpop_bound_access_tokens: true,
    grant_types: ['authorization_code', 'refresh_token'],
  }
  rp = await RelyingParty.register(provider.metadata, profile)
  other = await RelyingParty.register(provider.metadata, profile)
})

const request = (changes: Parameters = {}): Parameters => ({
  response_type: 'code',
  client_id: rp.clientId,
  redirect_uri: redirectUri,
  scope: 'openid',
  state: 's',
  nonce: 'n',
  code_challenge: challenge,
  code_challenge_method: 'S256',
  ...changes,
})

/** Section 2.2 of RFC 9126; undefined takes a parameter out. */
async function push(changes: Parameters = {}) {
  const response = await rp.send(provider.metadata.pushed_authorization_request_endpoint, request(changes))
  const answer = (await response.json()) as { request_uri: string; expires_in: number; error?: string }
  expect(response.headers.get('content-type')).toBe(json)
  expect(response.headers.get('cache-control')).toBe('no-store')
  return { status: response.status, ...answer }
}

const open = (browser: FormBrowser, parameters: Parameters): Promise<Visit> => {
  const url = new URL(provider.metadata.authorization_endpoint)
  url.search = String(new URLSearchParams(parameters))
  return visit(browser, url, person)
}
const errorPage = ({ at }: Visit) => at instanceof LoadedPage && /<code>(\w+)<\/code>/.exec(at.html)?.[1]
const answerOf = ({ at }: Visit) => Object.fromEntries((at as URL).searchParams)

async function newCode(changes: Parameters = {}, browser = newBrowser()): Promise<string> {
  const { request_uri } = await push(changes)
  return answerOf(await open(browser, { client_id: rp.clientId, request_uri })).code!
}

interface ProofChanges {
  method?: string
  claims?: Record<string, unknown>
  accessToken?: string
}

let nonce: string | undefined
/** A request with a proof, and again with the nonce that the server asks for (RFC 9449 section 8). */
async function prove(
  key: ProofKey,
  url: string,
  send: (proof: string) => Promise<Response>,
  changes: ProofChanges = {},
): Promise<Response> {
  const { method = 'POST', claims, accessToken } = changes
  const once = async () => {
    const about = {
      method,
      url,
      atSeconds: Math.floor(Date.now() / 1000),
      ...(nonce !== undefined && { nonce }),
      ...(accessToken !== undefined && { accessToken }),
    }
    const response = await send(await key.proof(about, claims && { claims }))
    nonce = response.headers.get('dpop-nonce') ?? nonce
    return response
  }
  const first = await once()
  const asked = first.status === 400 && ((await first.clone().json()) as { error: string }).error
  return asked === 'use_dpop_nonce' ? once() : first
}

interface Redeemed {
  status: number
  access_token: string
  refresh_token: string
  error?: string
}

async function redeem(key: ProofKey, code: string, changes: ProofChanges = {}, as = rp): Promise<Redeemed> {
  const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier }
  const at = provider.metadata.token_endpoint
  const response = await prove(key, at, (dpop) => as.send(at, form, { dpop }), changes)
  return { status: response.status, ...((await response.json()) as Omit<Redeemed, 'status'>) }
}

describe('pushed requests (RFC 9126)', () => {
  test('fapi2-security-profile-final-happy-flow: 201, a URI that is no address, a short time', async () => {
    const pushed = await push()
    expect(pushed).toMatchObject({
      status: 201,
      request_uri: expect.stringMatching(/^urn:ietf:params:oauth:/),
    })
    expect(pushed.expires_in).toBeGreaterThanOrEqual(5)
    expect(pushed.expires_in).toBeLessThanOrEqual(600)
  })

  test('…-ensure-request-without-using-par-fails', async () => {
    expect(answerOf(await open(newBrowser(), request())).error).toBe('invalid_request')
  })

  test('…-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds, …-attempt-to-reuse-request_uri fails', async () => {
    const { request_uri } = await push()
    const parameters = { client_id: rp.clientId, request_uri }
    const url = new URL(`${provider.metadata.authorization_endpoint}?${new URLSearchParams(parameters)}`)
    const browser = newBrowser()
    for (let n = 0; n < 2; n++) expect(await browser.open(url)).toBeInstanceOf(LoadedPage)
    expect(answerOf(await open(browser, parameters)).code).toBeDefined()
    expect(errorPage(await open(browser, parameters))).toBe('invalid_request_uri')
  })

  test('…-par-attempt-to-use-request_uri-for-different-client', async () => {
    const { request_uri } = await push()
    const came = await open(newBrowser(), { client_id: other.clientId, request_uri })
    expect(errorPage(came)).toBe('invalid_request_uri')
  })

  test('what stands beside the request URI counts for nothing', async () => {
    const { request_uri } = await push()
    const beside = { state: 'another', redirect_uri: 'https://evil.example/', scope: 'openid email' }
    const came = await open(newBrowser(), { client_id: rp.clientId, request_uri, ...beside })
    expect([String(came.at).startsWith(redirectUri), answerOf(came).state]).toEqual([true, 's'])
  })

  test.each<[string, Parameters, string]>([
    [
      '…-par-authorization-request-containing-request_uri-form-param',
      { request_uri: 'urn:example:bwc4JK-ESC0w8acc191e-Y1LTC2' },
      'invalid_request',
    ],
    ['…-par-plain-pkce-rejected', { code_challenge_method: 'plain' }, 'invalid_request'],
    [
      '…-par-ensure-request-object-signature… (not taken)',
      { request: 'eyJhbGciOiJub25lIn0.e30.' },
      'request_not_supported',
    ],
    ['…-ensure-registered-redirect-uri', { redirect_uri: 'https://evil.example/' }, 'invalid_request'],
    ['…-ensure-response-type-code', { response_type: 'code id_token' }, 'unsupported_response_type'],
  ])('%s', async (_, changes, error) => {
    expect(await push(changes)).toMatchObject({ status: 400, error })
  })

  test('…-par-pushed-authorization-url-as-audience-for-client-assertion', async () => {
    const at = provider.metadata.pushed_authorization_request_endpoint
    const answer = await rp.send(at, { ...request(), ...(await rp.assertion(at)) })
    expect(answer.status).toBe(201)
  })

  test('…-user-rejects-authentication', async () => {
    const { request_uri } = await push({ prompt: 'consent' })
    const url = new URL(provider.metadata.authorization_endpoint)
    url.search = String(new URLSearchParams({ client_id: rp.clientId, request_uri }))
    const came = await visit(newBrowser(), url, { ...person, decision: 'deny' })
    expect(answerOf(came)).toMatchObject({
      error: 'access_denied',
      state: 's',
      iss: provider.metadata.issuer,
    })
  })
})

describe('DPoP (RFC 9449)', () => {
  const userinfo = (key: ProofKey, token: string, scheme: string, claims?: Record<string, unknown>) => {
    const at = provider.metadata.userinfo_endpoint
    const send = (dpop: string) => fetch(at, { headers: { authorization: `${scheme} ${token}`, dpop } })
    return prove(key, at, send, { method: 'GET', accessToken: token, ...(claims && { claims }) })
  }

  test('…-happy-flow, …-access-token-type-header-case-sensitivity', async () => {
    const key = await createProofKey()
    const tokens = await redeem(key, await newCode())
    expect(tokens).toMatchObject({ status: 200, token_type: 'DPoP' })
    for (const scheme of ['DPoP', 'dpop', 'DPOP'])
      expect((await userinfo(key, tokens.access_token, scheme)).status).toBe(200)
  })

  test('a bound token is none without its key, as a bearer token, or with another proof', async () => {
    const key = await createProofKey()
    const { access_token: token } = await redeem(key, await newCode())
    const bearer = await fetch(provider.metadata.userinfo_endpoint, {
      headers: { authorization: `Bearer ${token}` },
    })
    for (const answer of [
      bearer,
      await userinfo(await createProofKey(), token, 'DPoP'),
      await userinfo(key, token, 'DPoP', { ath: undefined }),
      await userinfo(key, token, 'DPoP', { htm: 'POST' }),
    ]) {
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toMatch(
        /^DPoP .*error="(invalid_token|invalid_dpop_proof)"/,
      )
    }
  })

  test('…-ensure-holder-of-key-required: no proof, no token', async () => {
    const form = {
      grant_type: 'authorization_code',
      code: await newCode(),
      redirect_uri: redirectUri,
      code_verifier: verifier,
    }
    expect(await rp.tokenError(form)).toEqual([400, 'invalid_dpop_proof'])
  })

  test.each<[string, Record<string, unknown>]>([
    ['another method', { htm: 'GET' }],
    ['another address', { htu: 'https://other.example/oauth/token' }],
    ['no identifier', { jti: undefined }],
    ['an hour ago', { iat: Math.floor(Date.now() / 1000) - 3600 }],
    ['in an hour', { iat: Math.floor(Date.now() / 1000) + 3600 }],
    ['…-check-dpop-proof-nbf-exp: expired', { exp: Math.floor(Date.now() / 1000) - 3600 }],
    ['…-check-dpop-proof-nbf-exp: not yet', { nbf: Math.floor(Date.now() / 1000) + 3600 }],
  ])('a proof with %s: invalid_dpop_proof', async (_, claims) => {
    const answer = await redeem(await createProofKey(), await newCode(), { claims })
    expect(answer).toMatchObject({ status: 400, error: 'invalid_dpop_proof' })
  })

  test('…-dpop-negative-tests: a proof counts once', async () => {
    const key = await createProofKey()
    const jti = crypto.randomUUID()
    const at = provider.metadata.token_endpoint
    const proof = await key.proof(
      { method: 'POST', url: at, atSeconds: Math.floor(Date.now() / 1000), ...(nonce && { nonce }) },
      { claims: { jti } },
    )
    const form = { grant_type: 'refresh_token', refresh_token: 'x' }
    const errors = []
    for (let n = 0; n < 2; n++) {
      const answer = await rp.send(at, form, { dpop: proof })
      errors.push(((await answer.json()) as { error: string }).error)
    }
    expect(errors).toEqual(['invalid_grant', 'invalid_dpop_proof'])
  })

  test('…-ensure-dpop-auth-code-binding-success, …-ensure-mismatched-dpop-jkt-fails', async () => {
    const key = await createProofKey()
    const bound = { dpop_jkt: key.thumbprint }
    expect(await redeem(key, await newCode(bound))).toMatchObject({ status: 200 })
    const stranger = await createProofKey()
    expect(await redeem(stranger, await newCode(bound))).toMatchObject({
      status: 400,
      error: 'invalid_grant',
    })
  })

  test('…-refresh-token with another key: a client that signs may change it', async () => {
    const { refresh_token } = await redeem(await createProofKey(), await newCode())
    const at = provider.metadata.token_endpoint
    const form = { grant_type: 'refresh_token', refresh_token: refresh_token }
    const answer = await prove(await createProofKey(), at, (dpop) => rp.send(at, form, { dpop }))
    expect([answer.status, ((await answer.json()) as { token_type: string }).token_type]).toEqual([
      200,
      'DPoP',
    ])
  })
})

describe('codes', () => {
  test('…-ensure-authorization-code-is-bound-to-client', async () => {
    const answer = await redeem(await createProofKey(), await newCode(), {}, other)
    expect(answer).toMatchObject({ status: 400, error: 'invalid_grant' })
  })

  test('…-attempt-reuse-authorization-code-after-one-second', async () => {
    const [key, code] = [await createProofKey(), await newCode()]
    const tokens = await redeem(key, code)
    expect(await redeem(key, code)).toMatchObject({ status: 400, error: 'invalid_grant' })
    const at = provider.metadata.userinfo_endpoint
    const dead = await prove(
      key,
      at,
      (dpop) => fetch(at, { headers: { authorization: `DPoP ${tokens.access_token}`, dpop } }),
      { method: 'GET', accessToken: tokens.access_token },
    )
    expect(dead.status).toBe(401)
  })
})
