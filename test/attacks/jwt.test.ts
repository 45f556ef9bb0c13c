/** Forged JWTs: RFC 8725 (best practices), wherever this server takes one. */
import { createHmac, randomUUID } from 'node:crypto'
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../src/admin/administration.ts'
import { assertionForm, createSigningKey, goodClaims, type SigningKey } from '../support/client-assertion.ts'
import { createProofKey, type ProofKey } from '../support/dpop.ts'
import type { HttpRoutes } from '../support/http-routes.ts'
import { InjectAgent } from '../support/inject-agent.ts'
import {
  asResource,
  asWeb,
  closeWithoutComplaint,
  newTokens,
  openRegistered,
  password,
  user,
} from '../support/registrations.ts'

let routes: HttpRoutes
let key: SigningKey
let proofKey: ProofKey
const clientId = 'signer'

beforeAll(async () => {
  routes = await openRegistered()
  key = await createSigningKey('ES256', 'one')
  proofKey = await createProofKey()
  await registerClient(routes.administrator, {
    client_id: clientId,
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    scope: 'read',
    jwks: { keys: [key.jwk] },
  })
})
afterAll(() => closeWithoutComplaint(routes))

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const unsigned = (header: object, claims: object) => `${part(header)}.${part(claims)}.`
const byHmac = (header: object, claims: object, secret: string | Buffer) => {
  const text = `${part(header)}.${part(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}
/** Names of keys that look-ups stumble over. */
const oddKids = [
  '../../../../../../dev/null',
  '/dev/null',
  "x' UNION SELECT 'secret'--",
  '|cat /etc/passwd',
  '__proto__',
  'constructor',
  'toString',
  '',
  '\u0000',
  'x'.repeat(5000),
]

/**
 * Tokens that claim to be by the owner of `publicJwk`, and are not.
 * @param header that a good one has
 */
async function forgeries(
  header: object,
  claims: Record<string, unknown>,
  publicJwk: Record<string, unknown>,
) {
  const own = await generateKeyPair('ES256', { extractable: true })
  const ownJwk = await exportJWK(own.publicKey)
  const spki = await exportSPKI((await importJWK({ ...publicJwk }, 'ES256', { extractable: true })) as never)
  const byOwn = (more: object) =>
    new SignJWT(claims).setProtectedHeader({ ...header, alg: 'ES256', ...more } as never).sign(own.privateKey)
  return {
    none: unsigned({ ...header, alg: 'none' }, claims),
    'None, nOnE': unsigned({ ...header, alg: 'nOnE' }, claims),
    'no algorithm': unsigned({ ...header, alg: undefined }, claims),
    'none with a signature': `${unsigned({ ...header, alg: 'none' }, claims)}AAAA`,
    'an empty signature': unsigned({ ...header, alg: 'ES256' }, claims),
    'a signature of zeros (CVE-2022-21449)': `${unsigned({ ...header, alg: 'ES256' }, claims)}${Buffer.alloc(64).toString('base64url')}`,
    'HS256 with the public key as PEM': byHmac({ ...header, alg: 'HS256' }, claims, spki),
    'HS256 with the public key as JWK': byHmac(
      { ...header, alg: 'HS256' },
      claims,
      JSON.stringify(publicJwk),
    ),
    'HS256 with x of the public key': byHmac(
      { ...header, alg: 'HS256' },
      claims,
      Buffer.from(String(publicJwk.x), 'base64url'),
    ),
    'HS256 with nothing': byHmac({ ...header, alg: 'HS256' }, claims, ''),
    'another key': await byOwn({}),
    'jwk in the header': await byOwn({ jwk: ownJwk }),
    'jku in the header': await byOwn({ jku: 'http://127.0.0.1:1/jwks' }),
    'x5u in the header': await byOwn({ x5u: 'http://127.0.0.1:1/cert' }),
    'x5c in the header': await byOwn({ x5c: ['MIIB'] }),
    'crit that nobody knows': unsigned({ ...header, alg: 'ES256', crit: ['exp'] }, claims),
    ...Object.fromEntries(
      await Promise.all(
        oddKids.map(async (kid) => [`kid ${JSON.stringify(kid.slice(0, 30))}`, await byOwn({ kid })]),
      ),
    ),
    ...Object.fromEntries(
      oddKids.map((kid) => [
        `kid ${JSON.stringify(kid.slice(0, 30))}, HS256 with nothing`,
        byHmac({ ...header, alg: 'HS256', kid }, claims, ''),
      ]),
    ),
    'a part too many': `${unsigned({ ...header, alg: 'none' }, claims)}.x`,
    'JSON serialization': JSON.stringify({ payload: part(claims), protected: part(header), signature: '' }),
    'no object': `${part(header)}.${part(1)}.AA`,
    'an encrypted one': `${part({ ...header, alg: 'dir', enc: 'A128GCM' })}..AAAA.AAAA.AAAA`,
  } as Record<string, string>
}

describe('client assertions (RFC 7523, private_key_jwt)', () => {
  const ask = (assertion: string) =>
    routes.post('/oauth/token', { grant_type: 'client_credentials', ...assertionForm(assertion) })
  const claims = () => goodClaims(clientId, routes.issuer, routes.clock.nowMs)

  test('the right key', async () => {
    expect((await ask(await key.sign(claims()))).statusCode).toBe(200)
    expect((await ask(await key.sign(claims(), { jku: 'http://127.0.0.1:1/', typ: 'JWT' }))).statusCode).toBe(
      200,
    )
  })

  test('everything else is invalid_client', async () => {
    for (const [name, jwt] of Object.entries(await forgeries({ kid: 'one' }, claims(), key.jwk as never))) {
      const answer = await ask(jwt)
      expect([name, answer.statusCode, answer.json().error]).toEqual([name, 401, 'invalid_client'])
    }
  })

  test('a token of this server is no assertion, though it is signed', async () => {
    const jwt = await routes.context.keys.sign('JWT', claims() as never)
    expect((await ask(jwt)).json().error).toBe('invalid_client')
  })
})

describe('id_token_hint (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2)', () => {
  const claims = () => ({
    iss: routes.issuer,
    sub: routes.context.models.subjectOf(user.username)!,
    aud: 'web',
    iat: Math.floor(routes.clock.nowMs / 1000),
    exp: Math.floor(routes.clock.nowMs / 1000) + 60,
  })
  const serverKey = () => routes.context.keys.jwks().keys.find(({ alg }) => alg === 'ES256')!
  const logIn = async () => {
    const agent = new InjectAgent(routes.http)
    await agent.submit(await agent.get('/login'), { username: user.username, password })
    return agent
  }
  const isSignedOn = async (agent: InjectAgent) => (await agent.get('/welcome.html')).statusCode === 200
  const end = (agent: InjectAgent, hint: string) =>
    agent.get(`/oauth/end_session?${new URLSearchParams({ id_token_hint: hint })}`)

  test('one of this server ends the session', async () => {
    const agent = await logIn()
    expect((await end(agent, await routes.context.keys.sign('JWT', claims()))).statusCode).toBe(200)
    expect(await isSignedOn(agent)).toBe(false)
  })

  test('a forged one ends nothing', async () => {
    const agent = await logIn()
    const { use: _use, alg: _alg, ...jwk } = serverKey()
    for (const [name, jwt] of Object.entries(await forgeries({ kid: jwk.kid, typ: 'JWT' }, claims(), jwk))) {
      const answer = await end(agent, jwt)
      expect([name, answer.statusCode]).toEqual([name, 400])
    }
    expect(await isSignedOn(agent)).toBe(true)
  })

  test.each(['at+jwt', 'logout+jwt', 'dpop+jwt', 'token-introspection+jwt'])(
    'RFC 8725 section 3.11: a JWT of type %s is no ID token, though this server signed it',
    async (typ) => {
      const agent = await logIn()
      expect((await end(agent, await routes.context.keys.sign(typ, claims()))).statusCode).toBe(400)
      expect(await isSignedOn(agent)).toBe(true)
    },
  )
})

describe('DPoP proofs (RFC 9449 section 4.3)', () => {
  const about = () => ({
    method: 'POST',
    url: `${routes.issuer}/oauth/token`,
    atSeconds: Math.floor(routes.clock.nowMs / 1000),
  })
  const ask = (dpop: string) =>
    routes.post('/oauth/token', { grant_type: 'client_credentials' }, { ...asWeb, dpop })

  test('the right key, wherever the header points besides', async () => {
    const proof = await proofKey.proof(about(), {
      header: { kid: '../../dev/null', jku: 'http://127.0.0.1:1/' },
    })
    expect((await ask(proof)).json().token_type).toBe('DPoP')
  })

  test('everything else is invalid_dpop_proof, and no bearer token comes in its place', async () => {
    const own = await generateKeyPair('ES256', { extractable: true })
    const jwk = (await exportJWK(own.publicKey)) as Record<string, unknown>
    const { method: htm, url: htu, atSeconds: iat } = about()
    const claims = { jti: randomUUID(), htm, htu, iat }
    const header = { typ: 'dpop+jwt', jwk }
    const all = await forgeries(header, claims, jwk)
    // These are signed by the key in their own header, which is what a proof is.
    delete all['jwk in the header']
    for (const [name, jwt] of Object.entries(all)) {
      const answer = await ask(jwt)
      expect([name, answer.statusCode, answer.json().error]).toEqual([name, 400, 'invalid_dpop_proof'])
    }
    const symmetric = byHmac(
      { typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: 'AA' } },
      claims,
      Buffer.alloc(1),
    )
    expect((await ask(symmetric)).json().error).toBe('invalid_dpop_proof')
  })
})

test('access tokens are opaque: no JWT, by whomever signed, is one', async () => {
  const claims = {
    iss: routes.issuer,
    sub: 'alice',
    aud: 'web',
    client_id: 'web',
    scope: 'read write',
    exp: Math.floor(routes.clock.nowMs / 1000) + 600,
  }
  const { use: _use, alg: _alg, ...jwk } = routes.context.keys.jwks().keys.find(({ alg }) => alg === 'ES256')!
  const all = { ...(await forgeries({ typ: 'at+jwt' }, claims, jwk)) }
  for (const typ of ['at+jwt', 'JWT', 'logout+jwt'])
    all[typ] = await routes.context.keys.sign(typ, claims as never)
  for (const [name, token] of Object.entries(all)) {
    const answer = await routes.post('/oauth/introspect', { token }, asResource)
    expect([name, answer.json()]).toEqual([name, { active: false }])
  }
  expect((await newTokens(routes)).access_token).toMatch(/^cs_at_/)
})
