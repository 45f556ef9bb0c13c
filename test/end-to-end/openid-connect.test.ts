/** OpenID Connect as a client library that nobody here wrote sees it, over real HTTP. */
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { eventsOfToken } from '../../src/audit/receipt-subjects.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'
import { basic } from '../support/http-routes.ts'

const redirectUri = 'https://client.example/callback'
const user = {
  username: 'alice',
  password: 'a password',
  authorities: ['USER'],
  claims: {
    name: 'Alice Kim',
    email: 'alice@example.com',
    email_verified: true,
    phone_number: '+82 2 123 4567',
    address: { country: 'KR' },
  },
}

const relyingParty = (clientId: string, more: object) => ({
  client_id: clientId,
  client_secret: 'secret',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [redirectUri],
  scope: 'openid profile email phone read',
  ...more,
})

let served: HttpApp
let subject: string
beforeAll(async () => {
  served = await openHttpApp()
  const { administrator } = served
  await registerClient(administrator, relyingParty('opaque', {}))
  await registerClient(
    administrator,
    relyingParty('jwt', { accessTokenFormat: 'jwt', resourceIds: ['accounts'] }),
  )
  for (const alg of ['ES256', 'EdDSA'])
    await registerClient(administrator, relyingParty(alg, { id_token_signed_response_alg: alg }))
  subject = (await registerUser(administrator, user)).subject!
})
afterAll(() => served.close())

const discover = (clientId: string) =>
  client.discovery(
    new URL(served.issuer),
    clientId,
    { ...(clientId.length === 5 && { id_token_signed_response_alg: clientId }) },
    client.ClientSecretBasic('secret'),
    { execute: [client.allowInsecureRequests] },
  )

async function logIn(configuration: client.Configuration, scope: string, more: Record<string, string> = {}) {
  const verifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), client.randomNonce()]
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    scope,
    ...more,
  })
  const browser = new FormBrowser((url) => url.href.startsWith('https://client.example/'))
  let at = await browser.open(url)
  for (let pages = 0; at instanceof LoadedPage; pages++) {
    if (pages === 3) throw new Error(`still at ${at.url.pathname}: ${at.html}`)
    const isLogin = at.html.includes('name="password"')
    const { username, password } = user
    at = await browser.submit(at, isLogin ? { username, password } : { decision: 'approve' })
  }
  return client.authorizationCodeGrant(configuration, at, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  })
}

const ask = async (path: string, token: string) => {
  const answer = await fetch(`${served.issuer}${path}`, {
    method: 'POST',
    headers: basic('opaque', 'secret'),
    body: new URLSearchParams({ token }),
  })
  return (await answer.json()) as Record<string, unknown>
}

describe('OpenID Connect Core', () => {
  test.each(['opaque', 'jwt', 'ES256', 'EdDSA'])(
    'section 3.1: discovery, code with PKCE, ID token, UserInfo and refresh: %s',
    async (clientId) => {
      const configuration = await discover(clientId)
      const tokens = await logIn(configuration, 'openid profile email')
      const claims = tokens.claims()!
      expect(claims).toMatchObject({ iss: served.issuer, sub: subject, aud: clientId, amr: ['pwd'] })
      expect(claims.auth_time).toBeTypeOf('number')
      expect(claims.sid).toBeTypeOf('string')
      const algorithm = clientId.length === 5 ? clientId : 'RS256'
      expect(decodeProtectedHeader(tokens.id_token!).alg).toBe(algorithm)
      const keySet = createRemoteJWKSet(new URL(configuration.serverMetadata().jwks_uri!))
      await jwtVerify(tokens.id_token!, keySet, { issuer: served.issuer, audience: clientId })

      const userinfo = await client.fetchUserInfo(configuration, tokens.access_token, subject)
      expect(userinfo).toEqual({
        sub: subject,
        preferred_username: 'alice',
        name: 'Alice Kim',
        email: 'alice@example.com',
        email_verified: true,
      })

      const refreshed = await client.refreshTokenGrant(configuration, tokens.refresh_token!)
      const again = refreshed.claims()!
      // Section 12.2.
      for (const name of ['iss', 'sub', 'aud', 'auth_time'] as const)
        expect(again[name]).toEqual(claims[name])
      expect(again.nonce).toBeUndefined()
      await expect(client.fetchUserInfo(configuration, tokens.access_token, subject)).rejects.toThrow()
      await client.fetchUserInfo(configuration, refreshed.access_token, subject)
    },
  )

  test('section 5.5: claims for the ID token, those that a scope opens and those asked for one by one', async () => {
    const configuration = await discover('opaque')
    const tokens = await logIn(configuration, 'openid email', {
      claims: JSON.stringify({ id_token: { email: null, name: null, address: { essential: true } } }),
    })
    expect(tokens.claims()).toMatchObject({ email: 'alice@example.com', name: 'Alice Kim' })
    // The client is registered for no scope that would open it.
    expect(tokens.claims()).not.toHaveProperty('address')
  })

  test('section 5.3.3, RFC 6750 section 3: errors of UserInfo name themselves in the header', async () => {
    const at = `${served.issuer}/oauth/userinfo`
    for (const method of ['GET', 'HEAD', 'POST']) {
      const none = await fetch(at, { method })
      expect([method, none.status, none.headers.get('www-authenticate')]).toEqual([
        method,
        401,
        'Bearer realm="coinstack-signon"',
      ])
    }
    const wrong = await fetch(at, { headers: { authorization: 'Bearer x' } })
    expect(wrong.status).toBe(401)
    expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"')
    const inAddress = await fetch(`${at}?access_token=x`)
    expect(inAddress.status).toBe(401)
  })
})

