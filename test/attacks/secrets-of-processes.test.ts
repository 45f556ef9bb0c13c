/**
 * Secrets that were given by a file or by standard input are in no command line and no environment (CWE-214), what a
 * process leaves behind holds none, and a changed password's hash is gone from the files.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { filesHolding } from '../support/ledger.ts'
import { registerSample, sampleClient, sampleUser, signOn } from '../support/oauth-requests.ts'
import { eventually, startServer, type TestServer, temporaryFolder } from '../support/server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const own = {
  clientId: 'own',
  clientSecret: 'secret-0f-the-client-44',
  authorizedGrantTypes: ['client_credentials'],
  scopes: ['read'],
}

let server: TestServer
let key: string[]
beforeAll(async () => {
  server = await startServer()
  key = ['--privatekey-file', server.adminKeyFile]
  await registerSample(server)
  await server.cli(['client', 'create', ...key], { input: JSON.stringify(own) })
})

/** Command line and environment of every process of the home. */
const shownByProc = (): string[] =>
  readdirSync('/proc').flatMap((name) => {
    try {
      if (!/^\d+$/.test(name)) return []
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1')
      return environment.includes(`COINSTACK_SIGNON_HOME=${server.home}`)
        ? [`${readFileSync(`/proc/${name}/cmdline`, 'latin1')} ${environment}`]
        : []
    } catch {
      return []
    }
  })

/** Without that, a receipt of what has just happened is refused. */
async function isAllSigned(): Promise<boolean> {
  const { position } = await (await server.connect())!.operations.status({})
  const answer = await fetch(`${server.url}/ledger/checkpoint`)
  return answer.ok && Number((await answer.text()).split('\n')[1]) >= position
}

describe.skipIf(!existsSync('/proc/self/environ'))('what ps shows', () => {
  const redirect = ['--redirect', sampleClient.registeredRedirectUris[0]!]

  /** What is typed, and the secret that comes by standard input; `token` is a live one. */
  const commands: [string, words: () => string[], input: (token: string) => string, secret?: string][] = [
    ['client list', () => ['--privatekey-file', '-'], () => server.administrator.wif],
    [
      'client create',
      () => key,
      () => JSON.stringify({ ...own, clientId: 'another', clientSecret: 'secret-0f-another-11' }),
      'secret-0f-another-11',
    ],
    [
      'user create',
      () => key,
      () => JSON.stringify({ username: 'bob', password: 'pass-0f-bob-22', authorities: [] }),
      'pass-0f-bob-22',
    ],
    ['user password', () => [...key, 'bob'], () => 'new-pass-0f-bob-33'],
    [
      'code create',
      () => ['--user', 'alice', '--client', 'trusted', ...redirect, '--endpoint', server.url],
      () => sampleUser.password,
    ],
    [
      'token create',
      () => [
        '--type',
        'credentials',
        '--secret-file',
        '-',
        '--client',
        own.clientId,
        '--endpoint',
        server.url,
      ],
      () => own.clientSecret,
    ],
    ['token check', () => ['-'], (token) => token],
    ['audit history', () => ['-'], (token) => token],
    ['audit receipt', () => ['--unanchored', '-'], (token) => token],
    ['token remove', () => [...key, '-'], (token) => token],
  ]

  test.each(commands)('%s', async (name, words, input, secret) => {
    const { access_token: token } = await signOn(server.url)
    if (name === 'audit receipt') await eventually('all that happened is signed', isAllSigned)
    const given = input(token)
    const child = server.run([...name.split(' '), ...words()])
    const shown = new Set<string>()
    await eventually('the command is seen', () => {
      for (const text of shownByProc()) shown.add(text)
      return [...shown].some((text) => text.includes(`\0${name.replace(' ', '\0')}\0`))
    })
    child.write(`${given}\n`)
    child.endInput()
    let isOver = false
    const finished = child.finished.finally(() => {
      isOver = true
    })
    while (!isOver) {
      for (const text of shownByProc()) shown.add(text)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(await finished).toMatchObject({ code: 0 })
    for (const hidden of [secret ?? given, server.administrator.wif, server.serverKeys[0]!.wif, token])
      for (const text of shown) expect(text).not.toContain(hidden)
  })

  test('token refresh', async () => {
    const { refresh_token: token = '' } = await signOn(server.url)
    const result = await server.cli(['token', 'refresh', ...key, '-'], { input: `${token}\n` })
    expect(result).toMatchObject({ exitCode: 0, stderr: '' })
    const both = ['token', 'refresh', '--privatekey-file', '-', '-']
    expect(await server.cli(both, { input: token })).toMatchObject({ exitCode: 1, stdout: '' })
  })
})

test('an argument that is left out is not taken from standard input', async () => {
  const { stderr, stdout, exitCode } = await server.cli(['audit', 'history', '--user', 'alice'], {
    input: 'what stands in a loop over names\n',
  })
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
  expect(stdout).toContain('user')
  const unnamed = await server.cli(['client', 'remove', ...key], { input: 'trusted\n' })
  expect(unnamed).toMatchObject({ exitCode: 2, stdout: '' })
})

test('a changed password: the hash of the former one is in no file', async () => {
  const create = await server.cli(['user', 'create', ...key], {
    input: JSON.stringify({ username: 'carol', password: 'the former one', authorities: [] }),
  })
  expect(create.exitCode).toBe(0)
  const hashOf = async () => {
    const { stdout } = await server.cli(['user', 'check', 'carol', '--json'])
    // Salt and digest, which are random and stand in a file as they are.
    return (JSON.parse(stdout) as { Password: string }).Password.split('$').slice(-2)
  }
  const holding = (text: string) => filesHolding(server.home, text)
  const former = await hashOf()
  for (const text of former) expect(holding(text)).not.toEqual([])
  // Fills tables between the two, as the days would.
  for (let count = 0; count < 20; count++) await signOn(server.url)
  const changed = await server.cli(['user', 'password', ...key, 'carol'], { input: 'the next one\n' })
  expect(changed).toMatchObject({ exitCode: 0 })
  for (const text of former) expect(holding(text)).toEqual([])
  for (const text of await hashOf()) expect(holding(text)).not.toEqual([])
})

test('no diagnostic report is written, whatever the options of Node say', async () => {
  const folder = join(temporaryFolder(), 'reports')
  mkdirSync(folder)
  const options = ['on-signal', 'on-fatalerror', 'uncaught-exception', `directory=${folder}`]
  const NODE_OPTIONS = options.map((option) => `--report-${option}`).join(' ')
  const reporting = await startServer({ environment: { NODE_OPTIONS } })
  reporting.kill('SIGUSR2')
  // Its default: the end.
  expect(await reporting.finished).toMatchObject({ signal: 'SIGUSR2' })
  expect(readdirSync(folder)).toEqual([])
})

test('no example of the documentation puts a secret on the command line', () => {
  const files = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))]
  const lines = files.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/```[a-z]*\n(.*?)```|^(?: {4}\S.*\n)+/gms)]
      .flatMap(([block]) => block.split('\n'))
      .filter((line) => /coinstack-signon |curl /.test(line))
      // Of the usage lines, which name every flag.
      .filter((line) => !/\[--\w/.test(line)),
  )
  expect(lines.length).toBeGreaterThan(40)
  const revealing = /--(privatekey|password|secret)[ =]|(-u|--user) \S+:\S|Bearer |client_secret=|password=/
  expect(lines.filter((line) => revealing.test(line))).toEqual([])
})
