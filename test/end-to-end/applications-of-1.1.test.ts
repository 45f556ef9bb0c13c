/** The single sign-on of SignOn 1.1 with its applications' own requests, its commands, and a real browser. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { openSampleApplication, type SampleApplication, sampleSecret } from '../support/sample-application.ts'
import { startServer, type TestServer } from '../support/server.ts'

const password = 'correct horse battery staple'
const browser = await launchBrowser()
afterAll(() => browser?.close())

let server: TestServer
let a: SampleApplication
let b: SampleApplication
/** Registered as in 1.1, but without leave to be compared as in 1.1. */
let strict: SampleApplication

beforeAll(async () => {
  if (!browser) return
  server = await startServer()
  a = await openSampleApplication('sample-a', 'localhost')
  b = await openSampleApplication('sample-b', '127.0.0.1')
  strict = await openSampleApplication('strict', 'localhost')
  const clientOf = ({ clientId, origin }: SampleApplication, more: object) => ({
    clientId,
    clientSecret: sampleSecret,
    authorizedGrantTypes: ['authorization_code', 'refresh_token'],
    scopes: ['read', 'write'],
    registeredRedirectUris: [origin],
    authorities: ['USER'],
    resourceIds: ['sample-resource'],
    accessTokenValidity: '600',
    ...more,
  })
  const clients = [
    clientOf(a, { redirectUriMatching: 'prefix' }),
    clientOf(b, { redirectUriMatching: 'prefix', autoApproves: ['read'] }),
    clientOf(strict, {}),
  ]
  const users = [
    { username: 'alice', password, authorities: ['USER'] },
    { username: 'root', password, authorities: ['USER', 'ADMIN'] },
  ]
  for (const [topic, input] of [
    ['client', clients],
    ['user', users],
  ] as const) {
    const words = [topic, 'create', '--privatekey', server.administrator.wif]
    const { exitCode, stderr } = await server.cli(words, { input: JSON.stringify(input) })
    expect([exitCode, stderr]).toEqual([0, ''])
  }
  for (const application of [a, b, strict]) application.signOnAt(server.url)
})
afterAll(async () => {
  for (const one of [a, b, strict]) await one?.close()
})

