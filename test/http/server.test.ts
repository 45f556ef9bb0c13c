import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HttpRoutes, issuer } from '../support/http-routes.ts'
import {
  asResource,
  asWeb,
  closeWithoutComplaint,
  isActive,
  newTokens,
  openRegistered,
} from '../support/registrations.ts'

let routes: HttpRoutes

beforeAll(async () => {
  routes = await openRegistered()
})
afterAll(() => closeWithoutComplaint(routes))

const metadataPath = '/.well-known/oauth-authorization-server'

describe('methods', () => {
  test.each([
    ['/oauth/token', 'OPTIONS, POST'],
    ['/oauth/introspect', 'POST'],
    ['/oauth/revoke', 'OPTIONS, POST'],
    ['/oauth/par', 'OPTIONS, POST'],
    ['/oauth/userinfo', 'GET, HEAD, OPTIONS, POST'],
    ['/oauth/jwks', 'GET, HEAD'],
    ['/oauth/check_token', 'GET, HEAD, POST'],
    ['/oauth/authorize', 'GET, POST'],
    ['/oauth/confirm_access', 'GET, POST'],
    ['/oauth/logout', 'GET, POST'],
    ['/oauth/error', 'GET, HEAD'],
    ['/login', 'GET, HEAD, POST'],
    ['/welcome.html', 'GET, HEAD'],
    [metadataPath, 'GET, HEAD'],
    ['/health/live', 'GET, HEAD'],
    ['/health/ready', 'GET, HEAD'],
    ['/ledger/receipts/12', 'GET, HEAD'],
    ['/ledger/tile/0/000', 'GET, HEAD'],
  ])('%s allows %s and answers 405 to all others (RFC 9110 section 15.5.6)', async (url, allowed) => {
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const
    for (const method of methods.filter((one) => !allowed.split(', ').includes(one))) {
      const response = await routes.http.inject({ method, url: `${url}?x=1` })
      expect([method, response.statusCode]).toEqual([method, 405])
      expect(response.headers.allow?.toString().split(', ').sort().join(', ')).toBe(allowed)
      if (method !== 'HEAD') expect(response.json().error).toBe('invalid_request')
    }
  })

  test('credentials change nothing about that: a token is not to be had by GET', async () => {
    const response = await routes.http.inject({
      url: '/oauth/token?grant_type=client_credentials',
      headers: asWeb,
    })
    expect([response.statusCode, response.body.includes('cs_at_')]).toEqual([405, false])
  })

  test('HEAD is GET without the body (RFC 9110 section 9.3.2)', async () => {
    for (const url of ['/login', metadataPath, '/health/live']) {
      const [head, get] = [
        await routes.http.inject({ method: 'HEAD', url }),
        await routes.http.inject({ method: 'GET', url }),
      ]
      expect([head.statusCode, head.body]).toEqual([200, ''])
      expect(head.headers['content-type']).toBe(get.headers['content-type'])
    }
  })
})

describe('addresses that are not there', () => {
  test.each([
    '/oauth',
    '/oauth/token/',
    '/oauth//token',
    '/OAUTH/TOKEN',
    '/:x(',
    '/*',
    '/%',
    '/%00',
    '/__proto__',
    '/operations/administer',
  ])('%s', async (url) => {
    const response = await routes.http.inject({ method: 'POST', url })
    expect([404, 400]).toContain(response.statusCode)
    expect(response.json().error).toBe('invalid_request')
    expect(Object.keys(response.json())).toEqual(['error', 'error_description'])
  })
})

describe('a browser', () => {
  const headers = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'accept-language': 'ko' }

  test('gets a page where nothing is', async () => {
    const response = await routes.http.inject({ url: '/admin/no-such-page?token=abc', headers })
    expect(response.statusCode).toBe(404)
    expect(response.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(response.headers['content-security-policy']).toMatch("default-src 'none'")
    expect(response.body).toMatch('<html lang="ko"')
    expect(response.body).not.toMatch('abc')
  })

  test('is led from the bare address to where it can log in', async () => {
    const response = await routes.http.inject({ url: '/', headers })
    expect([response.statusCode, response.headers.location]).toEqual([302, '/welcome.html'])
  })
})

