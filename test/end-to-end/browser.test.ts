import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify, { type FastifyInstance } from 'fastify'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { launchBrowser } from '../support/browser.ts'
import { makeCertificate } from '../support/certificate.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'
import { openRelyingParty, type RelyingParty } from '../support/relying-party.ts'

const password = 'correct horse battery staple'
const secret = 'secret of the sample'
/** Set it to a folder to look at the pages. */
const screenshots = process.env.SIGNON_TEST_SCREENSHOTS

const browser = await launchBrowser()
afterAll(() => browser?.close())

let served: HttpApp
/** Two resource servers; the scopes of B need no consent. */
let a: RelyingParty
let b: RelyingParty
let loginPage: FastifyInstance
let foreignPage: FastifyInstance

/** SignOn 1.1's own login page of a site: two fields, and nothing of this server's. */
async function openLoginPage(): Promise<FastifyInstance> {
  const app = fastify({ forceCloseConnections: true })
  app.get('/login.html', (_request, reply) =>
    reply
      .type('text/html')
      .send(
        `<!doctype html><title>Our own login</title><form method="post" action="${served.issuer}/login"><input name="username"><input name="password" type="password"><button>Go</button></form>`,
      ),
  )
  app.get('/frames', (_request, reply) =>
    reply
      .type('text/html')
      .send(
        `<!doctype html><title>Frames</title><iframe name="own" src="/login.html"></iframe><iframe name="signon" src="${served.issuer}/login"></iframe>`,
      ),
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app
}
const portOf = (app: FastifyInstance) => new URL(app.listeningOrigin).port

beforeAll(async () => {
  if (!browser) return
  loginPage = await openLoginPage()
  foreignPage = await openLoginPage()
  const origins = ['127.0.0.1', 'localhost'].map((host) => `http://${host}:${portOf(loginPage)}`)
  served = await openHttpApp({ SIGNON_LOGIN_ORIGINS: origins.join(' ') })
  a = await openRelyingParty('A')
  b = await openRelyingParty('B')
  for (const [party, clientId, autoApproves] of [
    [a, 'resource-a', []],
    [b, 'resource-b', ['read']],
  ] as const) {
    await registerClient(served.administrator, {
      clientId,
      clientSecret: secret,
      authorizedGrantTypes: ['authorization_code'],
      scopes: ['read', 'write'],
      registeredRedirectUris: [party.redirectUri, party.byeUri],
      autoApproves,
      description: `Resource server ${clientId.at(-1)!.toUpperCase()}`,
    })
    await party.connect(served.issuer, clientId, secret)
  }
  await registerClient(served.administrator, {
    clientId: 'native',
    authorizedGrantTypes: ['authorization_code'],
    scopes: ['read'],
    registeredRedirectUris: ['http://[::1]/callback', 'http://127.0.0.1/callback'],
  })
})
afterAll(async () => {
  for (const one of [a, b, served, loginPage, foreignPage]) await one?.close()
})

let count = 0
/** A user of the test's own: nothing was approved before. */
async function newUser(): Promise<string> {
  const username = `alice-${++count}`
  await registerUser(served.administrator, { username, password, authorities: ['USER'] })
  return username
}

let context: BrowserContext
let page: Page
/** What the browser had to say. */
let complaints: string[]

async function open(options: BrowserContextOptions = {}): Promise<void> {
  context = await (browser as Browser).newContext({ viewport: { width: 800, height: 900 }, ...options })
  context.setDefaultTimeout(15_000)
  page = await context.newPage()
  complaints = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
}

async function look(name: string): Promise<void> {
  if (screenshots !== undefined)
    await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true })
}

async function signIn(username: string, secretWord = password): Promise<void> {
  await page.getByLabel(/^(Username|사용자 이름)$/).fill(username)
  await page.getByLabel(/^(Password|비밀번호)$/).fill(secretWord)
  await page.getByRole('button', { name: /^(Sign in|로그인)$/ }).click()
}
const allow = () => page.getByRole('button', { name: 'Allow' }).click()
const heading = (text: string | RegExp) => page.getByRole('heading', { name: text, level: 1 }).waitFor()
const sessionCookie = async () => (await context.cookies(served.issuer)).find(({ name }) => name === 'signon')

