/** oidc-agent, which keeps tokens for programs on a command line: device grant, dynamic registration and code flow. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { invite } from '../../src/admin/clients.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import type { LoadedPage } from '../../src/admin/loaded-page.ts'
import type { ClientMetadata } from '../../src/oauth/client-metadata.ts'
import { launchBrowser } from '../support/browser.ts'
import { fetchTrusting, makeCertificate } from '../support/certificate.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'
import { basic } from '../support/http-routes.ts'
import { freePorts, isInstalled } from '../support/system-program.ts'
import { pageOf, person, redirectOf, registeredPerson, visit } from '../support/visitor.ts'
import { type Running, start } from '../terminal/child-process.ts'

const programs = ['oidc-agent', 'oidc-gen', 'oidc-token'].map((name) => `/usr/bin/${name}`)
const isThere = isInstalled('oidc-agent', programs)
const folder = await mkdtemp(join(tmpdir(), 'signon-oidc-agent-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
/** oidc-agent calls https addresses only. */
const certificate = isThere ? await makeCertificate(folder) : undefined
const browser = certificate ? await launchBrowser() : undefined
afterAll(() => browser?.close())

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const scope = 'openid profile read'

let served: HttpApp
let agent: Running
let environment: Record<string, string>

beforeAll(async () => {
  if (!certificate) return
  served = await openHttpApp({
    SIGNON_SERVER_TLS_CERTIFICATE: certificate.certificateFile,
    SIGNON_SERVER_TLS_PRIVATEKEY: certificate.privateKeyFile,
    SIGNON_REGISTRATION_MODE: 'token',
  })
  await registerClient(served.administrator, {
    client_id: 'agent',
    client_secret: 'secret of the agent',
    grant_types: [deviceGrant, 'refresh_token'],
    // oidc-agent asks for it by itself, always.
    scope: `${scope} offline_access`,
  })
  await registerUser(served.administrator, registeredPerson)
  environment = {
    HOME: folder,
    TMPDIR: folder,
    OIDC_SOCK: join(folder, 'agent.sock'),
    OIDC_CONFIG_DIR: join(folder, 'configuration'),
  }
  await mkdir(environment.OIDC_CONFIG_DIR!)
  await writeFile(join(folder, 'password'), 'password of the store\n')
  agent = start('/usr/bin/oidc-agent', ['-d', '-a', environment.OIDC_SOCK!], environment)
  for (let tries = 0; !existsSync(environment.OIDC_SOCK!); tries++) {
    if (tries > 500) throw new Error('oidc-agent does not listen')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})
afterAll(async () => {
  agent?.kill('SIGTERM')
  await agent?.finished
  await served?.close()
})
afterEach(() => vi.unstubAllGlobals())

const generate = (name: string, ...words: string[]) =>
  start(
    '/usr/bin/oidc-gen',
    [
      ...[name, '--iss', served.issuer, '--scope', scope, '--cp', certificate!.caFile],
      ...['--pw-file', join(folder, 'password'), '--prompt=none', ...words],
    ],
    environment,
  )

describe.skipIf(!certificate)('oidc-agent', () => {
  async function succeeds(generation: Running, words = 'Everything setup correctly!'): Promise<void> {
    const { code: status, stdout, stderr } = await generation.finished
    const said = `${stdout}${stderr}`
      .split('\n')
      .filter((line) => !line.includes('\x1b'))
      .join('\n')
    expect([status, said]).toEqual([0, expect.stringContaining(words)])
  }

  /** Reads the code that the agent shows, enters it in a browser, approves, and awaits the agent's success. */
  async function confirm(generation: Running): Promise<void> {
    await generation.shows('enter the code: ')
    await generation.shows('QR code')
    const code = /enter the code: (\S+)/.exec(generation.errorOutput())![1]!
    const browser = new FormBrowser(() => false)
    const entry = pageOf(await visit(browser, `${served.issuer}/device`, person))
    const confirmation = (await browser.submit(entry, { user_code: code })) as LoadedPage
    expect((await visit(browser, confirmation, person)).asked).toEqual(['consent'])
    await succeeds(generation)
  }

  async function newToken(name: string): Promise<string> {
    const { stdout, stderr } = await start('/usr/bin/oidc-token', ['-f', name], environment).finished
    expect(stderr).toBe('')
    return stdout.trim()
  }

  async function introspected(token: string): Promise<object> {
    const answer = await fetch(`${served.issuer}/oauth/introspect`, {
      method: 'POST',
      headers: basic('agent', 'secret of the agent'),
      body: new URLSearchParams({ token }),
    })
    return (await answer.json()) as object
  }

  test('device grant: the agent shows a code, and gives tokens from then on', async () => {
    vi.stubGlobal('fetch', fetchTrusting(certificate!))
    const client = ['--client-id', 'agent', '--client-secret', 'secret of the agent']
    await confirm(generate('station', '--flow=device', ...client))
    const token = await newToken('station')
    expect(await introspected(token)).toMatchObject({ active: true, username: 'alice', client_id: 'agent' })
  })

  /** Where it wants the browser to go. */
  async function shownUrl(generation: Running): Promise<URL> {
    await generation.shows('URL in a Browser of your choice')
    await generation.shows('code_challenge=')
    return new URL(/https:\S+\/oauth\/authorize\S+/.exec(generation.errorOutput())![0])
  }

  async function initialToken(): Promise<string> {
    const terms = {
      scopes: [...scope.split(' '), 'offline_access'],
      grantTypes: ['authorization_code', 'refresh_token'],
      uses: 1,
      expiresAtSeconds: null,
    }
    return (await invite(served.administrator, terms, false)).token!
  }

  const registered = async (url: URL): Promise<ClientMetadata> => {
    const clientId = url.searchParams.get('client_id')!
    return (await served.administrator.connection.operations.client({ clientId }))!.metadata
  }

  /** Each token replaces the one before; the agent that forgets its client revokes what it had. */
  async function givesTokens(name: string, clientId: string): Promise<void> {
    vi.stubGlobal('fetch', fetchTrusting(certificate!))
    const tokens = [await newToken(name), await newToken(name)] as const
    expect(await introspected(tokens[0])).toEqual({ active: false })
    expect(await introspected(tokens[1])).toMatchObject({
      active: true,
      username: 'alice',
      client_id: clientId,
    })
    const forget = [name, '-d', '--confirm-yes', '--pw-file', join(folder, 'password')]
    expect(await start('/usr/bin/oidc-gen', forget, environment).finished).toMatchObject({ code: 0 })
    expect(await introspected(tokens[1])).toEqual({ active: false })
  }

  test.skipIf(!browser)('registers itself, and hears of the code on a port of its own', async () => {
    const [port] = (await freePorts(1)) as [number]
    const words = ['--flow=code', '--at', await initialToken(), '--no-url-call', '--port', String(port)]
    const generation = generate('laptop', ...words)
    const url = await shownUrl(generation)
    expect(await registered(url)).toMatchObject({
      name: expect.stringContaining('oidc-agent:laptop'),
      applicationType: 'native',
      redirectUris: [`http://localhost:${port}`],
      grantTypes: ['refresh_token', 'authorization_code'],
    })
    const context = await (browser as Browser).newContext({ ignoreHTTPSErrors: true })
    context.setDefaultTimeout(15_000)
    const page = await context.newPage()
    await page.goto(url.href)
    await page.getByLabel('Username').fill(person.username)
    await page.getByLabel('Password').fill(person.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.waitForURL(`http://localhost:${port}/**`)
    await succeeds(generation)
    await context.close()
    await givesTokens('laptop', url.searchParams.get('client_id')!)
  })

  test('registers itself for more than is open to it, and hears of the code by its own scheme', async () => {
    const flows = ['--flow=code', '--flow=device']
    const words = [...flows, '--at', await initialToken(), '--no-url-call', '--no-webserver']
    const generation = generate('console', ...words)
    const url = await shownUrl(generation)
    const { applicationType, redirectUris, grantTypes } = await registered(url)
    expect([applicationType, grantTypes]).toEqual(['native', ['refresh_token', 'authorization_code']])
    expect(redirectUris.filter((uri) => !uri.startsWith('http://localhost:'))).toEqual([
      'edu.kit.data.oidc-agent:/redirect',
    ])
    vi.stubGlobal('fetch', fetchTrusting(certificate!))
    const callback = redirectOf(
      await visit(new FormBrowser((at) => at.protocol === 'edu.kit.data.oidc-agent:'), url, person),
    )
    const exchange = ['--codeExchange', callback.href, '--pw-file', join(folder, 'password')]
    await succeeds(start('/usr/bin/oidc-gen', exchange, environment), 'successfully added to oidc-agent')
    await givesTokens('console', url.searchParams.get('client_id')!)
  })
})
