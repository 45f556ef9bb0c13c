import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SettingsError } from '../../src/config/faults.ts'
import { type LoadOptions, loadSettings } from '../../src/config/load.ts'
import { packageRoot } from '../../src/config/package-root.ts'
import { environmentVariable, settingKeys, settingRow } from '../../src/config/schema.ts'
import { temporaryFolders } from './temporary-folder.ts'

const wif = 'KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617'
const otherWif = '5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ'
const address = '1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix'
const complete = `coinstack.endpoint: http://localhost:3000
signon:
  admin.address: ${address}
  server:
    privatekeys: |
      ${wif}
      ${otherWif}
`

const newFolder = temporaryFolders()

function homeWith(text: string, profiles: Record<string, string> = {}): string {
  const home = newFolder()
  mkdirSync(join(home, 'conf'))
  writeFileSync(join(home, 'conf', 'coinstack.yaml'), text, { mode: 0o600 })
  mkdirSync(join(home, 'profiles'))
  for (const [name, content] of Object.entries(profiles))
    writeFileSync(join(home, 'profiles', `${name}.yaml`), content)
  return home
}

function faultsOf(options: LoadOptions): string[] {
  try {
    loadSettings(options)
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError)
    return (error as SettingsError).message.split('\n').map((line) => line.replaceAll(`${options.home}/`, ''))
  }
  throw new Error('the settings were accepted')
}

describe('settings that load', () => {
  test('defaults, derived values and nested and dotted keys', () => {
    const { settings, sources, warnings } = loadSettings({ home: homeWith(complete) })
    expect(settings.coinstack).toEqual({ endpoint: 'http://localhost:3000', timeoutMs: 10_000 })
    expect(settings.admin.address).toBe(address)
    expect(settings.server).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      issuer: 'http://localhost:8080',
      privateKeys: [wif, otherWif],
      tls: undefined,
      trustProxy: false,
      jsonRequests: false,
      tokenValiditySeconds: 600,
    })
    expect(settings.ledger.origin).toBe('localhost:8080')
    expect(settings.peer.addresses).toEqual([])
    expect(sources['signon.admin.address']).toMatchObject({ layer: 'file', line: 3 })
    expect(sources['signon.server.port']).toEqual({ layer: 'default' })
    expect(sources['signon.server.issuer']).toEqual({ layer: 'derived' })
    expect(warnings).toEqual([])
  })

  test('file, profile, environment and flags lie over each other in that order', () => {
    const home = homeWith(
      `${complete}    port: 1001\nsignon.log.keep: 1\nsignon.cache.entries: 1\nsignon.anchor.interval: 1\n`,
      { mine: 'signon.log.keep: 2\nsignon.cache.entries: 2\nsignon.anchor.interval: 2\n' },
    )
    const { settings, sources } = loadSettings({
      home,
      profile: 'mine',
      environment: { SIGNON_CACHE_ENTRIES: '3', SIGNON_ANCHOR_INTERVAL: '3', SIGNON_SERVER_PORT: '' },
      flags: { 'signon.anchor.interval': '4', 'signon.server.host': undefined },
    })
    expect(settings.server.port).toBe(1001)
    expect(settings.log.keepFiles).toBe(2)
    expect(settings.cache.entries).toBe(3)
    expect(settings.anchor.intervalSeconds).toBe(4)
    expect(sources['signon.log.keep']).toMatchObject({ layer: 'profile', line: 1 })
    expect(sources['signon.cache.entries']).toEqual({
      layer: 'environment',
      variable: 'SIGNON_CACHE_ENTRIES',
    })
    expect(sources['signon.anchor.interval']).toEqual({ layer: 'flag' })
  })

  test('every key can come from the environment alone, with no file', () => {
    const values = { 'coinstack.endpoint': 'embedded', 'signon.admin.address': address }
    const environment = Object.fromEntries(
      Object.entries(values).map(([key, value]) => [environmentVariable(key as never), value]),
    )
    const { settings } = loadSettings({
      home: newFolder(),
      environment: { ...environment, SIGNON_SERVER_PRIVATEKEYS: `${wif}\n${otherWif}` },
    })
    expect(settings.coinstack.endpoint).toBe('embedded')
    expect(settings.server.privateKeys).toEqual([wif, otherWif])
  })

  test.each(['dev', 'test', 'production'])('the profile %s of the package fits the schema', (profile) => {
    const { settings } = loadSettings({ home: homeWith(complete), profile })
    expect(settings.coinstack.endpoint).toBe(profile === 'production' ? 'http://localhost:3000' : 'embedded')
  })

  test('a profile of the home hides the one of the package', () => {
    const home = homeWith(complete, { dev: 'signon.server.port: 4711' })
    expect(loadSettings({ home, profile: 'dev' }).settings.server.port).toBe(4711)
  })

  test('lists in each form', () => {
    const second = '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'
    for (const form of [`[${address}, ${second}]`, `${address}, ${second}`, `|\n  ${address}\n  ${second}`])
      expect(
        loadSettings({ home: homeWith(`${complete}signon.peer.addresses: ${form}\n`) }).settings.peer
          .addresses,
      ).toEqual([address, second])
  })

  test('TLS files start at the home directory, and the issuer follows', () => {
    const home = homeWith(`${complete}    tls: {certificate: conf/c.pem, privatekey: conf/k.pem}\n`)
    writeFileSync(join(home, 'conf', 'c.pem'), '')
    writeFileSync(join(home, 'conf', 'k.pem'), '')
    const { settings } = loadSettings({ home })
    expect(settings.server.tls).toEqual({
      certificateFile: join(home, 'conf', 'c.pem'),
      privateKeyFile: join(home, 'conf', 'k.pem'),
    })
    expect(settings.server.issuer).toBe('https://localhost:8080')
  })

  test('a file that others can read is warned about', () => {
    const home = homeWith(complete)
    chmodSync(join(home, 'conf', 'coinstack.yaml'), 0o644)
    expect(loadSettings({ home }).warnings).toEqual([expect.stringContaining('mode 644')])
  })
})

