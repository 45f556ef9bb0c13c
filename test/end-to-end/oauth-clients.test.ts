import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { fetchTrusting, makeCertificate } from '../support/certificate.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'
import { basic } from '../support/http-routes.ts'
import { libraries, type Registration } from './oauth-client-libraries.ts'

const user = { username: 'alice', password: 'pass:word%20+ é&=한글', authorities: ['USER'] }
const redirectUri = 'https://client.example/callback'
/** A scope that no test approves, so that it is asked about each time. */
const neverApproved = 'never'

/** Names and secrets that only come through where both sides form-encode them (RFC 6749 section 2.3.1). */
const confidential = { secret: ':%+ é&"=?#/\\한글%41' }
const registrations: Registration[] = [
  { clientId: 'basic:%+&=id', method: 'client_secret_basic', ...confidential },
  { clientId: 'post:%+&=id', method: 'client_secret_post', ...confidential },
  { clientId: 'public:%+&=id', method: 'none' },
]
const resourceServer: Registration = {
  clientId: 'resource',
  method: 'client_secret_basic',
  secret: 'resource',
}

async function registerAll({ administrator }: HttpApp): Promise<void> {
  for (const { clientId, secret, method } of [...registrations, resourceServer])
    await registerClient(administrator, {
      client_id: clientId,
      ...(secret !== undefined && { client_secret: secret }),
      token_endpoint_auth_method: method,
      grant_types: ['authorization_code', 'refresh_token', ...(secret ? ['client_credentials'] : [])],
      redirect_uris: [redirectUri],
      scope: `read write ${neverApproved}`,
    })
  await registerUser(administrator, user)
}

/** Through the real pages: signs in where asked, then decides. */
async function visit(
  url: URL,
  decision: 'approve' | 'deny' = 'approve',
  browser = new FormBrowser((url) => url.href.startsWith('https://client.example/')),
): Promise<URL> {
  let at = await browser.open(url)
  for (let pages = 0; at instanceof LoadedPage; pages++) {
    if (pages === 3) throw new Error(`still at ${at.url.pathname}: ${at.html}`)
    const isLogin = at.html.includes('name="password"')
    at = await browser.submit(
      at,
      isLogin ? { username: user.username, password: user.password } : { decision },
    )
  }
  return at
}

let served: HttpApp
beforeAll(async () => {
  served = await openHttpApp()
  await registerAll(served)
})
afterAll(() => served.close())