describe.skipIf(browser === undefined).each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])('Chromium %s', (_how, javaScriptEnabled) => {
  beforeEach(() => open({ javaScriptEnabled }))
  afterEach(() => context.close())
  const shot = (name: string) => look(`${name}${javaScriptEnabled ? '' : '-no-script'}`)

  test('signs on once for A and B; the authorities decide what is shown', async () => {
    const username = await newUser()
    await page.goto(`${a.origin}/`)
    await heading('Sign in')
    expect(new URL(page.url()).origin).toBe(served.issuer)
    expect(await page.getByText('resource-a').count()).toBe(1)
    await shot('1-login')
    await signIn(username)
    await heading('Allow access?')
    await shot('2-consent')
    await allow()
    await heading('A: USER page')
    expect(page.url()).toBe(`${a.origin}/`)
    expect(await page.getByText(`Hello ${username}`).count()).toBe(1)

    const visited: string[] = []
    page.on('framenavigated', (frame) => visited.push(frame.url()))
    await page.goto(`${b.origin}/`)
    await heading('B: USER page')
    expect(visited).toEqual([`${b.origin}/`])

    await page.goto(`${a.origin}/admin`)
    await heading('A: forbidden')
    expect(complaints).toEqual([
      'Failed to load resource: the server responded with a status of 403 (Forbidden)',
    ])
  })

  test('deny: the client hears access_denied with its state and the issuer', async () => {
    await page.goto(`${a.origin}/`)
    await signIn(await newUser())
    await heading('Allow access?')
    await page.getByRole('button', { name: 'Deny' }).click()
    await heading('A: not signed on')
    await shot('3-denied')
    expect(await page.getByText('access_denied state known').count()).toBe(1)
    const { searchParams } = new URL(page.url())
    expect(searchParams.get('error')).toBe('access_denied')
    expect(searchParams.get('iss')).toBe(served.issuer)
    expect(searchParams.has('code')).toBe(false)
    expect(complaints).toEqual([])
  })

  test('a wrong password: a message, nothing told, and then the right one', async () => {
    const username = await newUser()
    await page.goto(`${a.origin}/`)
    const wrong = 'wrong horse battery staple'
    await signIn(username, wrong)
    await page.getByRole('alert').waitFor()
    await shot('4-wrong-password')
    expect(await page.getByRole('alert').textContent()).toBe(
      'The username or the password is not right. Please try again.',
    )
    expect(await page.getByLabel('Username').inputValue()).toBe(username)
    expect(await page.getByLabel('Password').inputValue()).toBe('')
    expect(page.url() + (await page.content())).not.toContain('wrong')
    expect(await sessionCookie()).toBeUndefined()
    expect(complaints).toEqual([
      'Failed to load resource: the server responded with a status of 401 (Unauthorized)',
    ])
    await page.getByLabel('Password').fill(password)
    await page.keyboard.press('Enter')
    await heading('Allow access?')
    await allow()
    await heading('A: USER page')
    expect(a.requested.join()).not.toContain(encodeURIComponent(password))
  })

  test('less than asked: the box that was cleared is not granted', async () => {
    await page.goto(`${a.origin}/`)
    await signIn(await newUser())
    await page.getByRole('checkbox', { name: 'Read your data' }).uncheck()
    await allow()
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('alert').textContent()).toContain('Choose at least one permission')
    await page.getByRole('checkbox', { name: 'Read your data' }).check()
    await allow()
    await heading('A: USER page')
  })

  test('signing out on the welcome page: the session is over, and "back" shows nothing of it', async () => {
    const username = await newUser()
    await page.goto(`${served.issuer}/login`)
    await signIn(username)
    await heading('You are signed in')
    await shot('5-welcome')
    expect(await sessionCookie()).toMatchObject({
      httpOnly: true,
      sameSite: 'Lax',
      secure: false,
      path: '/',
      domain: 'localhost',
      expires: -1,
    })
    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading('You are signed out')
    await shot('6-signed-out')
    expect(await sessionCookie()).toBeUndefined()
    await page.goBack()
    await heading('Sign in')
    expect(await page.getByText(username).count()).toBe(0)
    await page.goto(`${b.origin}/`)
    await heading('Sign in')
    expect(complaints).toEqual([])
  })

  test('/oauth/logout of 1.1 through a resource server', async () => {
    const username = await newUser()
    await page.goto(`${b.origin}/`)
    await signIn(username)
    await heading('B: USER page')
    await page.goto(`${b.origin}/logout`)
    await heading('B: goodbye')
    expect(page.url()).toBe(b.byeUri)
    expect(await sessionCookie()).toBeUndefined()
    await page.goto(`${b.origin}/`)
    await heading('Sign in')
    await page.goto(`${a.origin}/`)
    await heading('Sign in')
  })

  test('form_post: the answer is posted to the client; without scripts by a button', async () => {
    await page.goto(`${served.issuer}/login`)
    await signIn(await newUser())
    const posted = page.waitForRequest(
      (request) => request.method() === 'POST' && request.url() === b.redirectUri,
    )
    const query = new URLSearchParams({
      response_type: 'code',
      response_mode: 'form_post',
      client_id: 'resource-b',
      redirect_uri: b.redirectUri,
      scope: 'read',
      state: 'posted',
    })
    await heading('You are signed in')
    await page.goto(`${served.issuer}/oauth/authorize?${query}`)
    if (!javaScriptEnabled) await page.getByRole('button', { name: 'Continue' }).click()
    const fields = new URLSearchParams((await posted).postData() ?? '')
    expect(fields.get('code')).toMatch(/^cs_ac_/)
    expect(fields.get('state')).toBe('posted')
    expect(fields.get('iss')).toBe(served.issuer)
    expect(complaints.filter((complaint) => complaint.includes('Content Security Policy'))).toEqual([])
  })

  test('prompt=login: a user who is signed in signs in once more, and only once', async () => {
    const username = await newUser()
    await page.goto(`${served.issuer}/login`)
    await signIn(username)
    await heading('You are signed in')
    const before = (await sessionCookie())?.value
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: 'resource-b',
      redirect_uri: b.redirectUri,
      scope: 'read',
      prompt: 'login',
      login_hint: username,
    })
    await page.goto(`${served.issuer}/oauth/authorize?${query}`)
    await heading('Sign in')
    expect(await page.getByLabel('Username').inputValue()).toBe(username)
    const answered = page.waitForRequest((request) => request.url().startsWith(`${b.redirectUri}?code=`))
    await signIn(username)
    await answered
    expect((await sessionCookie())?.value).not.toBe(before)
  })

  test('an error page for what must not be redirected', async () => {
    await page.goto(`${served.issuer}/oauth/authorize?response_type=code&client_id=nobody&redirect_uri=x`)
    await heading('This did not work')
    await shot('7-error')
    expect(await page.getByText('invalid_client').count()).toBe(1)
    expect(await page.locator('body').evaluate('getComputedStyle(document.body).fontFamily')).toContain(
      'Malgun Gothic',
    )
  })
})

