/** The examples of the commands and the first steps, as the documentation prints them, typed into a shell: each works. */
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { createKeys } from '../../src/admin/keys.ts'
import { issueToken, requestToken } from '../support/oauth-requests.ts'
import {
  type CliResult,
  eventually,
  startServer,
  type TestServer,
  temporaryFolder,
} from '../support/server.ts'
import { freePorts } from '../support/system-program.ts'
import { type Running, start } from '../terminal/child-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** By command, in the order of the reference. */
function printedExamples(): Map<string, string[]> {
  const examples = new Map<string, string[]>()
  const reference = readFileSync(join(root, 'docs', 'cli.md'), 'utf8')
  for (const section of reference.split('\n### ').slice(1)) {
    const [, block] = /\nExamples?:\n\n```\n(.+?)\n```/s.exec(section) ?? []
    if (block !== undefined) examples.set(section.split('\n', 1)[0]!, block.split('\n'))
  }
  return examples
}

/** What is registered, before it is looked at, before it is gone. */
const order = [
  'key create',
  'key witness',
  'key rotate',
  'client create',
  'client invite',
  'client update',
  'client secret',
  'user create',
  'code create',
  'token create',
  'user update',
  'audit at',
  'audit receipt',
  'audit verify-receipt',
  'audit export',
  'audit replay',
  'audit verify',
  'audit witness',
  'ledger seal',
  'ledger retain',
  'ledger backup',
  'user password',
  'user erase',
  'server configure',
  'completion',
]

const callback = 'https://app.example/callback'
const trusted = {
  clientId: 'trusted',
  clientSecret: 'secret of trusted',
  authorizedGrantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
  scopes: ['read', 'write'],
  registeredRedirectUris: [callback],
}
const own = { client_id: 'my-client', grant_types: ['client_credentials'], scope: 'read' }
const alice = { username: 'alice', password: 'correct horse battery staple', authorities: ['USER'] }

const examples = printedExamples()

it('every example is run here', () => {
  expect([...examples.keys()].sort()).toEqual([...order].sort())
})

describe.each(order)('%s', (command) => {
  it.each(examples.get(command) ?? [])('%s', async (example) => {
    const { exitCode, stdout, stderr } = await typed(example)
    expect({ exitCode, stderr: stderr.replace(hints, '') }).toEqual({ exitCode: 0, stderr: '' })
    const expected = outcomes[command]
    if (expected) expect(stdout).toMatch(expected)
  })
})

