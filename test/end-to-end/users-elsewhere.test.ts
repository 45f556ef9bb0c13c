/** Users who are kept elsewhere, through the program: a directory over TLS, and an ES module. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import { createKeys } from '../../src/admin/keys.ts'
import { hashSecret } from '../../src/authorization-server/secret-checker.ts'
import { makeCertificate } from '../support/certificate.ts'
import { basic } from '../support/http-routes.ts'
import {
  type ConfiguredHome,
  makeConfiguredHome,
  startServer,
  type TestServer,
  temporaryFolder,
} from '../support/server.ts'
import { hasSlapd, rootDn, rootPassword, startSlapd } from '../support/slapd.ts'
import { pageOf, redirectOf, visit } from '../support/visitor.ts'

const example = fileURLToPath(new URL('../../examples/users-in-a-file.js', import.meta.url))
const redirectUri = 'https://client.example/callback'
const client = { id: 'app', secret: 'secret of the application' }
const alice = { username: 'alice', password: 'alice secret' }
const bob = { username: 'bob', password: 'bob secret' }
const scope = 'openid profile email read'

/** Where the users are: alice, an administrator, and bob. */
interface Keeper {
  environment: Record<string, string>
  /** Writes what the settings name into the home. */
  prepare?(home: ConfiguredHome): void
  removeAlice(): void
  fail(): Promise<void>
  /** What the log says of it then. */
  complaint: RegExp
  close(): Promise<void>
}

const certificate = hasSlapd ? await makeCertificate(temporaryFolder()) : undefined

