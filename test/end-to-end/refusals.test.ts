/** Bad input: one clear line on standard error, nothing on standard output, an exit code, and nothing done. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeConfiguredHome } from '../support/server.ts'

describe('bad input gets one line and changes nothing', () => {
  const home = makeConfiguredHome()
  const badKeyFile = join(home.home, 'bad.key')
  const hugeFile = join(home.home, 'huge.json')
  const key = ['--privatekey-file', home.adminKeyFile]

  beforeAll(() => {
    writeFileSync(badKeyFile, 'no key at all')
    writeFileSync(hugeFile, `{"clientId":"${'c'.repeat(64 * 1024 * 1024)}`)
  })

  interface Refusal {
    words: string[]
    input?: string
    says: string | RegExp
    exitCode?: number
  }

  const refusals: Refusal[] = [
    { words: ['nonsense'], says: 'there is no command "nonsense"; see: coinstack-signon help', exitCode: 2 },
    { words: ['server', 'nonsense'], says: /^there is no command "server nonsense"/, exitCode: 2 },
    {
      words: ['server', 'start', '--nonsense'],
      says: 'nonexistent flag: --nonsense (see --help)',
      exitCode: 2,
    },
    {
      words: ['server', 'start', '--profile', 'dev', 'extra'],
      says: 'unexpected argument: extra (see --help)',
      exitCode: 2,
    },
    {
      words: ['server', 'check', '--log', 'loud'],
      says: 'expected --log=loud to be one of: error, warn, info, debug, trace (see --help)',
      exitCode: 2,
    },
    {
      words: ['server', 'run', '--profile', 'nonsense'],
      says: /^profile "nonsense": is not in .+; there are dev, production, test$/,
    },
    {
      words: ['server', 'monitor', '--interval', '0'],
      says: /^parsing --interval .+ greater than or equal to 1 but received: 0/,
      exitCode: 2,
    },
    { words: ['server', 'configure', '--batch'], says: /^ADMIN_ADDRESS is missing; expected a P2PKH/ },
    {
      words: ['key', 'create', '-n', 'many'],
      says: /^parsing --number .+ integer but received: many/,
      exitCode: 2,
    },
    { words: ['client', 'check'], says: /^missing 1 required arg: id /, exitCode: 2 },
    { words: ['client', 'create'], input: '{}', says: /^the private key is missing: give --privatekey-file/ },
    {
      words: ['client', 'create', '--privatekey-file', '/nonexistent', '--file', '/nonexistent'],
      says: '/nonexistent cannot be read (ENOENT)',
    },
    {
      words: ['client', 'create', '--privatekey-file', badKeyFile],
      input: '{"clientId":"c"}',
      says: /^the private key has 2 characters: expected a Bitcoin mainnet key/,
    },
    {
      words: ['client', 'create', '--privatekey-file', '-'],
      input: '{}',
      says: 'standard input cannot hold both the private key and the other input: name a file for one',
    },
    {
      words: ['client', 'create', ...key],
      input: '{"clientId": "c"',
      says: 'standard input: a JSON object or array is expected',
    },
    { words: ['client', 'create', ...key], input: '', says: /^standard input: a JSON object or array/ },
    { words: ['client', 'create', ...key], input: 'null', says: 'client: an object is expected' },
    { words: ['client', 'create', ...key], input: '{}', says: 'clientId: is required' },
    {
      words: ['client', 'create', ...key],
      input: '{"clientId":"twenty-one-characters"}',
      says: /^clientId: 1 to 20 printable/,
    },
    {
      words: ['client', 'create', ...key],
      input: '{"clientId":"c","secret":"s"}',
      says: /^secret: is not a member of a client \(clientId, /,
    },
    {
      words: ['client', 'create', ...key],
      input: '{"client_id":"c","redirect_uris":["not a uri"]}',
      says: /^redirect_uris: "not a uri" must be an absolute URI/,
    },
    {
      words: ['client', 'create', ...key],
      input: `${'['.repeat(100_000)}`,
      says: 'standard input: a JSON object or array is expected',
    },
    {
      words: ['client', 'create', ...key],
      input: `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
      says: /^client: /,
    },
    { words: ['client', 'create', ...key], input: '{"__proto__":{"clientId":"c"}}', says: /^__proto__: / },
    {
      words: ['client', 'create', ...key],
      input: '{"constructor":{}}',
      says: /^constructor: is not a member/,
    },
    { words: ['client', 'create', ...key], input: '\ufffd\u0000\u001b[2J', says: /^standard input: a JSON/ },
    { words: ['client', 'check', '__proto__'], says: 'The client not found.' },
    { words: ['user', 'create', ...key], input: '{"__proto__":{"username":"u"}}', says: /^__proto__: / },
    { words: ['user', 'check', 'constructor'], says: 'The user not found.' },
    { words: ['token', 'check', '__proto__'], says: 'The token not found.' },
    {
      words: ['client', 'create', ...key, '--file', hugeFile],
      says: /^.*huge\.json: .+/,
    },
    { words: ['client', 'check', 'nobody'], says: 'The client not found.' },
    { words: ['client', 'check', 'nobody', '--json'], says: 'The client not found.' },
    { words: ['client', 'list', '--privatekey', 'nonsense'], says: /^the private key has 8 characters: / },
    { words: ['client', 'remove', ...key, 'nobody'], says: 'The client not found.' },
    { words: ['user', 'create', ...key], input: '{"username":"u"}', says: /^password: text of 1 to 1024/ },
    { words: ['user', 'create', ...key], input: '[1]', says: 'user: an object is expected' },
    { words: ['user', 'check', 'nobody'], says: 'The user not found.' },
    { words: ['user', 'remove', ...key, 'nobody'], says: 'The user not found.' },
    { words: ['token', 'check', 'cs_at_unknown'], says: 'The token not found.' },
    { words: ['token', 'remove', ...key, 'no token'], says: 'The token not found.' },
    {
      words: ['token', 'check', '--endpoint', 'http://127.0.0.1:1', 'x'],
      says: /must be provided when using --endpoint: --client/,
      exitCode: 2,
    },
    {
      words: ['token', 'check', '--endpoint', 'http://127.0.0.1:1', '--client', 'c', 'x'],
      says: '--endpoint needs --secret-file',
    },
    {
      words: ['coin', 'recharge', ...key, 'much'],
      says: 'much: an amount of coins is expected, such as 1 or 0.25',
    },
    { words: ['coin', 'recharge', ...key, '0'], says: /^0: an amount of coins is expected/ },
    { words: ['audit', 'history'], says: /^one of TOKEN, --user, .+ is expected$/ },
    { words: ['audit', 'history', 'cs_at_unknown'], says: 'The token not found.' },
    { words: ['audit', 'history', '--user', 'nobody'], says: 'The user not found.' },
    { words: ['audit', 'history', '--client', 'nobody'], says: 'The client not found.' },
    {
      words: ['audit', 'verify', '--offline', '--node', 'http://127.0.0.1:1'],
      says: /--offline/,
      exitCode: 2,
    },
  ]

  const named = refusals.map((refusal): [string, Refusal] => [
    refusal.words.join(' ').replaceAll(home.home, '.'),
    refusal,
  ])

  it.each(named)('%s', async (_name, { words, input, says, exitCode = 1 }) => {
    const result = await home.cli(words, input === undefined ? {} : { input })
    const [line = '', ...more] = result.stderr.split('\n')
    expect({ ...result, stderr: more }).toEqual({ exitCode, stdout: '', stderr: [''] })
    if (typeof says === 'string') expect(line).toBe(says)
    else expect(line).toMatch(says)
  })

  it('no client and no user came of it', async () => {
    expect(await home.cli(['client', 'list'])).toMatchObject({
      exitCode: 0,
      stdout: 'Client ID  Description\n',
    })
  })
})

describe('unknown and wrong settings: nothing starts', () => {
  const home = makeConfiguredHome()
  const { configurationFile } = home.paths
  const { administrator, serverKeys } = home

  const configuration = (lines: string) =>
    `signon:\n  admin:\n    address: ${administrator.address}\n  server:\n    privatekeys: ${serverKeys[0]!.wif}\n${lines}`

  const faults: [what: string, file: string, says: string][] = [
    [
      'an unknown key is named with file and line, and the one that was meant',
      configuration('coinstack.endpoint: embedded\nsignon.server.prot: 1\n'),
      `${configurationFile}:7: signon.server.prot is not a known setting; did you mean signon.server.port?`,
    ],
    [
      'a wrong value is named with what is expected',
      configuration('coinstack.endpoint: embedded\nsignon.server.token.validity: soon\n'),
      `${configurationFile}:7: signon.server.token.validity cannot be "soon"; expected `,
    ],
    ['a missing key is named', configuration(''), `${configurationFile}: coinstack.endpoint is missing`],
    ['a file that is no YAML', 'signon: [', `${configurationFile}:1: is not valid YAML`],
  ]

  it.each(faults)('%s', async (_what, file, says) => {
    writeFileSync(configurationFile, file)
    for (const verb of ['start', 'run', 'check']) {
      const { exitCode, stdout, stderr } = await home.cli(['server', verb])
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
      expect(stderr.startsWith(says), stderr).toBe(true)
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
      expect(stderr).not.toContain(serverKeys[0]!.wif)
    }
    expect(readdirSync(home.home)).toEqual(['admin.key', 'conf'])
  })

  it('a misspelt environment variable is refused too', async () => {
    writeFileSync(configurationFile, configuration('coinstack.endpoint: embedded\n'))
    const environment = { SIGNON_SERVER_PROT: '1' }
    expect(await home.cli(['server', 'start'], { environment })).toEqual({
      exitCode: 1,
      stdout: '',
      stderr:
        'environment variable SIGNON_SERVER_PROT: is not a known setting; did you mean SIGNON_SERVER_PORT?\n',
    })
  })
})