describe.skipIf(browser === undefined)('applications of SignOn 1.1', () => {
  let context: BrowserContext
  let page: Page
  /** Every address that the browser showed. */
  let shown: string[]
  beforeEach(async () => {
    context = await (browser as Browser).newContext()
    context.setDefaultTimeout(15_000)
    page = await context.newPage()
    shown = []
    page.on('framenavigated', (frame) => shown.push(frame.url()))
  })
  afterEach(() => context.close())

  const heading = (name: string) => page.getByRole('heading', { name, level: 1, exact: true }).waitFor()
  async function signIn(username: string) {
    await heading('Sign in')
    await page.getByLabel('Username').fill(username)
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }
  async function approve() {
    await heading('Allow access?')
    await page.getByRole('button', { name: 'Allow' }).click()
  }
  /** The page for a fault that must not go to the client, with what is wrong. */
  async function refused(detail: string) {
    await heading('This did not work')
    expect(await page.getByText(detail).count()).toBe(1)
    expect(new URL(page.url()).origin).toBe(server.url)
  }

  test('signed on once: login and approval at A, neither at B; 403 where an authority is missing', async () => {
    await page.goto(`${a.origin}/main_page.jsp`)
    await signIn('alice')
    await approve()
    await heading('sample-a: USER page')
    expect(page.url()).toBe(`${a.origin}/main_page.jsp`)
    expect(a.checked()).toEqual({
      user_name: 'alice',
      scope: ['read'],
      authorities: ['USER'],
      client_id: 'sample-a',
      aud: ['sample-resource'],
      exp: expect.any(Number),
      active: true,
    })
    shown.length = 0
    await page.goto(`${b.origin}/main_page.jsp`)
    await heading('sample-b: USER page')
    expect(shown).toEqual([`${b.origin}/main_page.jsp`])
    expect((await page.goto(`${a.origin}/admin_page.jsp`))?.status()).toBe(403)
    await heading('sample-a: 403')
  })

  test('the administrator sees the page of the administrators', async () => {
    await page.goto(`${b.origin}/admin_page.jsp`)
    await signIn('root')
    await heading('sample-b: ADMIN page')
    await page.goto(`${b.origin}/main_page.jsp`)
    await heading('sample-b: USER page')
  })

  test('what is sent as secret goes no further: in no address after it, in no log', async () => {
    await page.goto(`${a.origin}/main_page.jsp`)
    await signIn('alice')
    await heading('sample-a: USER page')
    const hidden = encodeURIComponent(sampleSecret)
    expect(shown.filter((url) => url.includes(hidden) || url.includes('secret='))).toEqual([])
    const logs = readdirSync(server.paths.logs).map((name) =>
      readFileSync(join(server.paths.logs, name), 'utf8'),
    )
    expect(logs.length).toBeGreaterThan(0)
    expect(logs.join()).not.toContain(sampleSecret)
    expect(logs.join()).not.toContain(hidden)
  })

  test('logged out at A: both applications ask to sign in again', async () => {
    for (const [application, isFirst] of [
      [a, true],
      [b, false],
    ] as const) {
      await page.goto(`${application.origin}/main_page.jsp`)
      if (isFirst) await signIn('alice')
      await heading(`${application.clientId}: USER page`)
    }
    await page.goto(`${a.origin}/logout`)
    await heading('Sign in')
    await page.goto(`${b.origin}/main_page.jsp`)
    await heading('Sign in')
  })

  test('a page below the registered address is refused where a client is not allowed it', async () => {
    await page.goto(`${strict.origin}/main_page.jsp`)
    await refused('redirect_uri is not one of those registered for the client')
  })

  test.each([
    ['another host that begins alike', () => `${a.origin}.evil.example/main_page.jsp`],
    ['another port that begins alike', () => `${a.origin}0/main_page.jsp`],
    ['a way up', () => `${a.origin}/x/../main_page.jsp`],
  ])('the comparison by prefix does not take %s', async (_what, uriOf) => {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: a.clientId,
      redirect_uri: uriOf(),
      scope: 'read',
    })
    await page.goto(`${server.url}/oauth/authorize?${query}`)
    await refused('redirect_uri is not one of those registered for the client')
  })

  test('a client that is not known, and a logout to somewhere else: a page that says so', async () => {
    const nobody = 'response_type=code&client_id=nobody&redirect_uri=http://localhost/&scope=read'
    expect((await page.goto(`${server.url}/oauth/authorize?${nobody}`))?.status()).toBe(401)
    await refused('the client is not known')
    await page.goto(`${a.origin}/main_page.jsp`)
    await signIn('alice')
    await heading('sample-a: USER page')
    const token = (await context.cookies(a.origin)).find(({ name }) => name === 'token')!.value
    for (const [query, detail] of [
      [`access_token=${token}&redirect_uri=https://evil.example/`, 'redirect_uri is not one of those'],
      [`access_token=${token}`, 'access_token and redirect_uri are required'],
      [`access_token=unknown&redirect_uri=${a.origin}`, 'access_token is not known'],
    ] as const) {
      await page.goto(`${server.url}/oauth/logout?${query}`)
      await refused(detail)
    }
    await page.goto(`${a.origin}/main_page.jsp`)
    await heading('sample-a: USER page')
  })

  test('/welcome.html behind the login, and /oauth/error', async () => {
    await page.goto(`${server.url}/welcome.html`)
    await signIn('root')
    await heading('You are signed in')
    expect(new URL(page.url()).pathname).toBe('/welcome.html')
    expect(await page.locator('dd').allTextContents()).toEqual(['root', 'USER', 'ADMIN'])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await heading('You are signed out')
    expect((await page.goto(`${server.url}/oauth/error?error=access_denied`))?.status()).toBe(400)
    await refused('access_denied')
  })
})