describe.each(Object.entries(libraries))('%s', (_name, library) => {
  describe.each(registrations)('a client by $method', (registration) => {
    test('code with PKCE, check, refresh, revocation', async () => {
      const { issuer } = served
      const client = await library(issuer, registration)
      const resource = await library(issuer, resourceServer)
      const attempt = await client.authorize(redirectUri, 'read')
      const callback = await visit(attempt.url)
      expect(callback.searchParams.get('iss')).toBe(issuer)
      const first = await attempt.redeem(callback)
      expect(first).toMatchObject({ token_type: 'bearer', expires_in: 600, scope: 'read' })
      expect(await resource.introspect(first.access_token)).toMatchObject({
        active: true,
        client_id: registration.clientId,
        username: 'alice',
        scope: 'read',
      })

      const second = await client.refresh(first.refresh_token!)
      expect((await resource.introspect(first.access_token)).active).toBe(false)
      expect((await resource.introspect(second.access_token)).active).toBe(true)

      await client.revoke(second.access_token)
      expect((await resource.introspect(second.access_token)).active).toBe(false)
      await expect(client.refresh(second.refresh_token!)).rejects.toMatchObject({ error: 'invalid_grant' })
    })

    test('denied: the library hears access_denied', async () => {
      const client = await library(served.issuer, registration)
      const attempt = await client.authorize(redirectUri, `read ${neverApproved}`)
      const callback = await visit(attempt.url, 'deny')
      await expect(attempt.redeem(callback)).rejects.toMatchObject({ error: 'access_denied' })
    })

    test.each<[string, (callback: URL) => void]>([
      ['another state', ({ searchParams }) => searchParams.set('state', 'forged')],
      ['another issuer (RFC 9207)', ({ searchParams }) => searchParams.set('iss', 'https://evil.example')],
      ['no issuer', ({ searchParams }) => searchParams.delete('iss')],
    ])('an answer with %s is not taken', async (_change, change) => {
      const client = await library(served.issuer, registration)
      const attempt = await client.authorize(redirectUri, 'read')
      const callback = await visit(attempt.url)
      const forged = new URL(callback)
      change(forged)
      await expect(attempt.redeem(forged)).rejects.toMatchObject({ code: 'OAUTH_INVALID_RESPONSE' })
      expect((await attempt.redeem(callback)).access_token).toMatch(/^cs_at_/)
    })

    test('a code does not go with the verifier of another attempt', async () => {
      const client = await library(served.issuer, registration)
      const [one, another] = [
        await client.authorize(redirectUri, 'read'),
        await client.authorize(redirectUri, 'read'),
      ]
      const callback = await visit(one!.url)
      callback.searchParams.set('state', another!.url.searchParams.get('state')!)
      await expect(another!.redeem(callback)).rejects.toMatchObject({ error: 'invalid_grant', status: 400 })
    })
  })

  describe.each(registrations.filter(({ secret }) => secret))('a client by $method', (registration) => {
    test('client credentials and introspection', async () => {
      const client = await library(served.issuer, registration)
      const tokens = await client.clientCredentials('write')
      expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'write' })
      expect(tokens.refresh_token).toBeUndefined()
      expect(await client.introspect(tokens.access_token)).toMatchObject({
        active: true,
        sub: registration.clientId,
      })
      expect(await client.introspect('cs_at_unknown')).toEqual({ active: false })
    })

    test('a secret that is encoded once more, or decoded once more, is another', async () => {
      const right = registration.secret!
      for (const secret of [encodeURIComponent(right), right.replace('%41', 'A')]) {
        const client = await library(served.issuer, { ...registration, secret })
        await expect(client.clientCredentials('read')).rejects.toMatchObject({ status: 401 })
      }
    })
  })

  test('signed on once: a second client is not asked for the password', async () => {
    const browser = new FormBrowser((url) => url.href.startsWith('https://client.example/'))
    const [one, other] = await Promise.all(
      registrations.slice(0, 2).map((registration) => library(served.issuer, registration)),
    )
    await visit((await one!.authorize(redirectUri, 'read')).url, 'approve', browser)
    const attempt = await other!.authorize(redirectUri, 'read')
    const at = await browser.open(attempt.url)
    if (at instanceof LoadedPage) expect(at.html).not.toContain('name="password"')
    const callback = at instanceof LoadedPage ? await browser.submit(at, { decision: 'approve' }) : at
    expect((await attempt.redeem(callback as URL)).access_token).toMatch(/^cs_at_/)
  })
})

interface Answer {
  access_token: string
  refresh_token: string
  scope: string
  error?: string
}

describe('many at once', () => {
  const { clientId, secret } = registrations[0]!
  async function post(form: Record<string, string>): Promise<{ status: number; body: Answer }> {
    const response = await fetch(`${served.issuer}/oauth/token`, {
      method: 'POST',
      headers: basic(clientId, secret!),
      body: new URLSearchParams(form),
    })
    return { status: response.status, body: (await response.json()) as Answer }
  }
  const fifty = <T>(make: () => Promise<T>) => Promise.all(Array.from({ length: 50 }, make))

  async function newCode(): Promise<string> {
    const url = new URL(`${served.issuer}/oauth/authorize`)
    url.search = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: 'read',
    }).toString()
    return (await visit(url)).searchParams.get('code')!
  }
  const isActive = async (token: string) =>
    (await (await libraries['openid-client']!(served.issuer, resourceServer)).introspect(token)).active
  const redemption = (code: string) => ({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
  })

  test('50 redemptions of one code: one success, and what it gave is revoked', async () => {
    const code = await newCode()
    const before = served.app.monitor()
    const answers = await fifty(() => post(redemption(code)))
    const successes = answers.filter(({ status }) => status === 200)
    expect(successes).toHaveLength(1)
    for (const { status, body } of answers.filter((answer) => answer.status !== 200))
      expect([status, body.error]).toEqual([400, 'invalid_grant'])
    const { authorization, token } = served.app.monitor()
    expect(authorization.consumption - before.authorization.consumption).toBe(1)
    expect(token.issuance - before.token.issuance).toBe(1)
    expect(token.revocation - before.token.revocation).toBe(1)
    expect(await isActive(successes[0]!.body.access_token)).toBe(false)
  })

  test('50 rotations of one refresh token: one rotation, the same answer for all, one family', async () => {
    const { body: tokens } = await post(redemption(await newCode()))
    const before = served.app.monitor()
    const rotation = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    const answers = await fifty(() => post(rotation))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const pairs = answers.map(({ body }) => `${body.access_token} ${body.refresh_token} ${body.scope}`)
    expect(new Set(pairs).size).toBe(1)
    const { token } = served.app.monitor()
    expect(token.refresh - before.token.refresh).toBe(1)
    expect(token.revocation).toBe(before.token.revocation)
    const { access_token: access, refresh_token: refresh } = answers[0]!.body
    expect([await isActive(access), await isActive(refresh)]).toEqual([true, true])
    expect([await isActive(tokens.access_token), await isActive(tokens.refresh_token)]).toEqual([
      false,
      false,
    ])
    const next = await post({ grant_type: 'refresh_token', refresh_token: refresh })
    expect(next.status).toBe(200)
  })
})

