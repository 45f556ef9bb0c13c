/** RFC 9449 over HTTP: tokens bound to the key of the proof that they were asked for with. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../../src/admin/administration.ts'
import { createProofKey, type ProofKey } from '../../support/dpop.ts'
import { basic, type Form, type HttpRoutes, issuer, openRoutes } from '../../support/http-routes.ts'
import { InjectAgent } from '../../support/inject-agent.ts'
import {
  asResource,
  asWeb,
  authorizeUrl,
  callback,
  closeWithoutComplaint,
  native,
  newCode,
  openRegistered,
  pkce,
  registerAll,
  signOn,
} from '../../support/registrations.ts'

const path = '/oauth/token'
let routes: HttpRoutes
let key: ProofKey
let other: ProofKey

beforeAll(async () => {
  routes = await openRegistered()
  await registerClient(routes.administrator, {
    client_id: 'bound',
    client_secret: 'bound secret',
    grant_types: ['client_credentials'],
    scope: 'read',
    dpop_bound_access_tokens: true,
  })
  ;[key, other] = await Promise.all([createProofKey(), createProofKey('EdDSA')])
})
afterAll(() => closeWithoutComplaint(routes))

const proofBy = (by: ProofKey, changes = {}) =>
  by.proof({ method: 'POST', url: issuer + path, atSeconds: routes.clock.nowMs / 1000 }, changes)

/** Asks the token endpoint with a proof by this key. */
const ask = async (form: Form, by?: ProofKey, headers: Record<string, string> = asWeb) =>
  routes.post(path, form, { ...headers, ...(by && { dpop: await proofBy(by) }) })

const introspect = async (token: string) =>
  (await routes.post('/oauth/introspect', { token }, asResource)).json()

const redeemForm = (code: string) => ({ grant_type: 'authorization_code', code, redirect_uri: callback })
const rotateForm = (token: string) => ({ grant_type: 'refresh_token', refresh_token: token })

/** A code of the public client, redeemed with a proof by `key`. */
async function nativeTokens() {
  const location = await signOn(
    new InjectAgent(routes.http),
    authorizeUrl({
      response_type: 'code',
      client_id: 'native',
      redirect_uri: native.registeredRedirectUris[1]!,
      code_challenge: pkce.challenge,
      code_challenge_method: 'S256',
    }),
  )
  const form = {
    ...redeemForm(location.searchParams.get('code')!),
    redirect_uri: native.registeredRedirectUris[1]!,
    client_id: 'native',
    code_verifier: pkce.verifier,
  }
  return (await ask(form, key, {})).json()
}

describe('section 5: the token request', () => {
  test('gives a token of type DPoP, bound to the key', async () => {
    const answer = (await ask({ grant_type: 'client_credentials', scope: 'read' }, key)).json()
    expect(answer).toMatchObject({ token_type: 'DPoP', scope: 'read' })
    expect(await introspect(answer.access_token)).toMatchObject({
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: key.thumbprint },
    })
  })

  test('without a proof gives a bearer token, as ever', async () => {
    const answer = (await ask({ grant_type: 'client_credentials' })).json()
    expect(answer.token_type).toBe('bearer')
    expect(await introspect(answer.access_token)).not.toHaveProperty('cnf')
  })

  test('with a proof for another endpoint gives nothing', async () => {
    const before = routes.context.ledger.size
    const dpop = await key.proof({
      method: 'POST',
      url: `${issuer}/oauth/revoke`,
      atSeconds: routes.clock.nowMs / 1000,
    })
    const response = await routes.post(path, { grant_type: 'client_credentials' }, { ...asWeb, dpop })
    expect([response.statusCode, response.json().error]).toEqual([400, 'invalid_dpop_proof'])
    expect(routes.context.ledger.size).toBe(before)
  })

  test('the same proof twice gives one token', async () => {
    const dpop = await proofBy(key)
    const send = () => routes.post(path, { grant_type: 'client_credentials' }, { ...asWeb, dpop })
    expect((await send()).statusCode).toBe(200)
    expect((await send()).json()).toMatchObject({ error: 'invalid_dpop_proof' })
  })

  test('a false Host header does not change the address that must be proved', async () => {
    const headers = { ...asWeb, host: 'evil.example' }
    const dpop = await key.proof({
      method: 'POST',
      url: `http://evil.example${path}`,
      atSeconds: routes.clock.nowMs / 1000,
    })
    const response = await routes.post(path, { grant_type: 'client_credentials' }, { ...headers, dpop })
    expect(response.json().error).toBe('invalid_dpop_proof')
  })

  test('section 5.2: a client registered for bound tokens gets no others', async () => {
    const asBound = basic('bound', 'bound secret')
    const form = { grant_type: 'client_credentials' }
    expect((await ask(form, undefined, asBound)).json().error).toBe('invalid_dpop_proof')
    expect((await ask(form, key, asBound)).json().token_type).toBe('DPoP')
  })
})