describe.skipIf(browser === undefined)('Chromium', () => {
  afterEach(() => context.close())

  test('speaks Korean where the browser does', async () => {
    await open({ locale: 'ko-KR' })
    const username = await newUser()
    await page.goto(`${a.origin}/`)
    await heading('로그인')
    expect(await page.locator('html').getAttribute('lang')).toBe('ko')
    await look('8-korean-login')
    await signIn(username)
    await heading('접근을 허용할까요?')
    await look('9-korean-consent')
    await page.getByRole('button', { name: '허용' }).click()
    await heading('A: USER page')
  })

  test('shows no page of this server in a frame', async () => {
    await open()
    await page.goto(`http://127.0.0.1:${portOf(foreignPage)}/frames`)
    // A frame that goes to another process, as to the error page, is for a moment not there by its name.
    const patiently = { timeout: 30_000 }
    await expect.poll(() => page.frame('own')?.name(), patiently).toBe('own')
    const own = page.frame('own')!
    expect(await own.locator('input[name=password]').count()).toBe(1)
    await expect.poll(() => page.frame('signon')?.url(), patiently).toBe('chrome-error://chromewebdata/')
    const signon = page.frame('signon')!
    expect(await signon.locator('input').count()).toBe(0)
    expect(complaints.join()).toMatch(/frame-ancestors 'none'/)
  })

  test('follows the form to a loopback address of version 6 (RFC 8252 section 7.3)', async () => {
    await open()
    const username = await newUser()
    // Nobody listens there: that the browser goes is what counts.
    const redirectUri = `http://[::1]:${portOf(loginPage)}/callback`
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: 'native',
      redirect_uri: redirectUri,
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    })
    await page.goto(`${served.issuer}/oauth/authorize?${query}`)
    await signIn(username)
    await heading('Allow access?')
    const gone = page.waitForRequest((request) => request.url().startsWith(`${redirectUri}?code=`))
    // The click waits for the page it leads to, which there is not.
    await page.getByRole('button', { name: 'Allow' }).click({ noWaitAfter: true })
    await gone
    expect(complaints.filter((complaint) => complaint.includes('Content Security Policy'))).toEqual([])
  })

  test('a client whose redirect URI leads on to another origin is reached after the form', async () => {
    await open()
    const username = await newUser()
    const client = fastify({ forceCloseConnections: true })
    client.get('/callback', (_request, reply) => reply.redirect(`${b.origin}/welcome-from-a`))
    try {
      await client.listen({ host: '127.0.0.1', port: 0 })
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: 'native',
        redirect_uri: `http://127.0.0.1:${portOf(client)}/callback`,
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: 'S256',
      })
      await page.goto(`${served.issuer}/oauth/authorize?${query}`)
      await signIn(username)
      await heading('Allow access?')
      await allow()
      await page.waitForURL(`${b.origin}/welcome-from-a`)
    } finally {
      await client.close()
    }
  })

  describe('a login page of 1.1, on another origin', () => {
    const goTo = async (app: FastifyInstance, host: string) => {
      await page.goto(`http://${host}:${portOf(app)}/login.html`)
      await page.locator('input[name=username]').fill(username)
      await page.locator('input[name=password]').fill(password)
      await page.getByRole('button', { name: 'Go' }).click()
    }
    let username: string
    beforeEach(async () => {
      await open()
      username = await newUser()
    })

    test('of an allowed origin signs on', async () => {
      await goTo(loginPage, '127.0.0.1')
      await heading('You are signed in')
      await page.goto(`${b.origin}/`)
      await heading('B: USER page')
    })

    test('of the same site leads back to the client that asked', async () => {
      await page.goto(`${a.origin}/`)
      await heading('Sign in')
      await goTo(loginPage, 'localhost')
      await heading('Allow access?')
      await allow()
      await heading('A: USER page')
    })

    test('of any other origin is refused', async () => {
      await goTo(foreignPage, '127.0.0.1')
      await heading('This did not work')
      expect(await sessionCookie()).toBeUndefined()
      await look('10-refused-login-page')
    })
  })
})

