/** Administration by the CLI, of a running server and on the data of a stopped one. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type Administrator,
  registerClient,
  removeClient,
  removeToken,
} from '../../src/admin/administration.ts'
import type { AsyncOperations, Connection } from '../../src/admin/connection.ts'
import { administratorKey, createKeys } from '../../src/admin/keys.ts'
import type { AdministrationRequest } from '../../src/authorization-server/administer.ts'
import {
  clientsFile,
  isActive,
  issueToken,
  postForm,
  registerSample,
  sampleClient,
  sampleUser,
  signOn,
  usersFile,
} from '../support/oauth-requests.ts'
import { eventually, makeConfiguredHome, startServer, type TestServer } from '../support/server.ts'

const failed = (stderr: string) => ({ exitCode: 1, stdout: '', stderr: `${stderr}\n` })
const done = (stdout: string) => ({ exitCode: 0, stdout: `${stdout}\n`, stderr: '' })
const names = (block: string) => block.split('\n').flatMap((line) => /^\w+/.exec(line)?.[0] ?? [])

describe('administration of a running server', () => {
  let server: TestServer
  let key: string[]

  beforeAll(async () => {
    server = await startServer({ keyCount: 2 })
    key = ['--privatekey-file', server.adminKeyFile]
    await registerSample(server)
  })

  it('client check prints the block of SignOn 1.1', async () => {
    const { stdout, exitCode } = await server.cli(['client', 'check', 'trusted'])
    expect(exitCode).toBe(0)
    expect(names(stdout)).toEqual([
      'AccessTokenValidity',
      'AdditionalInformation',
      'Authorities',
      'AuthorizedGrantTypes',
      'AutoApproves',
      'ClientId',
      'ClientSecret',
      'Description',
      'RefreshTokenValidity',
      'RegisteredRedirectUris',
      'ResourceIds',
      'Scopes',
    ])
    expect(stdout).toMatch(/^AdditionalInformation {3}\{contact=operator\}$/m)
    expect(stdout).toMatch(/^AccessTokenValidity {5}600$/m)
    expect(stdout).toMatch(/^RefreshTokenValidity {4}86400$/m)
    expect(stdout).toMatch(/^Scopes {18}read\n {24}write$/m)
    expect(stdout).toMatch(/^ClientSecret {12}\$argon2id\$/m)
  })

  it('client check of an unknown one: The client not found.', async () => {
    expect(await server.cli(['client', 'check', 'nobody'])).toEqual(failed('The client not found.'))
  })

  it('client list has two columns, long values cut', async () => {
    expect(await server.cli(['client', 'list', ...key])).toEqual(
      done('Client ID  Description\ntrusted    Sample resource s...'),
    )
  })

  it('user check prints the block of SignOn 1.1', async () => {
    const { stdout, exitCode } = await server.cli(['user', 'check', 'alice'])
    expect(exitCode).toBe(0)
    expect(names(stdout)).toEqual(['Authorities', 'Password', 'Username'])
    expect(stdout).toMatch(/^Password {5}\$argon2id\$/m)
    expect(stdout).not.toContain(sampleUser.password)
  })

  it('user check of an unknown one: The user not found.', async () => {
    expect(await server.cli(['user', 'check', 'nobody'])).toEqual(failed('The user not found.'))
  })

  it('creating what exists says so and changes nothing', async () => {
    const before = await server.cli(['client', 'check', 'trusted'])
    expect(await server.cli(['client', 'create', ...key, '--file', clientsFile])).toEqual(
      failed('the client trusted exists already'),
    )
    expect(await server.cli(['user', 'create', ...key, '--file', usersFile])).toEqual(
      failed('the user alice exists already'),
    )
    expect(await server.cli(['client', 'check', 'trusted'])).toEqual(before)
  })

  it('one malformed client in a list, and none of them is registered', async () => {
    const input = JSON.stringify([{ clientId: 'good', scopes: ['read'] }, { clientId: '' }])
    const { exitCode, stdout } = await server.cli(['client', 'create', ...key], { input })
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(await server.cli(['client', 'check', 'good'])).toEqual(failed('The client not found.'))
  })

  it('the key may come by --privatekey, as in SignOn 1.1, or by standard input', async () => {
    const client = JSON.stringify({ clientId: 'shortlived', scopes: ['read'] })
    const { wif } = server.administrator
    expect(await server.cli(['client', 'create', '--privatekey', wif], { input: client })).toEqual(
      done('Client created: shortlived'),
    )
    expect(
      await server.cli(['client', 'remove', '--privatekey-file', '-', 'shortlived'], { input: wif }),
    ).toEqual(done('Client removed: shortlived'))
  })

  it('token check shows a token from the ledger and through the server', async () => {
    const { access_token: token } = await signOn(server.url)
    const blockNames = ['AdditionalInformation', 'Expiration', 'RefreshToken', 'Scope', 'TokenType', 'Value']
    const direct = await server.cli(['token', 'check', token])
    expect(names(direct.stdout)).toEqual(blockNames)
    expect(direct.stdout).toMatch(/^AdditionalInformation {2}\{active=true, client=trusted, subject=\S+\}$/m)
    expect(direct.stdout).toMatch(/^RefreshToken {11}SHA-256 \S{43}$/m)
    const { clientId, clientSecret } = sampleClient
    const through = [
      'token',
      'check',
      '--client',
      clientId,
      '--secret',
      clientSecret,
      '--endpoint',
      server.url,
    ]
    const asked = await server.cli([...through, token])
    expect(names(asked.stdout)).toEqual(blockNames)
    expect(asked.stdout).toMatch(
      /^AdditionalInformation {2}\{client=trusted, user=alice, authorities=USER\}$/m,
    )
    expect(await server.cli([...through, 'cs_at_unknown'])).toEqual(failed('The token not found.'))
    expect(await server.cli(['token', 'check', 'cs_at_unknown'])).toEqual(failed('The token not found.'))
  })

  it('token check through a server: wrong client, no server', async () => {
    const check = (secret: string, endpoint: string) =>
      server.cli(['token', 'check', '--client', 'trusted', '--secret', secret, '--endpoint', endpoint, 'x'])
    expect(await check('wrong', server.url)).toEqual(failed('Check your clientId or username, password.'))
    expect(await check(sampleClient.clientSecret, 'http://127.0.0.1:1')).toEqual(
      failed('Connection refused. Check server endpoint.'),
    )
  })

  it('token remove revokes the token and the refresh token issued with it', async () => {
    const tokens = await signOn(server.url)
    const refresh = tokens.refresh_token!
    expect(await server.cli(['token', 'remove', ...key, tokens.access_token])).toEqual(done('Token removed.'))
    expect(await isActive(server.url, tokens.access_token)).toBe(false)
    expect(await isActive(server.url, refresh)).toBe(false)
    const form = { grant_type: 'refresh_token', refresh_token: refresh }
    expect(await postForm(server.url, '/oauth/token', form)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    })
    expect(await server.cli(['token', 'remove', ...key, tokens.access_token])).toEqual(
      done('The token was revoked before.'),
    )
    expect(await server.cli(['token', 'remove', ...key, 'cs_at_unknown'])).toEqual(
      failed('The token not found.'),
    )
  })

  it('user remove ends the sessions and tokens of the user', async () => {
    const tokens = await signOn(server.url)
    expect(await server.cli(['user', 'remove', ...key, 'alice'])).toEqual(done('User removed: alice'))
    expect(await isActive(server.url, tokens.access_token)).toBe(false)
    expect(await isActive(server.url, tokens.refresh_token!)).toBe(false)
    expect(await server.cli(['user', 'remove', ...key, 'alice'])).toEqual(failed('The user not found.'))
    await expect(signOn(server.url)).rejects.toThrow('401 at /login')
    expect(await server.cli(['user', 'create', ...key, '--file', usersFile])).toEqual(
      done('User created: alice'),
    )
    await signOn(server.url)
    expect(await isActive(server.url, tokens.access_token)).toBe(false)
  })

  it('client remove ends its tokens', async () => {
    const second = { clientId: 'second', clientSecret: 'of the second client' }
    const input = JSON.stringify({
      ...second,
      authorizedGrantTypes: ['client_credentials'],
      scopes: ['read'],
    })
    await server.cli(['client', 'create', ...key], { input })
    const { access_token: token } = await issueToken(server.url, second)
    expect(await isActive(server.url, token)).toBe(true)
    expect(await server.cli(['client', 'remove', ...key, 'second'])).toEqual(done('Client removed: second'))
    expect(await isActive(server.url, token)).toBe(false)
    expect(await server.cli(['client', 'remove', ...key, 'second'])).toEqual(failed('The client not found.'))
  })

  it('coin recharge pays from a key that has coins, to every address', async () => {
    const [first, second] = server.serverKeys
    const funder = join(server.home, 'funder.key')
    writeFileSync(funder, first!.wif, { mode: 0o600 })
    const addresses = [server.administrator, first!, second!].map(({ address }) => address).join('\n')
    await eventually('the embedded node has paid the server key', async () => {
      const { exitCode, stdout } = await server.cli(['coin', 'recharge', '--privatekey-file', funder, '1.5'])
      if (exitCode === 0) expect(stdout).toBe(`${addresses}\n`)
      return exitCode === 0
    })
    // Now the administrator has coins to give.
    expect(await server.cli(['coin', 'recharge', ...key, '0.1'])).toMatchObject({
      exitCode: 0,
      stdout: `${addresses}\n`,
    })
    const { exitCode, stdout, stderr } = await server.cli(['coin', 'recharge', ...key, '100'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toMatch(/^Insufficient fund: 1\w+ has \d+ satoshis, 300\d{8} are needed\n$/)
  })
})

describe('who may administer', () => {
  let server: TestServer
  let administrator: Administrator
  const sent: AdministrationRequest[] = []

  beforeAll(async () => {
    server = await startServer()
    const connection = (await server.connect())!
    const key = administratorKey(server.administrator.wif)
    administrator = { connection: recording(connection), key, now: Date.now }
  })

  /** The connection, keeping what is sent to be signed for. */
  const recording = (connection: Connection): Connection => ({
    ...connection,
    operations: new Proxy(connection.operations, {
      get(operations, name: keyof AsyncOperations) {
        if (name !== 'administer') return operations[name]
        return (request: AdministrationRequest) => {
          sent.push(request)
          return operations.administer(request)
        }
      },
    }),
  })

  it("another key than the administrator's is refused and changes nothing", async () => {
    const file = join(server.home, 'other.key')
    writeFileSync(file, createKeys(1)[0]!.wif, { mode: 0o600 })
    const { address } = server.administrator
    expect(await server.cli(['client', 'create', '--privatekey-file', file, '--file', clientsFile])).toEqual(
      failed(`not signed by the administrator ${address}`),
    )
    expect(await server.cli(['client', 'check', 'trusted'])).toEqual(failed('The client not found.'))
  })

  it('a signed request counts once: repeated, it is refused', async () => {
    const once = { clientId: 'once', clientSecret: 'secret' }
    await registerClient(administrator, {
      ...once,
      authorizedGrantTypes: ['client_credentials'],
      scopes: ['read'],
    })
    const { access_token: token } = await issueToken(server.url, once)
    await removeToken(administrator, token)
    await removeClient(administrator, 'once')
    const [registered, revoked, removed] = sent
    const repeat = (request: AdministrationRequest | undefined) =>
      administrator.connection.operations.administer(request!)
    const position = async () => (await administrator.connection.operations.status({})).position
    const before = await position()
    await expect(repeat(registered)).rejects.toMatchObject({ code: 'stale' })
    await expect(repeat(revoked)).rejects.toMatchObject({ code: 'not_found' })
    await expect(repeat(removed)).rejects.toMatchObject({ code: 'not_found' })
    await expect(repeat({ ...registered!, version: 2 })).rejects.toMatchObject({ code: 'signature' })
    expect(await position()).toBe(before)
    expect(await server.cli(['client', 'check', 'once'])).toEqual(failed('The client not found.'))
  })

  it('a signed request counts for one ledger', async () => {
    const other = await startServer({ environment: { SIGNON_LEDGER_ORIGIN: 'other.example' } })
    const { operations } = (await other.connect())!
    await expect(operations.administer(sent[0]!)).rejects.toMatchObject({ code: 'signature' })
  })
})

describe('administration of a stopped server', () => {
  it('works on its data directly, and the server knows it when it starts', async () => {
    const home = makeConfiguredHome()
    // Its first event names the ledger, as the profile does.
    const key = ['--privatekey-file', home.adminKeyFile, '--profile', 'test']
    expect(await home.cli(['client', 'create', ...key, '--file', clientsFile])).toEqual(
      done('Client created: trusted'),
    )
    expect(await home.cli(['client', 'create', ...key, '--file', clientsFile])).toEqual(
      failed('the client trusted exists already'),
    )
    const server = await startServer({ home })
    const { access_token: token } = await issueToken(server.url)
    await server.stop()
    expect((await server.cli(['token', 'check', token])).stdout).toContain('active=true')
    expect(await server.cli(['token', 'remove', ...key, token])).toEqual(done('Token removed.'))
    await server.restart()
    expect(await isActive(server.url, token)).toBe(false)
    await issueToken(server.url)
  })

  it('coin recharge needs the server for its embedded node', async () => {
    const home = makeConfiguredHome()
    expect(await home.cli(['coin', 'recharge', '--privatekey-file', home.adminKeyFile])).toEqual(
      failed('the embedded node runs inside the server: start the server first'),
    )
  })
})