describe('section 5: refresh tokens', () => {
  test('of a public client are bound to the key too', async () => {
    const tokens = await nativeTokens()
    const form = { ...rotateForm(tokens.refresh_token), client_id: 'native' }
    for (const by of [other, undefined])
      expect((await ask(form, by, {})).json()).toMatchObject({ error: 'invalid_grant' })
    const rotated = (await ask(form, key, {})).json()
    expect(rotated.token_type).toBe('DPoP')
    // A retry in the grace window is not for other keys either.
    expect((await ask(form, other, {})).json()).toMatchObject({ error: 'invalid_grant' })
    expect((await ask(form, key, {})).json().access_token).toBe(rotated.access_token)
  })

  test('of a confidential client are bound to the client alone', async () => {
    const tokens = (await ask(redeemForm(await newCode(routes)), key)).json()
    const rotated = (await ask(rotateForm(tokens.refresh_token), other)).json()
    expect((await introspect(rotated.access_token)).cnf).toEqual({ jkt: other.thumbprint })
  })
})

describe('section 8: nonces', () => {
  test('every answer to a proof brings one', async () => {
    const response = await ask({ grant_type: 'client_credentials' }, key)
    const nonce = String(response.headers['dpop-nonce'])
    const dpop = await proofBy(key, { claims: { nonce } })
    const again = await routes.post(path, { grant_type: 'client_credentials' }, { ...asWeb, dpop })
    expect(again.statusCode).toBe(200)
  })

  test('where they are required, the first answer says so', async () => {
    const strict = await openRoutes({ environment: { SIGNON_DPOP_NONCE_REQUIRED: 'true' } })
    try {
      await registerAll(strict)
      const send = async (nonce?: string) =>
        strict.post(
          path,
          { grant_type: 'client_credentials' },
          { ...asWeb, dpop: await proofBy(key, { claims: { nonce } }) },
        )
      const first = await send()
      expect([first.statusCode, first.json().error]).toEqual([400, 'use_dpop_nonce'])
      expect((await send(String(first.headers['dpop-nonce']))).json().token_type).toBe('DPoP')
    } finally {
      await strict.close()
    }
  })
})

describe('section 10: a code bound to a key', () => {
  test('is redeemed with a proof by that key only', async () => {
    const code = await newCode(routes, { dpop_jkt: key.thumbprint })
    for (const by of [other, undefined])
      expect((await ask(redeemForm(code), by)).json()).toMatchObject({ error: 'invalid_grant' })
    expect((await ask(redeemForm(code), key)).json().token_type).toBe('DPoP')
  })

  test('the thumbprint must be one', async () => {
    const location = await signOn(
      new InjectAgent(routes.http),
      authorizeUrl({ response_type: 'code', client_id: 'web', redirect_uri: callback, dpop_jkt: 'x' }),
    )
    expect(location.searchParams.get('error')).toBe('invalid_request')
  })
})

describe('section 7: a protected resource', () => {
  const userinfo = async (token: string, by: ProofKey | undefined, scheme = 'DPoP', changes = {}) => {
    const about = {
      method: 'GET',
      url: `${issuer}/oauth/userinfo`,
      atSeconds: routes.clock.nowMs / 1000,
      accessToken: token,
    }
    const proof = by && { dpop: await by.proof(about, changes) }
    const headers = { authorization: `${scheme} ${token}`, ...proof }
    return routes.http.inject({ url: '/oauth/userinfo', headers })
  }
  let token: string

  beforeAll(async () => {
    await registerClient(routes.administrator, {
      client_id: 'portal',
      client_secret: 'portal secret',
      grant_types: ['authorization_code'],
      redirect_uris: ['https://portal.example/callback'],
      scope: 'openid',
    })
    const query = { response_type: 'code', client_id: 'portal', scope: 'openid' }
    const location = await signOn(new InjectAgent(routes.http), authorizeUrl(query))
    const form = { grant_type: 'authorization_code', code: location.searchParams.get('code')! }
    token = (await ask(form, key, basic('portal', 'portal secret'))).json().access_token
  })

  test('opens with a proof of the key and the token', async () => {
    const answer = await userinfo(token, key)
    expect([answer.statusCode, Object.keys(answer.json())], answer.body).toEqual([200, ['sub']])
  })

  test.each<[string, () => ReturnType<typeof userinfo>]>([
    ['without a proof', () => userinfo(token, undefined)],
    ['as a bearer token', () => userinfo(token, undefined, 'Bearer')],
    ['as a bearer token with a proof', () => userinfo(token, key, 'Bearer')],
    ['with a proof of another key', () => userinfo(token, other)],
    ['with a proof for another token', () => userinfo(token, key, 'DPoP', { claims: { ath: 'x' } })],
    ['with a proof for another method', () => userinfo(token, key, 'DPoP', { claims: { htm: 'POST' } })],
  ])('%s stays closed', async (_, send) => {
    const answer = await send()
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toMatch(/DPoP/)
    expect(answer.body).not.toContain('"sub"')
  })
})