describe('RFC 9068: JWT access tokens', () => {
  test('say what introspection says, and end as the others do', async () => {
    const configuration = await discover('jwt')
    const { access_token: token, refresh_token } = await logIn(configuration, 'openid read')
    const { payload, protectedHeader } = await jwtVerify(
      token,
      createRemoteJWKSet(new URL(`${served.issuer}/oauth/jwks`)),
      { issuer: served.issuer, audience: 'accounts', typ: 'at+jwt' },
    )
    expect(protectedHeader.alg).toBe('ES256')
    expect(payload).toMatchObject({
      sub: subject,
      client_id: 'jwt',
      scope: 'openid read',
      authorities: ['USER'],
    })
    const told = await ask('/oauth/introspect', token)
    expect(told).toMatchObject({
      active: true,
      sub: subject,
      client_id: 'jwt',
      exp: payload.exp,
      iat: payload.iat,
    })
    expect(await ask('/oauth/check_token', token)).toMatchObject({ active: true, user_name: 'alice' })

    const { connection } = served.administrator
    expect(await connection.operations.token({ token })).toMatchObject({ kind: 'access', active: true })
    expect(await eventsOfToken(connection.reader, token)).toMatchObject({ client: { clientId: 'jwt' } })

    // The jti is no token by itself, and what is not signed as it is said is none.
    expect(await ask('/oauth/introspect', payload.jti!)).toEqual({ active: false })
    const [header, body] = token.split('.')
    expect(await ask('/oauth/introspect', `${header}.${body}.${'A'.repeat(86)}`)).toEqual({ active: false })
    const idToken = await logIn(configuration, 'openid')
    expect(await ask('/oauth/introspect', idToken.id_token!)).toEqual({ active: false })

    const first = await client.refreshTokenGrant(configuration, refresh_token!)
    const retried = await client.refreshTokenGrant(configuration, refresh_token!)
    const [one, two] = [decodeJwt(first.access_token), decodeJwt(retried.access_token)]
    expect([two.jti, two.exp]).toEqual([one.jti, one.exp])
    expect(await ask('/oauth/introspect', token)).toEqual({ active: false })
    await client.tokenRevocation(configuration, first.access_token)
    expect(await ask('/oauth/introspect', retried.access_token)).toEqual({ active: false })
  })

  test('live on over a rotation of the keys, but not where these are compromised', async () => {
    const configuration = await discover('jwt')
    const { access_token: token } = await logIn(configuration, 'openid read')
    const { operations } = served.administrator.connection
    await operations.rotateSigningKeys({ algorithm: 'ES256', compromised: false })
    expect(await ask('/oauth/introspect', token)).toMatchObject({ active: true })
    const { access_token: fresh } = await logIn(configuration, 'openid read')
    expect(decodeProtectedHeader(fresh).kid).not.toBe(decodeProtectedHeader(token).kid)
    await operations.rotateSigningKeys({ compromised: true })
    expect(await ask('/oauth/introspect', fresh)).toEqual({ active: false })
    expect(await eventsOfToken(served.administrator.connection.reader, fresh)).toBeDefined()
  })
})

describe('CORS', () => {
  const preflight = {
    method: 'OPTIONS',
    headers: { origin: 'https://spa.example', 'access-control-request-method': 'POST' },
  }

  test("a public client's own pages may read what it is given, others may not", async () => {
    await registerClient(served.administrator, {
      client_id: 'spa',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['https://spa.example/callback'],
      scope: 'openid',
    })
    const at = `${served.issuer}/oauth/token`
    expect((await fetch(at, preflight)).status).toBe(204)
    const body = new URLSearchParams({ grant_type: 'authorization_code', code: 'x', client_id: 'spa' })
    const from = async (origin: string) =>
      (await fetch(at, { method: 'POST', headers: { origin }, body })).headers.get(
        'access-control-allow-origin',
      )
    expect(await from('https://spa.example')).toBe('https://spa.example')
    expect(await from('https://evil.example')).toBeNull()
    expect((await fetch(`${served.issuer}/oauth/jwks`)).headers.get('access-control-allow-origin')).toBe('*')
  })
})
