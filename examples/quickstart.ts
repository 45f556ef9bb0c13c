/**
 * The main job before the reader's eyes: a server on an embedded development chain, a client and a user
 * registered with the administrator's signature, a sign-on through the real pages by a real OAuth client, the
 * life of a token, the anchor of it all, and the proof that nothing is missing.
 */
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as client from 'openid-client'
import { type Administrator, registerClient, registerUser } from '../src/admin/administration.ts'
import { type Connection, connectTo } from '../src/admin/connection.ts'
import { FormBrowser } from '../src/admin/form-browser.ts'
import { administratorKey, createKeys } from '../src/admin/keys.ts'
import { LoadedPage } from '../src/admin/loaded-page.ts'
import { isConfirmed } from '../src/anchor/anchor.ts'
import { listAnchors } from '../src/anchor/anchor-store.ts'
import type { App } from '../src/app.ts'
import { describeEvent } from '../src/audit/describe-event.ts'
import { historyOf } from '../src/audit/history.ts'
import { verifyHistory } from '../src/auditing.ts'
import { writeConfiguration } from '../src/config/configuration-file.ts'
import { type HomePaths, homePaths } from '../src/config/home.ts'
import { type LoadedSettings, loadSettings } from '../src/config/load.ts'
import { packageRoot } from '../src/config/package-root.ts'
import { nodeClient } from '../src/node-client.ts'
import { programVersion } from '../src/operator-command.ts'
import { serve } from '../src/serve.ts'
import { awaitEnding, outliveReaders } from '../src/terminal/ending.ts'
import { monitorScreen } from '../src/terminal/monitor-screen.ts'
import { appearanceOf } from '../src/terminal/output.ts'
import { progressLine } from '../src/terminal/progress.ts'
import { ofRunningServer } from '../src/verifiable-ledger.ts'
import { verificationText } from '../src/verification-text.ts'

const callback = 'http://127.0.0.1:8888/callback'
const isInteractive = process.stdin.isTTY === true && !process.argv.includes('--exit')
const root = packageRoot()

let stepNumber = 0
let stepName = 'set up'
const progress = progressLine(process.stderr, appearanceOf(process.stderr, process.env).interactive)

/** Runs one step and prints its line: number, name, what happened, how long it took. */
async function step<T>(name: string, run: () => Promise<[text: string, value: T]>): Promise<T> {
  stepName = name
  stepNumber++
  const startedMs = performance.now()
  progress.update(`${String(stepNumber).padStart(2)} ${name} ...`)
  const [text, value] = await run()
  progress.clear()
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(
    `${String(stepNumber).padStart(2)} ${name.padEnd(9)} ${text.padEnd(75)} ${seconds.padStart(5)} s`,
  )
  return value
}

const fixture = (name: string): Record<string, unknown>[] =>
  JSON.parse(readFileSync(join(root, 'fixtures', 'quickstart', name), 'utf8'))

/** The wanted port if it is free, else any. */
const freePort = (wanted: number): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(0))
    probe.listen(wanted, '127.0.0.1', () => probe.close(() => resolve(wanted)))
  })

async function prepareHome(): Promise<{ paths: HomePaths; loaded: LoadedSettings; adminWif: string }> {
  const paths = homePaths(join(root, '.quickstart'))
  if (await connectTo(paths.controlSocket).catch(() => undefined))
    throw new Error(`a quickstart is running already in ${paths.home}`)
  if (existsSync(paths.home)) rmSync(paths.home, { recursive: true })
  const [admin, ...serverKeys] = createKeys(3)
  writeConfiguration(
    paths.configurationFile,
    {
      endpoint: 'embedded',
      port: 8080,
      adminAddress: admin!.address,
      privateKeys: serverKeys.map((key) => key.wif),
    },
    { overwrite: false },
  )
  const loaded = loadSettings({
    home: paths.home,
    profile: 'dev',
    flags: {
      'signon.server.port': String(await freePort(8080)),
      'node.port': String(await freePort(3000)),
    },
  })
  return { paths, loaded, adminWif: admin!.wif }
}

/** Position of the last event. */
const lastPosition = async ({ operations }: Connection) => (await operations.status({})).position - 1

async function signOn(
  config: client.Configuration,
): Promise<{ callbackUrl: URL; verifier: string; state: string }> {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: callback,
    scope: 'read write',
    state,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const [alice] = fixture('users.json')
  const browser = new FormBrowser((url) => url.href.startsWith(callback))
  let page = await browser.open(url)
  if (page instanceof LoadedPage)
    page = await browser.submit(page, {
      username: String(alice?.username),
      password: String(alice?.password),
    })
  if (page instanceof LoadedPage) page = await browser.submit(page, { decision: 'approve' })
  if (page instanceof LoadedPage)
    throw new Error(`the pages ended at ${page.url.pathname} with status ${page.status}`)
  return { callbackUrl: page, verifier, state }
}