describe('RFC 8414 section 3: metadata', () => {
  test('says what there is, under the issuer of the settings', async () => {
    const response = await routes.http.inject({ url: metadataPath })
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8')
    const metadata = response.json()
    expect(metadata).toMatchObject({
      issuer,
      authorization_endpoint: `${issuer}/oauth/authorize`,
      token_endpoint: `${issuer}/oauth/token`,
      end_session_endpoint: `${issuer}/oauth/end_session`,
      backchannel_logout_supported: true,
      userinfo_endpoint: `${issuer}/oauth/userinfo`,
      jwks_uri: `${issuer}/oauth/jwks`,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    })
    const proven = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']
    expect(metadata).toMatchObject({
      grant_types_supported: [
        'authorization_code',
        'client_credentials',
        'refresh_token',
        'urn:ietf:params:oauth:grant-type:device_code',
        'password',
        'urn:ietf:params:oauth:grant-type:token-exchange',
        'implicit',
      ],
      response_types_supported: ['code', 'token'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      token_endpoint_auth_methods_supported: [...proven, 'none'],
      introspection_endpoint_auth_methods_supported: proven,
      revocation_endpoint_auth_methods_supported: [...proven, 'none'],
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      ui_locales_supported: ['en', 'ko'],
    })
    const endpoints = Object.keys(metadata).filter((name) => name.endsWith('_endpoint'))
    expect(endpoints.sort()).toEqual([
      'authorization_endpoint',
      'device_authorization_endpoint',
      'end_session_endpoint',
      'introspection_endpoint',
      'pushed_authorization_request_endpoint',
      'revocation_endpoint',
      'token_endpoint',
      'userinfo_endpoint',
    ])
    // OpenID Connect Discovery section 3: what is REQUIRED, and "RS256 MUST be included".
    expect(metadata.response_types_supported).toContain('code')
    expect(metadata.subject_types_supported).toEqual(['public'])
    expect(metadata.id_token_signing_alg_values_supported).toContain('RS256')
    expect(metadata.scopes_supported).toContain('openid')
  })

  test('OpenID Connect Discovery section 4: the same at its own address, for pages of any site', async () => {
    const [own, oauth] = [
      await routes.http.inject({ url: '/.well-known/openid-configuration' }),
      await routes.http.inject({ url: metadataPath }),
    ]
    expect(own.json()).toEqual(oauth.json())
    expect(own.headers['access-control-allow-origin']).toBe('*')
  })

  test('every endpoint it names is there', async () => {
    const metadata: Record<string, string> = (await routes.http.inject({ url: metadataPath })).json()
    const endpoints = Object.entries(metadata).filter(([name]) => name.endsWith('_endpoint'))
    expect(endpoints.length).toBeGreaterThan(4)
    for (const [name, endpoint] of endpoints) {
      const response = await routes.http.inject({ method: 'POST', url: new URL(endpoint).pathname })
      expect([404, 405], name).not.toContain(response.statusCode)
    }
  })

  test.each<Record<string, string>>([
    { host: 'evil.example' },
    { host: 'signon.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    { host: 'signon.example', forwarded: 'host=evil.example;proto=https' },
  ])('a false host changes no answer: %j', async (headers) => {
    const answers = [
      await routes.http.inject({ url: metadataPath, headers }),
      await routes.http.inject({
        url: '/oauth/authorize?response_type=code&client_id=web&redirect_uri=https://web.example/callback',
        headers,
      }),
      await routes.http.inject({
        url: '/oauth/authorize?client_id=web&redirect_uri=https://web.example/callback',
        headers,
      }),
      await routes.http.inject({ url: '/login', headers }),
      await routes.http.inject({ url: '/welcome.html', headers }),
    ]
    for (const { headers: sent, body } of answers) expect(JSON.stringify(sent) + body).not.toContain('evil')
    expect(answers[2]!.headers.location).toContain(`iss=${encodeURIComponent(issuer)}`)
  })
})

describe('health', () => {
  test('live and ready', async () => {
    expect((await routes.http.inject({ url: '/health/live' })).json()).toEqual({ status: 'live' })
    const ready = await routes.http.inject({ url: '/health/ready' })
    expect([ready.statusCode, ready.json()]).toEqual([
      200,
      {
        status: 'ready',
        ledger: { position: routes.context.ledger.size },
        anchors: { confirmed: 0, pending: 0, lagEvents: 0, node: 'unknown' },
      },
    ])
    expect(ready.headers['cache-control']).toBe('no-store')
  })
})

test('no answer to a program can be read as something else, or kept', async () => {
  const { access_token: token } = await newTokens(routes)
  expect(await isActive(routes, token)).toBe(true)
  for (const response of [
    await routes.post('/oauth/token', { grant_type: 'client_credentials' }, asWeb),
    await routes.post('/oauth/token', {}),
    await routes.post('/oauth/introspect', { token }, asResource),
    await routes.post('/oauth/check_token', { token }, asResource),
    await routes.post('/oauth/revoke', { token }, asWeb),
  ]) {
    expect(response.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    expect(response.headers).not.toHaveProperty('access-control-allow-origin')
    expect(response.headers).not.toHaveProperty('x-powered-by')
    expect(response.headers).not.toHaveProperty('set-cookie')
  }
})