const folder = await mkdtemp(join(tmpdir(), 'signon-certificate-'))
const certificate = browser && (await makeCertificate(folder))
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.skipIf(certificate === undefined)('Chromium over TLS', () => {
  let secure: HttpApp
  beforeAll(async () => {
    secure = await openHttpApp({
      SIGNON_SERVER_TLS_CERTIFICATE: certificate!.certificateFile,
      SIGNON_SERVER_TLS_PRIVATEKEY: certificate!.privateKeyFile,
    })
    await registerUser(secure.administrator, { username: 'alice', password, authorities: ['USER'] })
  })
  afterAll(() => secure.close())

  test('takes the __Host- cookies and stays signed in', async () => {
    await open({ ignoreHTTPSErrors: true })
    await page.goto(`${secure.issuer}/login`)
    await signIn('alice')
    await heading('You are signed in')
    const cookies = await context.cookies(secure.issuer)
    expect(cookies.map(({ name }) => name).sort()).toEqual(['__Host-signon', '__Host-signon_csrf'])
    for (const cookie of cookies)
      expect(cookie).toMatchObject({ secure: true, httpOnly: true, sameSite: 'Lax', path: '/' })
    await page.reload()
    await heading('You are signed in')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading('You are signed out')
    expect(complaints).toEqual([])
    await context.close()
  })
})