async function waitForAnchor(connection: Connection, size: number) {
  for (;;) {
    for await (const stored of listAnchors(connection.reader))
      if ('anchor' in stored && isConfirmed(stored.anchor) && stored.anchor.size >= size) return stored.anchor
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function main(): Promise<App> {
  const { paths, loaded, adminWif } = await prepareHome()
  console.log(`coinstack-signon ${programVersion()}   development chain, throw-away keys, home .quickstart`)
  const opening = serve({ loaded, paths, version: programVersion(), environment: {}, now: Date.now })
  opening.catch(() => {})

  const app = await step('node', async () => {
    const opened = await opening
    const { endpoint } = opened.status()
    const { best_height: height } = (await (await fetch(`${endpoint}/blockchain`)).json()) as {
      best_height: number
    }
    return [`development chain at ${endpoint}, height ${height}`, opened]
  })
  const connection = await step('server', async () => {
    const ready = await fetch(`${app.issuer}/health/ready`)
    const opened = await connectTo(paths.controlSocket)
    if (ready.status !== 200 || !opened) throw new Error(`the server answers ${ready.status}`)
    return [`${app.issuer} is serving, ledger position ${app.status().position}`, opened]
  })
  const [clientInput] = fixture('clients.json')
  await step('register', async () => {
    const key = administratorKey(adminWif)
    const administrator: Administrator = { connection, key, now: Date.now }
    const { clientId } = await registerClient(administrator, clientInput)
    const { username } = await registerUser(administrator, fixture('users.json')[0])
    return [`client "${clientId}" and user "${username}", signed by ${key.address.slice(0, 8)}...`, undefined]
  })

  const { clientId, clientSecret } = clientInput as { clientId: string; clientSecret: string }
  const config = await client.discovery(
    new URL(app.issuer),
    clientId,
    undefined,
    client.ClientSecretBasic(clientSecret),
    { algorithm: 'oauth2', execute: [client.allowInsecureRequests] },
  )
  const { callbackUrl, verifier, state } = await step('sign on', async () => [
    'alice logs in, approves read and write; code received',
    await signOn(config),
  ])
  const tokens = await step('token', async () => {
    const answer = await client.authorizationCodeGrant(config, callbackUrl, {
      pkceCodeVerifier: verifier,
      expectedState: state,
    })
    const position = await lastPosition(connection)
    return [
      `${answer.access_token.slice(0, 10)}... and ${answer.refresh_token?.slice(0, 10)}... issued at position ${position}`,
      answer,
    ]
  })
  await step('use', async () => {
    const answer = await fetch(`${app.issuer}/oauth/check_token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
      body: new URLSearchParams({ token: tokens.access_token }),
    })
    const checked = (await answer.json()) as { user_name: string; authorities: string[]; scope: string[] }
    return [
      `check_token: ${checked.user_name}, ${checked.authorities.join(' ')}, ${checked.scope.join(' ')}`,
      undefined,
    ]
  })
  const refreshed = await step('refresh', async () => {
    const answer = await client.refreshTokenGrant(config, tokens.refresh_token!)
    const position = await lastPosition(connection)
    const { active } = await client.tokenIntrospection(config, tokens.refresh_token!)
    if (active) throw new Error('the old refresh token is still active')
    return [`rotated at position ${position}; the old refresh token is inactive`, answer]
  })
  await step('revoke', async () => {
    await client.tokenRevocation(config, refreshed.access_token)
    const position = await lastPosition(connection)
    const { active } = await client.tokenIntrospection(config, refreshed.access_token)
    if (active) throw new Error('the revoked token is still active')
    return [`at position ${position}; introspection says inactive`, undefined]
  })
  await step('anchor', async () => {
    const { size, txid, block } = await waitForAnchor(connection, (await lastPosition(connection)) + 1)
    return [`tree of ${size} events in transaction ${txid.slice(0, 8)}..., block ${block.height}`, undefined]
  })
  const verification = await step('verify', async () => {
    const result = await verifyHistory(await ofRunningServer(connection), {
      chain: nodeClient({
        endpoint: app.status().endpoint,
        timeoutMs: loaded.settings.coinstack.timeoutMs,
        environment: {},
      }),
      paths,
    })
    if (!result.ok) throw new Error(verificationText(result))
    return [verificationText(result).split('\n')[0]!, result]
  })

  console.log(`\n${monitorScreen(app.monitor(), appearanceOf(process.stdout, process.env))}`)
  console.log('\n# History of the token')
  for await (const event of (await historyOf(connection.reader, { token: refreshed.access_token })) ?? [])
    console.log(describeEvent(event))
  console.log(`\n# audit verify\n${verificationText(verification)}`)
  return app
}

function sayWhatNext(app: App): void {
  const home = 'COINSTACK_SIGNON_HOME=.quickstart bin/coinstack-signon'
  console.log(`
The server stays up at ${app.issuer}; log in at ${app.issuer}/login as alice, "correct horse battery staple".
In another terminal:
  ${home} server monitor
  ${home} client check trusted
  ${home} audit verify
Ctrl-C stops it.`)
}

try {
  const app = await main()
  if (isInteractive) {
    sayWhatNext(app)
    const { signal } = awaitEnding(process)
    outliveReaders(process)
    await once(signal, 'abort')
  }
  await app.close()
  process.exit(0)
} catch (error) {
  progress.clear()
  console.error(`step ${stepNumber} (${stepName}) failed: ${(error as Error).message}`)
  process.exit(1)
}