describe('settings that are refused', () => {
  const withLine = (line: string) => ({ home: homeWith(`${complete}${line}\n`) })

  test.each([
    ['signon.server.prot: 1', 'signon.server.prot is not a known setting; did you mean signon.server.port?'],
    ['server.port: 1', 'server.port is not a known setting; did you mean signon.server.port?'],
    ['signon.server.refresh_token.grace: 1', 'did you mean signon.server.refresh-token.grace?'],
    ['nothing.like.it: 1', 'nothing.like.it is not a known setting'],
    ['signon.token: 1', 'signon.token is not a known setting'],
    ['coinstack: 1', 'coinstack is a group of settings and takes no value itself'],
    ['signon.server.port: 99999', 'signon.server.port cannot be "99999"; expected a port from 1 to 65535'],
    ['signon.server.port: 0x50', 'signon.server.port cannot be "0x50"'],
    ['signon.server.port: ', 'signon.server.port is empty; expected a port'],
    ['signon.server.port: [1, 2]', 'signon.server.port takes one value, not a list'],
    ['signon.server.port: {a: 1}', 'signon.server.port takes a value, not further keys'],
    ['signon.server.trust-proxy: yes', 'expected true or false'],
    ['signon.log.level: loud', 'expected one of error, warn, info, debug, trace'],
    ['signon.peer.addresses: [1abc]', 'signon.peer.addresses cannot be "1abc"'],
    ['signon.login.origins: https://a.example/login', 'expected different web origins'],
    ['signon.server.issuer: https://a.example/?x=1', 'expected an http or https URL without query'],
    ['signon.ledger.origin: "a b"', 'expected a name without spaces'],
    ['signon.server.code.validity: 601', 'expected a whole number from 1 to 600'],
    ['jwt.privatekey: TOPSECRET', 'jwt.privatekey has a wrong value; expected a private key in PEM form'],
    ['signon.ldap.ca: none.pem', 'none.pem cannot be read'],
    ['signon.ldap.bind-password-file: none', 'none cannot be read'],
    ['signon.admin.address: x', 'signon.admin.address is given twice, first in line 3'],
    ['signon.server.tls.certificate: none.pem', 'cannot be read'],
    ['? [a, b]\n: 1', 'has a key that is not a plain word'],
    ['signon.peer.addresses: [[a]]', 'takes plain values only'],
    ['signon.log.keep: &a 3\nsignon.cache.entries: *a', 'signon.cache.entries takes plain values only'],
  ])('%s', (line, expected) => {
    const faults = faultsOf(withLine(line))
    expect(faults[0]).toMatch(/^conf\/coinstack\.yaml:\d+: /)
    expect(faults.join('\n')).toContain(expected)
  })

  describe('jwt.privatekey', () => {
    const pem = (
      type: 'rsa' | 'ec' | 'ed25519',
      options: object,
      format: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8',
    ) =>
      generateKeyPairSync(type as 'rsa', {
        ...(options as { modulusLength: number }),
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: format as 'pkcs8', format: 'pem' },
      }).privateKey
    const written = (key: string) => ({
      home: homeWith(complete),
      environment: { JWT_PRIVATEKEY: key },
    })

    test.each([
      ['RS256', 'rsa', { modulusLength: 2048 }, 'pkcs1'],
      ['RS256', 'rsa', { modulusLength: 2048 }, 'pkcs8'],
      ['ES256', 'ec', { namedCurve: 'P-256' }, 'sec1'],
      ['ES256', 'ec', { namedCurve: 'P-256' }, 'pkcs8'],
      ['EdDSA', 'ed25519', {}, 'pkcs8'],
    ] as const)('%s: %s %j as %s', (algorithm, type, options, format) => {
      const { settings } = loadSettings(written(pem(type, options, format)))
      expect(settings.keys.first?.algorithm).toBe(algorithm)
    })

    test.each<[string, () => string]>([
      ['RSA that is too short', () => pem('rsa', { modulusLength: 1024 })],
      ['another curve', () => pem('ec', { namedCurve: 'P-384' })],
      ['the curve of WIF keys', () => pem('ec', { namedCurve: 'secp256k1' })],
      ['a shared secret', () => 'c2VjcmV0'],
      ['a WIF key', () => wif],
      [
        'a public key',
        () => {
          const { publicKey } = generateKeyPairSync('ed25519')
          return publicKey.export({ type: 'spki', format: 'pem' }) as string
        },
      ],
      [
        'a key with a passphrase',
        () => {
          const { privateKey } = generateKeyPairSync('ed25519')
          const cipher = { cipher: 'aes-256-cbc', passphrase: 'x' }
          return privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }) as string
        },
      ],
    ])('%s is refused, with what to do instead', (_, key) => {
      expect(faultsOf(written(key()))).toEqual([
        expect.stringMatching(
          /^environment variable JWT_PRIVATEKEY: .*without this setting the server makes keys of its own\)$/,
        ),
      ])
    })

    test('of an algorithm that is not set', () => {
      const { home, environment } = written(pem('ed25519', {}))
      const faults = faultsOf({
        home,
        environment: { ...environment, SIGNON_KEYS_ALGORITHMS: 'RS256 ES256' },
      })
      expect(faults).toEqual([
        'environment variable JWT_PRIVATEKEY: jwt.privatekey signs by EdDSA, which signon.keys.algorithms does not hold',
      ])
    })
  })

  test('all faults come at once, one line each, with file and line', () => {
    const home = homeWith('coinstack.endpoint: nope\nsignon.server.port: x\n', { p: 'what.is.this: 1\n' })
    const environment = { SIGNON_LOG_KEEP: 'many', SIGNON_SERVER_PROT: '1', SIGNON_SERVICE_PORT: '80' }
    expect(faultsOf({ home, profile: 'p', environment, flags: { 'signon.cache.entries': '-1' } })).toEqual([
      expect.stringMatching(/^conf\/coinstack.yaml:1: coinstack.endpoint cannot be "nope"; expected a URL/),
      expect.stringMatching(/^conf\/coinstack.yaml:2: signon.server.port cannot be "x"/),
      'profiles/p.yaml:1: what.is.this is not a known setting',
      'environment variable SIGNON_SERVER_PROT: is not a known setting; did you mean SIGNON_SERVER_PORT?',
      expect.stringMatching(/^environment variable SIGNON_LOG_KEEP: signon.log.keep cannot be "many"/),
      expect.stringMatching(/^command line: signon.cache.entries cannot be "-1"/),
      expect.stringMatching(/^conf\/coinstack.yaml: signon.admin.address is missing/),
      expect.stringMatching(/^conf\/coinstack.yaml: signon.server.privatekeys is missing/),
    ])
  })

  test('a wrong value counts even where a later layer would hide it', () => {
    const faults = faultsOf({ ...withLine('signon.log.keep: x'), environment: { SIGNON_LOG_KEEP: '3' } })
    expect(faults).toHaveLength(1)
  })

  test('no secret is ever in a message', () => {
    const broken = wif.replace('Kwd', 'Kwe')
    const cases = [
      `signon.server.privatekeys: ${broken}`,
      `signon.server.privatekeys:\n  - ${wif}\n  - ${wif}`,
      `signon.server.privatekeys: {${wif}: 1}`,
      `signon.server.privatekey: ${wif}`,
      `signon.server.privatekeys: "${wif}`,
      `signon.server.privatekeys: [${wif}`,
      `signon.server.privatekeys: @${wif}`,
      `jwt.privatekey: ${wif}`,
      `a: b: ${wif}`,
      `${wif}: 1`,
      `signon.server.port: ${wif}`,
      `signon.admin.address: [${wif}]`,
      `%${wif}\n--- ${wif}\n--- ${wif}`,
    ]
    for (const text of cases) {
      const message = faultsOf({ home: homeWith(text) }).join('\n')
      expect(message).not.toContain(wif.slice(4, 20))
    }
  })

  test('private keys are not taken from the command line', () => {
    const flags = { 'signon.server.privatekeys': wif }
    expect(faultsOf({ home: homeWith(complete), flags })).toEqual([
      'command line: signon.server.privatekeys is a secret and is taken from the file or environment only',
    ])
  })

  test('a missing file says how to make it', () => {
    expect(faultsOf({ home: newFolder() })).toEqual([
      'conf/coinstack.yaml: no such file; write it with: coinstack-signon server configure (coinstack.endpoint, signon.admin.address, signon.server.privatekeys missing)',
    ])
  })

  test.each(['- a\n- b', 'just words', '42'])('a file that is no mapping: %s', (text) => {
    expect(faultsOf({ home: homeWith(text) })[0]).toContain('does not hold settings')
  })

  test('broken YAML names the line', () => {
    expect(faultsOf({ home: homeWith(`${complete}a: [1\nb: 2\n`) })[0]).toMatch(
      /^conf\/coinstack.yaml:\d+: is not valid YAML/,
    )
  })

  test.each([
    ['nope', 'there are dev, mine, production, test'],
    ['../conf/coinstack', 'is not a profile name'],
    ['', 'is not a profile name'],
  ])('profile %j', (profile, expected) => {
    expect(faultsOf({ home: homeWith(complete, { mine: '' }), profile })[0]).toContain(expected)
  })

  test('half of TLS, and two servers on one port', () => {
    const home = homeWith(`${complete}    port: 3000\n    tls.certificate: conf/coinstack.yaml\n`)
    const faults = faultsOf({ home, environment: { COINSTACK_ENDPOINT: 'embedded' } })
    expect(faults).toEqual([
      expect.stringContaining('go together; only one is set'),
      expect.stringContaining('node.port and signon.server.port are both 3000'),
    ])
  })

  test('a directory in place of the file', () => {
    const home = newFolder()
    mkdirSync(join(home, 'conf', 'coinstack.yaml'), { recursive: true })
    expect(faultsOf({ home })).toEqual(['conf/coinstack.yaml: cannot be read (EISDIR)'])
  })
})

describe('the table', () => {
  test('every default fits its type, every variable is of its own', () => {
    for (const key of settingKeys) {
      const { type, default: text } = settingRow(key)
      if (text === undefined) continue
      expect(type.parse(type.list ? text.split(/\s+/).filter(Boolean) : [text]), key).toHaveProperty('value')
    }
    expect(new Set(settingKeys.map(environmentVariable)).size).toBe(settingKeys.length)
  })

  test('no key is the beginning of another', () => {
    for (const key of settingKeys)
      expect(settingKeys.filter((other) => other.startsWith(`${key}.`))).toEqual([])
  })

  test('the package is found from the sources', () => {
    expect(packageRoot()).toBe(process.cwd())
  })
})