async function directory(): Promise<Keeper> {
  const slapd = await startSlapd(certificate)
  let isRunning = true
  const stop = async () => {
    if (isRunning) await slapd.stop()
    isRunning = false
  }
  return {
    environment: {
      SIGNON_SERVER_USER_REPOSITORY: `ldap://localhost:${slapd.port}`,
      SIGNON_LDAP_START_TLS: 'true',
      SIGNON_LDAP_CA: 'conf/ldap-ca.crt',
      SIGNON_LDAP_BASE: 'ou=people,dc=example,dc=com',
      SIGNON_LDAP_BIND_DN: rootDn,
      SIGNON_LDAP_BIND_PASSWORD_FILE: 'conf/ldap.password',
      SIGNON_LDAP_GROUP_BASE: 'ou=groups,dc=example,dc=com',
      SIGNON_LDAP_AUTHORITIES: 'USER=* ADMIN=administrators',
      SIGNON_LDAP_CLAIMS: 'name=cn email=mail',
    },
    prepare({ home }) {
      writeFileSync(join(home, 'conf', 'ldap-ca.crt'), certificate!.ca)
      writeFileSync(join(home, 'conf', 'ldap.password'), `${rootPassword}\n`, { mode: 0o600 })
    },
    removeAlice: () => slapd.modify('dn: uid=alice,ou=people,dc=example,dc=com\nchangetype: delete\n'),
    fail: stop,
    complaint: /the directory ldap:\/\/localhost:\d+ does not answer as it should: [^"]*ECONNREFUSED/,
    close: stop,
  }
}

async function module(): Promise<Keeper> {
  const file = join(temporaryFolder(), 'users.json')
  const users = [
    {
      username: 'alice',
      passwordHash: await hashSecret(alice.password),
      authorities: ['USER', 'ADMIN'],
      claims: { name: 'Alice Example', email: 'alice@example.com' },
    },
    {
      username: 'bob',
      passwordHash: await hashSecret(bob.password),
      authorities: ['USER'],
      claims: { name: 'Bob Example' },
    },
  ]
  writeFileSync(file, JSON.stringify(users))
  return {
    environment: { SIGNON_SERVER_USER_REPOSITORY: example, SIGNON_USERS_FILE: file },
    removeAlice: () => writeFileSync(file, JSON.stringify(users.slice(1))),
    fail: async () => writeFileSync(file, 'no JSON'),
    complaint: /the module of users failed: Unexpected token/,
    close: async () => {},
  }
}

const keepers: [string, () => Promise<Keeper>][] = [['an ES module', module]]
if (certificate) keepers.push(['a directory by StartTLS', directory])

describe.each(keepers)('users of %s', (_what, open) => {
  let keeper: Keeper
  let server: TestServer
  beforeAll(async () => {
    keeper = await open()
    const home = makeConfiguredHome(keeper.environment)
    keeper.prepare?.(home)
    server = await startServer({ home })
    const registration = {
      client_id: client.id,
      client_secret: client.secret,
      grant_types: ['authorization_code', 'refresh_token', 'password'],
      redirect_uris: [redirectUri],
      scope,
    }
    const words = ['client', 'create', '--privatekey-file', server.adminKeyFile]
    expect(await server.cli(words, { input: JSON.stringify(registration) })).toMatchObject({ exitCode: 0 })
  })
  afterAll(() => keeper?.close())

  const newBrowser = () => new FormBrowser((url) => url.href.startsWith(redirectUri))
  const authorizeUrl = () => {
    const query = { response_type: 'code', client_id: client.id, redirect_uri: redirectUri, scope }
    return `${server.url}/oauth/authorize?${new URLSearchParams(query)}`
  }
  async function post(path: string, form: Record<string, string>) {
    const answer = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: basic(client.id, client.secret),
      body: new URLSearchParams(form),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const isActive = async (token: string) => (await post('/oauth/introspect', { token })).body.active
  async function signOn(person: typeof alice) {
    const arrival = await visit(newBrowser(), authorizeUrl(), person)
    const code = redirectOf(arrival).searchParams.get('code')!
    const { body } = await post('/oauth/token', {
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
    })
    return body as { access_token: string; refresh_token: string; id_token: string }
  }
  /** The page that follows upon the login form. */
  async function refused(person: typeof alice) {
    const browser = newBrowser()
    const form = pageOf({ at: await browser.open(authorizeUrl()), asked: [] })
    return pageOf({ at: await browser.submit(form, person), asked: [] })
  }

  test('from the login in the form to their claims; once they are gone, nothing of theirs counts', async () => {
    const tokens = await signOn(alice)
    expect((await post('/oauth/check_token', { token: tokens.access_token })).body).toMatchObject({
      user_name: 'alice',
      authorities: ['USER', 'ADMIN'],
    })
    const info = await fetch(`${server.url}/oauth/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    const claims = (await info.json()) as { sub: string }
    expect(claims).toMatchObject({
      preferred_username: 'alice',
      name: 'Alice Example',
      email: 'alice@example.com',
    })
    const [, payload] = tokens.id_token.split('.') as [string, string]
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString()).sub).toBe(claims.sub)
    const shown = await server.cli(['user', 'check', 'alice'])
    expect(shown).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('name=Alice Example') })
    expect((await refused({ ...alice, password: 'wrong' })).status).toBe(401)

    const others = await signOn(bob)
    keeper.removeAlice()
    // A server that was just started believes nobody: it asks at the first use of a token.
    await server.restart()
    expect(await Promise.all([tokens, others].map((one) => isActive(one.access_token)))).toEqual([
      false,
      true,
    ])
    const refreshed = await post('/oauth/token', {
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token,
    })
    expect([refreshed.status, refreshed.body.error]).toEqual([400, 'invalid_grant'])
    expect((await refused(alice)).status).toBe(401)
  })

  test('while they cannot be asked for: 503 at the login, and what was known holds', async () => {
    const tokens = await signOn(bob)
    await keeper.fail()
    await server.restart()
    const page = await refused(bob)
    expect([page.status, page.html]).toEqual([503, expect.stringContaining('temporarily_unavailable')])
    const granted = await post('/oauth/token', { grant_type: 'password', ...bob })
    expect([granted.status, granted.body.error]).toEqual([503, 'temporarily_unavailable'])
    expect(await isActive(tokens.access_token)).toBe(true)
    const logs = readdirSync(server.paths.logs).map((name) =>
      readFileSync(join(server.paths.logs, name), 'utf8'),
    )
    const complaints = logs
      .join('')
      .split('\n')
      .filter((line) => line.includes('repository of users failed'))
    expect(complaints.join('\n')).toMatch(keeper.complaint)
    expect(logs.join('')).not.toContain(bob.password)
  })
})

describe('user create and user remove', () => {
  const carol = { username: 'carol', password: 'secret of carol', authorities: ['USER'] }
  const start = async (keeper: Keeper) => {
    const home = makeConfiguredHome(keeper.environment)
    keeper.prepare?.(home)
    const server = await startServer({ home })
    const registration = {
      client_id: 'app',
      client_secret: 'secret',
      grant_types: ['password'],
      scope: 'read',
    }
    const words = ['client', 'create', '--privatekey-file', server.adminKeyFile]
    expect(await server.cli(words, { input: JSON.stringify(registration) })).toMatchObject({ exitCode: 0 })
    const post = async (path: string, form: Record<string, string>) => {
      const answer = await fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: basic('app', 'secret'),
        body: new URLSearchParams(form),
      })
      return (await answer.json()) as { access_token?: string; active?: boolean; error?: string }
    }
    const logIn = () =>
      post('/oauth/token', { grant_type: 'password', username: 'carol', password: carol.password })
    const user = (verb: 'create' | 'remove', ...more: string[]) =>
      server.cli(['user', verb, '--privatekey-file', server.adminKeyFile, ...more], {
        input: JSON.stringify(carol),
      })
    return { server, post, logIn, user }
  }

  test('of a module with save and delete: added, removed with all tokens, and added again', async () => {
    const { server, post, logIn, user } = await start(await module())
    const others = join(temporaryFolder(), 'other.key')
    writeFileSync(others, `${createKeys(1)[0]!.wif}\n`)
    const words = ['user', 'create', '--privatekey-file', others]
    expect(await server.cli(words, { input: JSON.stringify(carol) })).toMatchObject({
      exitCode: 1,
      stderr: 'the private key is not that of the administrator\n',
    })
    expect((await logIn()).error).toBe('invalid_grant')
    for (const _time of [1, 2]) {
      expect(await user('create')).toMatchObject({ exitCode: 0, stdout: 'User created: carol\n', stderr: '' })
      expect(await user('create')).toMatchObject({
        exitCode: 1,
        stderr: 'the user carol exists already\n',
      })
      const { access_token: token } = await logIn()
      expect((await post('/oauth/introspect', { token: token! })).active).toBe(true)
      expect(await user('remove', 'carol')).toMatchObject({ exitCode: 0, stdout: 'User removed: carol\n' })
      expect((await post('/oauth/introspect', { token: token! })).active).toBe(false)
      expect((await logIn()).error).toBe('invalid_grant')
      expect(await user('remove', 'carol')).toMatchObject({ exitCode: 1, stderr: 'The user not found.\n' })
    }
  })

  if (certificate)
    test('of a directory: it adds its users itself', async () => {
      const keeper = await directory()
      onTestFinished(() => keeper.close())
      const { user } = await start(keeper)
      expect(await user('create')).toMatchObject({
        exitCode: 1,
        stderr: 'users are kept in ldap:ou=people,dc=example,dc=com: they are added and removed there\n',
      })
    })
})

describe('settings by which nobody could log in, or not in secret: one line, and nothing starts', () => {
  const ldaps = { SIGNON_SERVER_USER_REPOSITORY: 'ldaps://localhost', SIGNON_LDAP_BASE: 'dc=example,dc=com' }
  const remote = { ...ldaps, SIGNON_SERVER_USER_REPOSITORY: 'ldap://ldap.example.com' }
  test.each<[string, Record<string, string>, string]>([
    ['in the clear to another machine', remote, 'passwords would go to ldap://ldap.example.com in the clear'],
    ['StartTLS after TLS', { ...ldaps, SIGNON_LDAP_START_TLS: 'true' }, 'ldaps: begins with TLS'],
    [
      'an authority that is not there',
      { ...ldaps, SIGNON_LDAP_CA: 'conf/none.crt' },
      'none.crt cannot be read',
    ],
    [
      'an authority that is none',
      { ...ldaps, SIGNON_LDAP_CA: 'conf/empty.crt' },
      'holds no certificate (PEM)',
    ],
    ['no base', { SIGNON_SERVER_USER_REPOSITORY: 'ldaps://localhost' }, 'signon.ldap.base is missing'],
    ['half of a bind', { ...ldaps, SIGNON_LDAP_BIND_DN: rootDn }, 'bind-password-file go together'],
    ['a module that is not there', { SIGNON_SERVER_USER_REPOSITORY: 'none.js' }, 'none.js cannot be loaded'],
    [
      'a Java class, as 1.1 had it',
      { SIGNON_SERVER_USER_REPOSITORY: 'com.example.MyUsers' },
      'the path of an ES module',
    ],
  ])('%s', async (_what, environment, line) => {
    const home = makeConfiguredHome(environment)
    mkdirSync(join(home.home, 'conf'), { recursive: true })
    writeFileSync(join(home.home, 'conf', 'empty.crt'), 'nothing\n')
    const { exitCode, stdout, stderr } = await home.cli(['server', 'run'])
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr).toContain(line)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})
