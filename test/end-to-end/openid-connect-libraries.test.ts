/** OpenID Connect and the newer grants by two libraries that know nothing of this server but its issuer. */
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'
import { pageOf, person, redirectOf, registeredPerson, visit } from '../support/visitor.ts'

const clientSecret = 'secret of: the client'
const redirectUri = 'https://client.example/callback'
const byeUri = 'https://client.example/bye'
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const insecure = { execute: [openid.allowInsecureRequests] }
const newBrowser = () => new FormBrowser(({ origin }) => origin === 'https://client.example')

const clients = {
  opaque: {},
  jwt: { accessTokenFormat: 'jwt', resourceIds: ['https://api.example/'] },
  pushing: { require_pushed_authorization_requests: true },
  bound: { dpop_bound_access_tokens: true },
}

async function open(environment: Record<string, string> = {}): Promise<HttpApp> {
  const app = await openHttpApp(environment)
  for (const [id, more] of Object.entries(clients))
    await registerClient(app.administrator, {
      client_id: id,
      client_secret: clientSecret,
      grant_types: ['authorization_code', 'refresh_token', deviceGrant, exchangeGrant, 'client_credentials'],
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [byeUri],
      scope: 'openid profile email read',
      ...more,
    })
  await registerUser(app.administrator, {
    ...registeredPerson,
    claims: { ...registeredPerson.claims, email_verified: true },
  })
  return app
}

let served: HttpApp
beforeAll(async () => {
  served = await open()
})
afterAll(() => served.close())

const configure = (id: string, metadata: Partial<openid.ClientMetadata> = {}, { issuer } = served) =>
  openid.discovery(new URL(issuer), id, metadata, openid.ClientSecretBasic(clientSecret), insecure)

async function begin(changes: Record<string, string> = {}) {
  const verifier = openid.randomPKCECodeVerifier()
  const checks = {
    pkceCodeVerifier: verifier,
    expectedState: openid.randomState(),
    expectedNonce: openid.randomNonce(),
    idTokenExpected: true,
  }
  const parameters = {
    redirect_uri: redirectUri,
    scope: 'openid profile email',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...changes,
  }
  return { checks, parameters }
}

async function signIn(
  configuration: openid.Configuration,
  options: openid.AuthorizationCodeGrantOptions = {},
) {
  const { checks, parameters } = await begin()
  const url = openid.buildAuthorizationUrl(configuration, parameters)
  const callback = redirectOf(await visit(newBrowser(), url, person))
  return openid.authorizationCodeGrant(configuration, callback, checks, undefined, options)
}

