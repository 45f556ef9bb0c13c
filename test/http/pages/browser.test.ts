import fastify, { type FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { stylesheet, stylesheetPath } from '../../../src/http/pages/stylesheet.ts'
import { launchBrowser } from '../../support/browser.ts'
import { samplePages } from './samples.ts'

const policy =
  "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

interface Posted {
  readonly path: string
  readonly origin: string | undefined
  readonly fields: readonly (readonly [string, string])[]
}

const browser = await launchBrowser()

describe.skipIf(browser === undefined)('in a browser without JavaScript', () => {
  let app: FastifyInstance
  let base: string
  let page: Page
  let posted: Posted[]
  let complaints: string[]
  let requested: string[]
  let say = (text: string) => text

  beforeAll(async () => {
    app = fastify({ forceCloseConnections: true })
    app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string' },
      (_request, body, done) => {
        done(null, [...new URLSearchParams(String(body))])
      },
    )
    app.addHook('onSend', async (_request, reply) => {
      reply.header('content-security-policy', policy).header('referrer-policy', 'no-referrer')
    })
    app.get(stylesheetPath, (_request, reply) => reply.type('text/css').send(stylesheet))
    app.get<{ Params: { language: 'en' | 'ko'; name: string } }>('/:language/:name', (request, reply) => {
      reply.type('text/html').send(samplePages(request.params.language, say)[request.params.name])
    })
    app.post('/*', (request, reply) => {
      const fields = request.body as Posted['fields']
      posted.push({ path: request.url, origin: request.headers.origin, fields })
      reply.type('text/plain').send('received')
    })
    base = await app.listen({ host: '127.0.0.1', port: 0 })
  })

  afterAll(async () => {
    await browser?.close()
    await app.close()
  })

  beforeEach(async () => {
    posted = []
    complaints = []
    requested = []
    say = (text) => text
    const context = await browser!.newContext({
      javaScriptEnabled: false,
      viewport: { width: 320, height: 640 },
    })
    context.setDefaultTimeout(10_000)
    page = await context.newPage()
    page.on('console', (message) => complaints.push(message.text()))
    page.on('request', (request) => requested.push(new URL(request.url()).pathname))
    return () => context.close()
  })

  test('login: type, press Enter', async () => {
    await page.goto(`${base}/en/login`)
    await page.locator('#username:focus').waitFor()
    await page.keyboard.type('alice')
    await page.getByLabel('Password').fill('p<&>"=+ 한글')
    await page.keyboard.press('Enter')
    await page.getByText('received').waitFor()
    expect(posted).toEqual([
      {
        path: '/login',
        origin: base,
        fields: [
          ['_csrf', 'csrfToken'],
          ['continue', '/oauth/authorize?client_id=bank'],
          ['username', 'alice'],
          ['password', 'p<&>"=+ 한글'],
        ],
      },
    ])
  })

  test('login after a wrong password: the name is kept, the password has the focus and is described', async () => {
    await page.goto(`${base}/en/failedLogin`)
    await page.locator('#password:focus').waitFor()
    await page.keyboard.type('again')
    expect(await page.getByLabel('Username').inputValue()).toBe('alice')
    expect(await page.getByLabel('Password').inputValue()).toBe('again')
    expect(await page.getByRole('alert').textContent()).toContain('not right')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('received').waitFor()
    expect(new Map(posted[0]?.fields).get('username')).toBe('alice')
  })

  test('consent: fewer scopes, Enter approves', async () => {
    await page.goto(`${base}/en/consent`)
    await page.getByRole('group', { name: 'It would be allowed to' }).waitFor()
    await page.getByRole('checkbox', { name: 'Change your data' }).uncheck()
    await page.getByRole('checkbox', { name: 'loans' }).focus()
    await page.keyboard.press('Enter')
    await page.getByText('received').waitFor()
    expect(posted[0]?.path).toBe('/oauth/confirm_access')
    expect(posted[0]?.fields).toEqual([
      ['request', 'r1'],
      ['_csrf', 'csrfToken'],
      ['scope', 'read'],
      ['scope', 'loans'],
      ['decision', 'approve'],
    ])
  })

  test('consent in Korean: deny', async () => {
    await page.goto(`${base}/ko/consent`)
    await page.getByRole('button', { name: '거부' }).click()
    await page.getByText('received').waitFor()
    expect(posted[0]?.fields).toContainEqual(['decision', 'deny'])
    expect(posted[0]?.fields).not.toContainEqual(['decision', 'approve'])
  })

  test('welcome: sign out', async () => {
    await page.goto(`${base}/ko/welcome`)
    await page.getByRole('button', { name: '로그아웃' }).click()
    await page.getByText('received').waitFor()
    expect(posted).toMatchObject([{ path: '/oauth/logout', fields: [['_csrf', 'csrfToken']] }])
  })

  test.each(['en', 'ko'] as const)(
    'every page keeps to the policy and to 320 px, even with long names: %s',
    async (language) => {
      say = (text) => `${text}${'abcdefghij'.repeat(20)}`
      for (const name of Object.keys(samplePages(language, say))) {
        await page.goto(`${base}/${language}/${name}`)
        expect(await page.evaluate('document.documentElement.scrollWidth'), name).toBe(320)
        const font = await page.evaluate('getComputedStyle(document.body).fontFamily')
        expect(font, 'the stylesheet is in force').toContain('Malgun Gothic')
      }
      expect(complaints).toEqual([])
      expect(
        requested.filter((path) => path !== stylesheetPath && !path.startsWith(`/${language}/`)),
      ).toEqual([])
    },
  )

  test('hostile names stay text', async () => {
    const hostile = '"><img src="/stolen" onerror="alert(1)"><script>alert(1)</script>'
    say = () => hostile
    await page.goto(`${base}/en/consent`)
    expect(await page.locator('img, script').count()).toBe(0)
    expect(await page.locator('h1 + p bdi').textContent()).toBe(hostile)
    expect(requested).toHaveLength(2)
  })
})