/** Said beside the result, and expected. */
const hints =
  /^to be checked with: audit verify-receipt .*\n|^without anchor: .*\n|^key trusted on first use: .*\ncompare it with what the operator says\n|^(Coinstack node endpoint|Server port|Administrator's address|Number of private keys|Process to generate).*\n/gm

const outcomes: Record<string, RegExp> = {
  'key create': /^(\w{52}( 1\w+)?\n)+$/,
  'key rotate': /ES256/,
  'client create':
    /^Client created: trusted\nClient created: my-client\nClient secret \(shown once\): \S+\n$/,
  'client invite': /^Invitation (issued|withdrawn): /,
  'client update': /^Client updated: my-client\n$/,
  'client secret': /^Client secret \(shown once\): \S{43}\nThe former secret counts until 20/,
  'user create': /^User created: alice\n$/,
  'code create': /^cs_ac_/,
  'token create': /^Value +cs_at_/m,
  'user update': /^User updated: alice\n$/,
  'audit verify-receipt': /client my-client/,
  'audit verify': /nothing missing, nothing altered|"ok": true/,
  'audit witness': /first seen with|nothing new|which begin with|"outcome"/,
  'ledger seal': /^Sealed: /,
  'ledger retain': /^Would drop: 0 records|"payloads": 0/,
  'ledger backup': /^Backup written: /,
  'user password': /^Password changed: alice\n$/,
  'user erase': /^User erased: /,
  'server configure': /^Configuration file: .*\nServer address: 1/m,
}

describe.each(['README.md', 'docs/operating.md'])('%s: from nothing to a running server', (file) => {
  it('as it stands there', async () => {
    const text = readFileSync(join(root, file), 'utf8')
    const blocks = [...text.matchAll(/```\n(.*?)```/gs)].map(([, block = '']) => block)
    const [block, ...others] = blocks.filter((commands) => commands.includes('key create --address'))
    expect(others).toEqual([])
    const [port] = (await freePorts(1)) as [number]
    const commands = block!.replace('npm run build\n', '').replaceAll('8080', String(port))
    const place = temporaryFolder()
    for (const name of ['bin', 'fixtures']) symlinkSync(join(root, name), join(place, name))
    const environment = {
      PATH: process.env.PATH ?? '',
      HOME: place,
      COINSTACK_SIGNON_HOME: join(place, 'home'),
      NODE_PORT: '0',
    }
    const run = (lines: string) => finished(start('sh', ['-ec', `cd '${place}'\n${lines}`], environment))
    const { exitCode, stdout, stderr } = await run(commands)
    await run('bin/coinstack-signon server stop')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toContain('\nServer started\nClient created: trusted\nUser created: alice\n')
    expect(statSync(join(place, 'admin.key')).mode & 0o777).toBe(0o600)
  })
})

const settings = { SIGNON_REGISTRATION_MODE: 'open', SIGNON_LEDGER_KEEP_PAYLOADS: '31536000' }
let server: TestServer
let folder: string
let subject = ''

beforeAll(async () => {
  server = await startServer({ environment: settings })
  folder = temporaryFolder()
  const files: Record<string, string> = {
    'admin.key': server.administrator.wif,
    'clients.json': JSON.stringify([trusted, own]),
    'client.json': JSON.stringify({ ...own, scope: 'read write' }),
    'users.json': JSON.stringify([alice]),
    'alice.txt': `${alice.password}\n`,
    'new.txt': 'another horse battery staple\n',
    'secret.txt': `${trusted.clientSecret}\n`,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
})

/** Runs a command line in the folder of the files that it names. */
function shell(line: string): Running {
  return start('bash', ['-c', `cd '${folder}' && ${line}`], {
    PATH: [join(root, 'bin'), process.env.PATH].join(delimiter),
    HOME: server.home,
    COINSTACK_SIGNON_HOME: server.home,
    SIGNON_SERVER_PORT: '0',
    NODE_PORT: '0',
    ...settings,
  })
}

async function finished(child: Running, input?: string): Promise<CliResult> {
  if (input !== undefined) child.write(input)
  child.endInput()
  const { code, stdout, stderr } = await child.finished
  return { exitCode: code, stdout, stderr }
}

/** An example with what stands for something of this server put in its place, and what it presupposes done. */
async function typed(example: string): Promise<CliResult> {
  let line = example
    .replaceAll(/http:\/\/localhost:8080|https:\/\/signon\.example/g, server.url)
    .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/, new Date().toISOString())
    .replace('/backup/', `${folder}/`)
    .replace('1BoatSLRHtKNngkdXEeobR76b53LETtpyT', server.serverKeys[0]!.address)
    .replace('1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix', createKeys(1)[0]!.address)
    .replace('--subject 1Bqqq0uQ0mGmQPmZtzJk7A', `--subject ${subject}`)
  if (line.includes('cs_ac_...')) line = line.replace('cs_ac_...', await newCode())
  if (line.includes('cs_at_...'))
    line = line.replace('cs_at_...', (await issueToken(server.url, trusted)).access_token)
  if (/audit (receipt --position|export)/.test(line)) await anchorThousand()
  if (line.includes('checkpoint-of-last-year'))
    writeFileSync(join(folder, 'checkpoint-of-last-year'), await checkpoint())
  if (line.startsWith('coinstack-signon user erase')) subject ||= await subjectOf(alice.username)
  if (/server configure/.test(line)) {
    const home = `COINSTACK_SIGNON_HOME='${temporaryFolder()}/home'`
    return finished(shell(`${home} ${line}`), `\n\n${createKeys(1)[0]!.address}\n\ny\n`)
  }
  if (!/audit witness (?!.*--once)/.test(line)) return finished(shell(line))
  // It goes on until it is told to end, itself and not the shell.
  const child = shell(`exec ${line}`)
  await child.shows('first seen with')
  child.kill('SIGINT')
  return finished(child)
}

async function newCode(): Promise<string> {
  const words = ['code', 'create', '--client', 'trusted', '--user', 'alice', '--endpoint', server.url]
  const { stdout } = await server.cli(words, { input: `${alice.password}\n` })
  return stdout.trim()
}

/** The examples take numbers from a ledger of more than a thousand events, and receipts are of anchored ones. */
async function anchorThousand(): Promise<void> {
  const status = async () => (await server.connect())!.operations.monitor({})
  const form = { grant_type: 'client_credentials' }
  while ((await status()).ledger.position < 1010)
    await Promise.all(Array.from({ length: 64 }, () => requestToken(server.url, form, trusted)))
  await eventually('the events are anchored', async () => {
    const { ledger, anchors } = await status()
    return ledger.position - anchors.lagEvents >= 1000
  })
}

const checkpoint = () =>
  eventually('a checkpoint', async () => {
    const answer = await fetch(`${server.url}/ledger/checkpoint`)
    return answer.ok && (await answer.text())
  })

async function subjectOf(username: string): Promise<string> {
  const user = await (await server.connect())!.operations.user({ username })
  return user!.subject
}
