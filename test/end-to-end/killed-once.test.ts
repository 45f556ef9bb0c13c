/** What counts once counts once over `kill -9`: pushed requests, device codes, signed assertions, DPoP proofs. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { deviceGrantType } from '../../src/authorization-server/device.ts'
import { type BareHome, type BareServer, bareHome } from '../support/bare-server.ts'
import { assertionForm, createSigningKey, goodClaims, type SigningKey } from '../support/client-assertion.ts'
import { createProofKey, type ProofKey } from '../support/dpop.ts'
import { temporaryFolder } from '../support/server.ts'
import { pageOf, redirectOf, visit } from '../support/visitor.ts'

const redirectUri = 'https://client.example/callback'
const person = { username: 'alice', password: 'correct horse battery staple' }
const web = { client_id: 'web', client_secret: 'a secret' }
const clientCredentials = { grant_type: 'client_credentials' }

let home: BareHome
let server: BareServer
let signing: SigningKey

beforeAll(async () => {
  signing = await createSigningKey()
  // One port over all restarts, so that the issuer stays.
  home = bareHome(join(temporaryFolder(), 'home'), { SIGNON_SERVER_PORT: String(await freePort()) })
  server = await home.start()
  await home.administer(async (administrator) => {
    await registerClient(administrator, {
      ...web,
      grant_types: ['authorization_code', 'client_credentials', 'refresh_token', deviceGrantType],
      redirect_uris: [redirectUri],
      scope: 'openid read',
      autoApproves: ['openid', 'read'],
    })
    await registerClient(administrator, {
      client_id: 'signing',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [signing.jwk] },
      grant_types: ['client_credentials'],
      scope: 'read',
    })
    await registerUser(administrator, { ...person, authorities: ['USER'] })
  })
})

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  await new Promise((resolve) => listener.close(resolve))
  return port
}

async function killAndRestart(): Promise<void> {
  server.process.kill('SIGKILL')
  expect((await server.process.finished).signal).toBe('SIGKILL')
  server = await home.start()
}

interface Answer {
  status: number
  body: Record<string, string>
  nonce: string | null
}

async function post(path: string, form: Record<string, string>, dpop?: string): Promise<Answer> {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: dpop === undefined ? {} : { dpop },
    body: new URLSearchParams(form),
  })
  return {
    status: response.status,
    body: (await response.json()) as Record<string, string>,
    nonce: response.headers.get('dpop-nonce'),
  }
}

const asWeb = (form: Record<string, string>, dpop?: string) => post('/oauth/token', { ...web, ...form }, dpop)
const newBrowser = () => new FormBrowser((url) => url.href.startsWith(redirectUri))

describe('a pushed request (RFC 9126 section 7.3)', () => {
  const push = async () => {
    const form = { ...web, response_type: 'code', redirect_uri: redirectUri, scope: 'read' }
    return (await post('/oauth/par', form)).body.request_uri!
  }
  const authorize = (browser: FormBrowser, requestUri: string) => {
    const query = new URLSearchParams({ client_id: 'web', request_uri: requestUri })
    return visit(browser, `${server.url}/oauth/authorize?${query}`, person)
  }

  test('that nobody used is there after the kill, and gives one code', async () => {
    const requestUri = await push()
    await killAndRestart()
    expect(redirectOf(await authorize(newBrowser(), requestUri)).searchParams.get('code')).toMatch(/^cs_ac_/)
    expect(pageOf(await authorize(newBrowser(), requestUri)).status).toBe(400)
  })

  test('that was used stays used', async () => {
    const requestUri = await push()
    const browser = newBrowser()
    expect(redirectOf(await authorize(browser, requestUri)).searchParams.get('code')).toMatch(/^cs_ac_/)
    await killAndRestart()
    const page = pageOf(await authorize(browser, requestUri))
    expect([page.status, page.html.includes('code=')]).toEqual([400, false])
  })
})

describe('a device code (RFC 8628)', () => {
  const begin = async () => (await post('/oauth/device_authorization', { ...web, scope: 'read' })).body
  const poll = (code: string) => asWeb({ grant_type: deviceGrantType, device_code: code })

  async function approve(codes: Record<string, string>): Promise<void> {
    const browser = newBrowser()
    // The page with the code filled in, then the question.
    let { at: page } = await visit(browser, `${server.url}/device`, person)
    page = await browser.submit(page as LoadedPage, { user_code: codes.user_code! })
    page = await browser.submit(page as LoadedPage, { decision: 'approve' })
    expect(page instanceof LoadedPage && page.status).toBe(200)
  }

  test('waits, is approved and gives tokens, with a kill between all of these', async () => {
    const codes = await begin()
    expect((await poll(codes.device_code!)).body.error).toBe('authorization_pending')
    await killAndRestart()
    // Who polls too soon is known to the process only; what is known of the code is not lost.
    expect((await poll(codes.device_code!)).body.error).toBe('authorization_pending')
    await approve(codes)
    await killAndRestart()
    const tokens = await poll(codes.device_code!)
    expect(tokens.body.access_token).toMatch(/^cs_at_/)
    await killAndRestart()
    expect((await poll(codes.device_code!)).body).toMatchObject({ error: 'invalid_grant' })
    // The second use ends what the first gave.
    const asked = await post('/oauth/introspect', { ...web, token: tokens.body.access_token! })
    expect(asked.body.active).toBe(false)
  })
})

test('an assertion of private_key_jwt: its jti counts once (RFC 7523 section 3)', async () => {
  const ask = async (assertion: string) => {
    const form = { ...clientCredentials, ...assertionForm(assertion) }
    const { body } = await post('/oauth/token', form)
    return body.token_type ?? body.error
  }
  const claims = goodClaims('signing', server.url, Date.now())
  const assertion = await signing.sign(claims)
  expect(await ask(assertion)).toBe('bearer')
  await killAndRestart()
  expect(await ask(assertion)).toBe('invalid_client')
  expect(await ask(await signing.sign({ ...claims, exp: claims.exp! + 60 }))).toBe('invalid_client')
  expect(await ask(await signing.sign({ ...claims, jti: 'another' }))).toBe('bearer')
})

describe('a DPoP proof (RFC 9449 section 11.1)', () => {
  let key: ProofKey
  beforeAll(async () => {
    key = await createProofKey()
  })
  const proof = (changes: { nonce?: string | null; ahead?: number } = {}) =>
    key.proof({
      method: 'POST',
      url: `${server.url}/oauth/token`,
      atSeconds: Math.floor(Date.now() / 1000) + (changes.ahead ?? 0),
      ...(typeof changes.nonce === 'string' && { nonce: changes.nonce }),
    })
  const ask = async (dpop: string) => {
    const { body, nonce } = await asWeb(clientCredentials, dpop)
    return { what: body.token_type ?? body.error, nonce }
  }

  test.each([
    ['by the clock', 0],
    ['by a clock that is ahead', 50],
  ])(
    '%s, that was used before the kill: the new process wants its own nonce, also later',
    async (_, ahead) => {
      const { nonce } = await ask(await proof())
      const used = await proof({ nonce, ahead })
      expect((await ask(used)).what).toBe('DPoP')
      expect((await ask(used)).what).toBe('invalid_dpop_proof')
      const bare = await proof({ ahead })
      const asked = await ask(bare)
      await killAndRestart()
      for (const again of [used, bare]) expect((await ask(again)).what).toBe('use_dpop_nonce')
      const { nonce: fresh } = await ask(used)
      expect((await ask(await proof({ nonce: asked.nonce }))).what).toBe('use_dpop_nonce')
      expect((await ask(await proof({ nonce: fresh }))).what).toBe('DPoP')
    },
  )
})