test('the log holds no token, code, secret or password of all this', () => {
  const log = served.log.join('')
  expect(log).toContain('serving')
  expect(log).not.toMatch(/cs_(at|rt|ac|se)_/)
  for (const secret of [confidential.secret, user.password])
    expect(log).not.toContain(JSON.stringify(secret).slice(1, -1))
})

const folder = await mkdtemp(join(tmpdir(), 'signon-certificate-'))
const certificate = await makeCertificate(folder)
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.skipIf(certificate === undefined)('over TLS', () => {
  let secure: HttpApp
  beforeAll(async () => {
    secure = await openHttpApp({
      SIGNON_SERVER_TLS_CERTIFICATE: certificate!.certificateFile,
      SIGNON_SERVER_TLS_PRIVATEKEY: certificate!.privateKeyFile,
    })
    await registerAll(secure)
  })
  afterAll(() => secure.close())
  afterEach(() => vi.unstubAllGlobals())

  test.each(Object.entries(libraries))('the whole way with %s, no exception made', async (_name, library) => {
    expect(secure.issuer).toMatch(/^https:\/\/localhost:\d+$/)
    vi.stubGlobal('fetch', fetchTrusting(certificate!))
    const client = await library(secure.issuer, registrations[0]!)
    const attempt = await client.authorize(redirectUri, 'read')
    const tokens = await attempt.redeem(await visit(attempt.url))
    const rotated = await client.refresh(tokens.refresh_token!)
    expect(await client.introspect(rotated.access_token)).toMatchObject({ active: true, iss: secure.issuer })
    await client.revoke(rotated.access_token)
    expect(await client.introspect(rotated.access_token)).toEqual({ active: false })
  })

  test('cookies are Secure and __Host-, pages say HSTS', async () => {
    const get = fetchTrusting(certificate!)
    const page = await get(`${secure.issuer}/login`)
    expect(page.headers.get('strict-transport-security')).toMatch(/^max-age=31536000/)
    const form = new LoadedPage(new URL(`${secure.issuer}/login`), page.status, await page.text()).form()
    const [csrf] = page.headers.getSetCookie()
    const answer = await get(form.action, {
      method: 'POST',
      headers: { cookie: csrf!.split(';', 1)[0]! },
      body: new URLSearchParams([...form.fields, ['username', user.username], ['password', user.password]]),
    })
    expect(answer.status).toBe(303)
    const cookies = [csrf!, ...answer.headers.getSetCookie()].filter((cookie) => !/expires=/i.test(cookie))
    expect(cookies).toHaveLength(2)
    for (const cookie of cookies) {
      expect(cookie).toMatch(/^__Host-signon/)
      expect(cookie.split('; ').slice(1).sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure'])
    }
  })

  test('a browser that does not trust the certificate gets nothing', async () => {
    await expect(fetch(`${secure.issuer}/login`)).rejects.toThrow()
    await expect(fetch(secure.issuer.replace('https:', 'http:'))).rejects.toThrow()
  })
})
