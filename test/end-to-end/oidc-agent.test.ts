/** oidc-agent, which keeps tokens for programs on a command line: the device grant. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import type { LoadedPage } from '../../src/admin/loaded-page.ts'
import { fetchTrusting, makeCertificate } from '../support/certificate.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'
import { basic } from '../support/http-routes.ts'
import { isInstalled } from '../support/system-program.ts'
import { pageOf, visit } from '../support/visitor.ts'
import { type Running, start } from '../terminal/child-process.ts'

const programs = ['oidc-agent', 'oidc-gen', 'oidc-token'].map((name) => `/usr/bin/${name}`)
const isThere = isInstalled('oidc-agent', programs)
const folder = await mkdtemp(join(tmpdir(), 'signon-oidc-agent-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
/** oidc-agent calls https addresses only. */
const certificate = isThere ? await makeCertificate(folder) : undefined

const person = { username: 'alice', password: 'correct horse battery staple' }
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
  })
  await registerClient(served.administrator, {
    client_id: 'agent',
    client_secret: 'secret of the agent',
    grant_types: [deviceGrant, 'refresh_token'],
    // oidc-agent asks for it by itself, always.
    scope: `${scope} offline_access`,
  })
  await registerUser(served.administrator, { ...person, authorities: ['USER'] })
  environment = {
    HOME: folder,
    TMPDIR: folder,
    OIDC_SOCK: join(folder, 'agent.sock'),
    OIDC_CONFIG_DIR: join(folder, 'configuration'),
  }
  await mkdir(environment.OIDC_CONFIG_DIR!)
  await writeFile(join(folder, 'password'), 'password of the store\n')
  agent = start('/usr/bin/oidc-agent', ['-d', '--no-webserver', '-a', environment.OIDC_SOCK!], environment)
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
  /** Reads the code that the agent shows, enters it in a browser, approves, and awaits the agent's success. */
  async function confirm(generation: Running): Promise<void> {
    await generation.shows('enter the code: ')
    await generation.shows('QR code')
    const code = /enter the code: (\S+)/.exec(generation.errorOutput())![1]!
    const browser = new FormBrowser(() => false)
    const entry = pageOf(await visit(browser, `${served.issuer}/device`, person))
    const confirmation = (await browser.submit(entry, { user_code: code })) as LoadedPage
    expect((await visit(browser, confirmation, person)).asked).toEqual(['consent'])
    const { code: status, stdout, stderr } = await generation.finished
    const said = `${stdout}${stderr}`
      .split('\n')
      .filter((line) => !line.includes('\x1b'))
      .join('\n')
    expect([status, said]).toEqual([0, expect.stringContaining('Everything setup correctly!')])
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
})