describe('openid-client', () => {
  test('max_age: the time of the login is in the ID token and checked', async () => {
    const configuration = await configure('opaque')
    const { checks, parameters } = await begin({ max_age: '3600' })
    const url = openid.buildAuthorizationUrl(configuration, parameters)
    const callback = redirectOf(await visit(newBrowser(), url, person))
    const tokens = await openid.authorizationCodeGrant(configuration, callback, { ...checks, maxAge: 3600 })
    expect(tokens.claims()!.auth_time).toEqual(expect.any(Number))
  })

  test('an ID token with the nonce of another attempt is refused', async () => {
    const configuration = await configure('opaque')
    const { checks, parameters } = await begin()
    const url = openid.buildAuthorizationUrl(configuration, parameters)
    const callback = redirectOf(await visit(newBrowser(), url, person))
    const others = { ...checks, expectedNonce: openid.randomNonce() }
    await expect(openid.authorizationCodeGrant(configuration, callback, others)).rejects.toMatchObject({
      code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
    })
  })

  test('pushed authorization requests, and nothing else where they are required', async () => {
    const configuration = await configure('pushing')
    const { checks, parameters } = await begin()
    const pushed = await openid.buildAuthorizationUrlWithPAR(configuration, parameters)
    expect([...pushed.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri'])
    const callback = redirectOf(await visit(newBrowser(), pushed, person))
    const tokens = await openid.authorizationCodeGrant(configuration, callback, checks)
    expect(tokens.claims()!.aud).toBe('pushing')

    const url = openid.buildAuthorizationUrl(configuration, parameters)
    const refused = redirectOf(await visit(newBrowser(), url, person))
    await expect(openid.authorizationCodeGrant(configuration, refused, checks)).rejects.toMatchObject({
      error: 'invalid_request',
    })
  })

  test('form_post: the answer comes as a form, and the library takes it', async () => {
    const { parameters, checks } = await begin({ response_mode: 'form_post' })
    const configuration = await configure('opaque')
    const page = pageOf(
      await visit(newBrowser(), openid.buildAuthorizationUrl(configuration, parameters), person),
    )
    const { action, fields } = page.form()
    expect(action.href).toBe(redirectUri)
    const posted = new Request(action, { method: 'POST', body: new URLSearchParams(fields) })
    const tokens = await openid.authorizationCodeGrant(configuration, posted, checks)
    expect(tokens.claims()!.sub).toEqual(expect.any(String))
  })

  test('device grant: a code on the device, the rest in a browser', async () => {
    const configuration = await configure('opaque')
    const started = await openid.initiateDeviceAuthorization(configuration, { scope: 'openid read' })
    const browser = newBrowser()
    const entry = pageOf(await visit(browser, started.verification_uri_complete!, person))
    const confirmation = (await browser.submit(entry, { user_code: started.user_code })) as LoadedPage
    expect((await visit(browser, confirmation, person)).asked).toEqual(['consent'])
    const tokens = await openid.pollDeviceAuthorizationGrant(configuration, started)
    expect(tokens.claims()!.aud).toBe('opaque')
    expect(tokens.scope).toBe('openid read')
  })

  test('token exchange', async () => {
    const configuration = await configure('opaque')
    const { access_token: subject } = await signIn(configuration)
    const exchanged = await openid.genericGrantRequest(configuration, exchangeGrant, {
      subject_token: subject,
      subject_token_type: accessTokenType,
      scope: 'profile',
    })
    expect(exchanged).toMatchObject({ issued_token_type: accessTokenType, scope: 'profile' })
    expect(await openid.tokenIntrospection(configuration, exchanged.access_token)).toMatchObject({
      active: true,
      username: 'alice',
      scope: 'profile',
    })
  })

  test('RP-initiated logout: the session ends, and the browser comes back', async () => {
    const configuration = await configure('opaque')
    const { checks, parameters } = await begin()
    const browser = newBrowser()
    const url = openid.buildAuthorizationUrl(configuration, parameters)
    const callback = redirectOf(await visit(browser, url, person))
    const tokens = await openid.authorizationCodeGrant(configuration, callback, checks)
    expect((await visit(browser, url, person)).asked).toEqual([])
    const bye = openid.buildEndSessionUrl(configuration, {
      id_token_hint: tokens.id_token!,
      post_logout_redirect_uri: byeUri,
      state: 'bye',
    })
    expect(redirectOf(await visit(browser, bye, person)).href).toBe(`${byeUri}?state=bye`)
    const again = await browser.open(url)
    expect(again instanceof LoadedPage && again.html).toContain('name="password"')
  })
})

describe.each([
  ['no nonce asked for', {}],
  ['a nonce required', { SIGNON_DPOP_NONCE_REQUIRED: 'true' }],
])('DPoP with openid-client, %s', (_how, environment) => {
  let bound: HttpApp
  beforeAll(async () => {
    bound = await open(environment)
  })
  afterAll(() => bound.close())

  test('code, UserInfo, refresh: all with one key, and with no other', async () => {
    const configuration = await configure('bound', {}, bound)
    const DPoP = openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair())
    const tokens = await signIn(configuration, { DPoP })
    expect(tokens.token_type).toBe('dpop')
    const { sub } = tokens.claims()!
    const info = await openid.fetchUserInfo(configuration, tokens.access_token, sub, { DPoP })
    expect(info.name).toBe('Alice Archer')
    const later = await openid.refreshTokenGrant(configuration, tokens.refresh_token!, {}, { DPoP })
    expect(later.token_type).toBe('dpop')

    const stranger = openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair())
    for (const options of [{}, { DPoP: stranger }])
      await expect(
        openid.fetchUserInfo(configuration, later.access_token, sub, options),
      ).rejects.toMatchObject({ status: 401 })
  })
})

test('oauth4webapi: discovery, code, ID token and its signature, UserInfo', async () => {
  const options = { [oauth.allowInsecureRequests]: true }
  const issuer = new URL(served.issuer)
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
  const client: oauth.Client = { client_id: 'opaque', require_auth_time: true }
  const authentication = oauth.ClientSecretPost(clientSecret)
  const { checks, parameters } = await begin()
  const url = new URL(server.authorization_endpoint!)
  url.search = new URLSearchParams({ client_id: 'opaque', response_type: 'code', ...parameters }).toString()
  const callback = redirectOf(await visit(newBrowser(), url, person))
  const answer = oauth.validateAuthResponse(server, client, callback, checks.expectedState)
  const response = await oauth.authorizationCodeGrantRequest(
    ...([server, client, authentication, answer, redirectUri, checks.pkceCodeVerifier, options] as const),
  )
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: checks.expectedNonce,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(server, response, options)
  const { sub } = oauth.getValidatedIdTokenClaims(tokens)!
  const asked = await oauth.userInfoRequest(server, client, tokens.access_token, options)
  expect(await oauth.processUserInfoResponse(server, client, sub, asked)).toMatchObject({
    sub,
    name: 'Alice Archer',
  })
})

test('oauth4webapi: a resource server takes a JWT access token by the published keys (RFC 9068)', async () => {
  const options = { [oauth.allowInsecureRequests]: true }
  const tokens = await signIn(await configure('jwt'))
  const issuer = new URL(served.issuer)
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
  const asked = (token: string) =>
    oauth.validateJwtAccessToken(
      server,
      new Request('https://api.example/', { headers: { authorization: `Bearer ${token}` } }),
      'https://api.example/',
      options,
    )
  expect(await asked(tokens.access_token)).toMatchObject({
    client_id: 'jwt',
    scope: 'openid profile email',
    authorities: ['USER'],
  })
  const [header, payload, signature] = tokens.access_token.split('.') as [string, string, string]
  const forged = Buffer.from(payload, 'base64url').toString().replace('USER', 'ADMI')
  await expect(asked(`${header}.${Buffer.from(forged).toString('base64url')}.${signature}`)).rejects.toThrow()
})
