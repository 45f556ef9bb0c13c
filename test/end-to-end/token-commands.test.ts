/** `token create` and `token refresh`, against a real server process. */
import { beforeAll, describe, expect, it } from 'vitest'
import { postForm, registerSample, sampleClient, sampleUser } from '../support/oauth-requests.ts'
import { startServer, type TestServer } from '../support/server.ts'

const legacy = {
  clientId: 'legacy',
  clientSecret: 'legacy secret',
  authorizedGrantTypes: ['password', 'implicit', 'client_credentials', 'refresh_token'],
  scopes: ['read'],
  registeredRedirectUris: ['https://legacy.example/callback'],
}
const failed = (stderr: string) => ({ exitCode: 1, stdout: '', stderr: `${stderr}\n` })

let server: TestServer
beforeAll(async () => {
  server = await startServer()
  await registerSample(server)
  const created = await server.cli(['client', 'create', '--privatekey-file', server.adminKeyFile], {
    input: JSON.stringify(legacy),
  })
  expect(created.stderr).toContain('RFC 9700 section 2 advises against')
})

const words = (flags: Record<string, string>) =>
  Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])

const create = (type: string, flags: Record<string, string> = {}, input = `${sampleUser.password}\n`) =>
  server.cli(['token', 'create', ...words({ type, client: 'legacy', endpoint: server.url, ...flags })], {
    input,
  })

const secret = { secret: legacy.clientSecret }
const user = { user: sampleUser.username }
const blockNames = ['AdditionalInformation', 'Expiration', 'RefreshToken', 'Scope', 'TokenType', 'Value']

const rowOf = (stdout: string, name: string) => new RegExp(`^${name} +(\\S+)`, 'm').exec(stdout)?.[1]

async function isActive(token: string): Promise<boolean> {
  const { body } = await postForm<{ active: boolean }>(server.url, '/oauth/introspect', { token })
  return body.active
}

describe('token create', () => {
  it.each<[string, Record<string, string>, boolean]>([
    ['credentials', secret, false],
    ['password', { ...secret, ...user }, true],
    ['implicit', { ...user, redirect: legacy.registeredRedirectUris[0]! }, false],
  ])('--type %s prints a live token', async (type, flags, hasRefreshToken) => {
    const { stdout, stderr, exitCode } = await create(type, flags)
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout.split('\n').flatMap((line) => /^(\w+)/.exec(line)?.[1] ?? [])).toEqual(blockNames)
    expect(rowOf(stdout, 'Scope')).toBe('read')
    expect(await isActive(rowOf(stdout, 'Value')!)).toBe(true)
    expect(rowOf(stdout, 'RefreshToken')?.startsWith('cs_rt_') ?? false).toBe(hasRefreshToken)
  })

  it('--type code redeems what code create printed, once', async () => {
    const { clientId: client, clientSecret } = sampleClient
    const redirect = sampleClient.registeredRedirectUris[0]!
    const made = await server.cli(
      ['code', 'create', ...words({ client, redirect, endpoint: server.url, ...user })],
      { input: `${sampleUser.password}\n` },
    )
    const flags = { client, secret: clientSecret, redirect, code: made.stdout.trim() }
    const { stdout, exitCode } = await create('code', flags)
    expect(exitCode).toBe(0)
    expect(await isActive(rowOf(stdout, 'Value')!)).toBe(true)
    expect(await create('code', flags)).toEqual(failed('The code not found.'))
  })

  const wrong = 'Check your clientId or username, password.'
  it.each<[string, string, Record<string, string>, string, string]>([
    ['an unknown client', 'credentials', { ...secret, client: 'nobody' }, '', wrong],
    ['a wrong secret', 'credentials', { secret: 'wrong' }, '', wrong],
    ['a wrong password', 'password', { ...secret, ...user }, 'wrong\n', wrong],
    ['a wrong password', 'implicit', user, 'wrong\n', wrong],
    ['an unknown code', 'code', { ...secret, code: 'cs_ac_x' }, '', 'unauthorized_client'],
    ['no code', 'code', secret, '', '--type code needs --code'],
    ['no user', 'password', secret, '', '--type password needs --user'],
    [
      'no server',
      'credentials',
      { ...secret, endpoint: 'http://127.0.0.1:1' },
      '',
      'Connection refused. Check server endpoint.',
    ],
  ])('%s, --type %s: one line', async (_, type, flags, input, line) => {
    const { stdout, stderr, exitCode } = await create(type, flags, input)
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(line)])
  })
})

describe('token refresh', () => {
  const issued = async () => rowOf((await create('password', { ...secret, ...user })).stdout, 'RefreshToken')!
  const refresh = (flags: Record<string, string>, token: string) =>
    server.cli(['token', 'refresh', ...words(flags), token])

  it('as the client', async () => {
    const token = await issued()
    const flags = { client: 'legacy', endpoint: server.url, ...secret }
    const { stdout, exitCode } = await refresh(flags, token)
    expect(exitCode).toBe(0)
    expect(await isActive(rowOf(stdout, 'Value')!)).toBe(true)
    expect(await isActive(token)).toBe(false)
  })

  it('as the administrator, which the ledger tells and the audit believes', async () => {
    const token = await issued()
    const flags = { 'privatekey-file': server.adminKeyFile }
    const { stdout, exitCode, stderr } = await refresh(flags, token)
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(await isActive(rowOf(stdout, 'Value')!)).toBe(true)
    expect(await isActive(token)).toBe(false)
    const history = await server.cli(['audit', 'history', rowOf(stdout, 'Value')!])
    expect(history.stdout).toContain('the administrator has the refresh token rotated')
    expect((await server.cli(['audit', 'verify'])).exitCode).toBe(0)
    // The old one is spent: to use it again would be reuse, and the administrator is told so instead.
    expect(await refresh(flags, token)).toEqual(failed('The token not found.'))
    expect(await isActive(rowOf(stdout, 'Value')!)).toBe(true)
  })

  it('an unknown token, or an access token: the words of SignOn 1.1', async () => {
    const flags = { 'privatekey-file': server.adminKeyFile }
    const { stdout } = await create('credentials', secret)
    for (const token of ['cs_rt_x', rowOf(stdout, 'Value')!])
      expect(await refresh(flags, token)).toEqual(failed('The token not found.'))
    const asClient = { client: 'legacy', endpoint: server.url, ...secret }
    expect(await refresh(asClient, 'cs_rt_x')).toEqual(failed('The token not found.'))
  })
})
