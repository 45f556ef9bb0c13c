/** Commands as programs: their results for people and for programs, through pipes, and to readers who have gone. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { program } from '../commands/program.ts'
import {
  isActive,
  issueToken,
  postForm,
  registerSample,
  sampleClient,
  sampleUser,
  signOn,
} from '../support/oauth-requests.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
let key: string[]
let file: (name: string, text: string) => string

beforeAll(async () => {
  server = await startServer({ environment: { SIGNON_REGISTRATION_MODE: 'token', NO_COLOR: '1' } })
  key = ['--privatekey-file', server.adminKeyFile]
  file = (name, text) => {
    const path = join(server.home, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  await registerSample(server)
})

/** Standard output of a command that must do what it is told, without a word beside it. */
async function said(words: readonly string[], input = ''): Promise<string> {
  const result = await server.cli(words, { input })
  expect(result, words.join(' ')).toMatchObject({ exitCode: 0, stderr: '' })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what must not be there
  expect(result.stdout).not.toMatch(/\u001b/)
  return result.stdout
}

const json = async (words: readonly string[], input = '') =>
  JSON.parse(await said([...words, '--json'], input))
const secretPattern = /^[\w-]{43}$/
const [webRedirect] = sampleClient.registeredRedirectUris

async function refused(words: readonly string[], line: string | RegExp, input = ''): Promise<void> {
  const result = await server.cli(words, { input })
  expect({ ...result, stderr: result.stderr.trimEnd() }).toEqual({
    exitCode: expect.toSatisfy((code) => code === 1 || code === 2),
    stdout: '',
    stderr: typeof line === 'string' ? line : expect.stringMatching(line),
  })
  expect(result.stderr.trimEnd()).not.toContain('\n')
}

describe('client create', () => {
  const made = (clientId: string) => ({
    client_id: clientId,
    grant_types: ['client_credentials'],
    scope: 'read',
  })
  const works = async (clientId: string, clientSecret: string) =>
    (await issueToken(server.url, { clientId, clientSecret })).access_token.startsWith('cs_at_')

  it('--json tells the secret of each client', async () => {
    const { clients } = await json(['client', 'create', ...key], JSON.stringify([made('one'), made('two')]))
    expect(clients).toMatchObject([
      { clientId: 'one', clientSecret: expect.stringMatching(secretPattern) },
      { clientId: 'two', clientSecret: expect.stringMatching(secretPattern) },
    ])
    for (const { clientId, clientSecret } of clients) expect(await works(clientId, clientSecret)).toBe(true)
  })

  it.each([[[]], [['--json']]])(
    '%j: none where a later one is there already, so that no secret is lost',
    async (how) => {
      const input = JSON.stringify([made('three'), made('one')])
      await refused(['client', 'create', ...key, ...how], 'the client one exists already', input)
      expect(await server.cli(['client', 'check', 'three'])).toMatchObject({ exitCode: 1, stdout: '' })
    },
  )
})

describe('user create', () => {
  it('registers none where a later one is there already', async () => {
    const users = ['bob', sampleUser.username].map((username) => ({
      username,
      password: 'a password',
      authorities: [],
    }))
    await refused(['user', 'create', ...key], 'the user alice exists already', JSON.stringify(users))
    expect(await server.cli(['user', 'check', 'bob'])).toMatchObject({ exitCode: 1, stdout: '' })
  })
})

describe('client invite', () => {
  const register = async (token: string) =>
    (
      await fetch(`${server.url}/oauth/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ redirect_uris: ['https://new.example/'] }),
      })
    ).status

  it('prints a token with which a client registers itself, as often as was said', async () => {
    const text = await said(['client', 'invite', ...key, '--scope', 'read'])
    const [, token = ''] =
      /^Invitation issued: [\w-]{43}\nInitial access token \(shown once\): (\S+)\n$/.exec(text) ?? []
    expect([await register(token), await register(token)]).toEqual([201, 401])
  })

  it('--json tells the same, and --withdraw takes it back', async () => {
    const { token, invitation, terms } = await json([
      'client',
      'invite',
      ...key,
      '--scope',
      'read',
      '--uses',
      '2',
    ])
    expect(terms).toMatchObject({ scopes: ['read'], uses: 2 })
    expect(await register(token)).toBe(201)
    const withdraw = ['client', 'invite', ...key, '--withdraw', invitation]
    expect(await said(withdraw)).toBe(`Invitation withdrawn: ${invitation}\n`)
    expect(await register(token)).toBe(401)
    await refused(withdraw, 'The invitation not found.')
  })

  it('bad input', async () => {
    await refused(['client', 'invite', ...key, '--uses', '0'], /greater than or equal to 1/)
    await refused(['client', 'invite', ...key, '--grant-type', 'password'], /^an invitation is for/)
    await refused(['client', 'invite', ...key, '--withdraw', 'x', '--open'], /withdraw/)
    await refused(['client', 'invite'], /^the private key is missing/)
  })
})

describe('client secret', () => {
  it('the new one counts, and the former one as long as was said', async () => {
    const { clientSecret: before } = (
      await json(
        ['client', 'create', ...key],
        JSON.stringify({ client_id: 'changing', grant_types: ['client_credentials'], scope: 'read' }),
      )
    ).clients[0]
    const text = await said(['client', 'secret', ...key, '--keep', '3600', 'changing'])
    const [, after = ''] =
      /^Client secret \(shown once\): (\S{43})\nThe former secret counts until \S+Z\n$/.exec(text) ?? []
    for (const clientSecret of [before, after])
      await issueToken(server.url, { clientId: 'changing', clientSecret })
    const { clientSecret: last } = await json(['client', 'secret', ...key, 'changing'])
    await issueToken(server.url, { clientId: 'changing', clientSecret: last })
    await expect(issueToken(server.url, { clientId: 'changing', clientSecret: before })).rejects.toThrow(
      '401',
    )
  })

  it('bad input', async () => {
    await refused(['client', 'secret', ...key, 'nobody'], 'The client not found.')
    await refused(['client', 'secret', ...key, '--keep', '-1', 'trusted'], /greater than or equal to 0/)
  })
})

describe('client update', () => {
  it('replaces the metadata, and tokens stay', async () => {
    const { access_token: token } = await issueToken(server.url)
    const { clientSecret: _, ...metadata } = sampleClient as unknown as Record<string, unknown>
    const input = JSON.stringify({ ...metadata, description: 'Another description' })
    expect(await said(['client', 'update', ...key, 'trusted'], input)).toBe('Client updated: trusted\n')
    expect(await said(['client', 'check', 'trusted'])).toContain('Another description')
    expect(await isActive(server.url, token)).toBe(true)
    const path = file('client.json', input)
    expect(await json(['client', 'update', ...key, '--file', path, 'trusted'])).toMatchObject({
      clientId: 'trusted',
    })
  })

  it('bad input', async () => {
    const update = ['client', 'update', ...key, 'trusted']
    await refused(update, 'one JSON object is expected', '[{},{}]')
    await refused(update, /^a secret is not changed here/, '{"clientId":"trusted","clientSecret":"x"}')
    await refused(update, 'the metadata is that of other', '{"clientId":"other"}')
    await refused(['client', 'update', ...key, 'nobody'], 'The client not found.', '{}')
  })
})

describe('pauses', () => {
  const guess = (form: Record<string, string>, client = sampleClient) =>
    postForm<{ error: string }>(server.url, '/oauth/token', form, client)

  it('client unlock lifts that of a client; monitor and check have counted it', async () => {
    const wrong = { clientId: 'trusted', clientSecret: 'wrong' } as typeof sampleClient
    const statuses: number[] = []
    for (let i = 0; i < 6; i++)
      statuses.push((await guess({ grant_type: 'client_credentials' }, wrong)).status)
    expect(statuses.at(-1)).toBe(429)
    expect((await json(['server', 'monitor'])).ends.pauses.client).toBeGreaterThan(0)
    expect(await said(['server', 'check', '--profile', 'test'])).toMatch(/pauses: client \d/)
    expect(await said(['client', 'unlock', ...key, 'trusted'])).toBe('Client unlocked: trusted\n')
    await issueToken(server.url)
  })

  it('user unlock lifts that of a user, and nobody else’s', async () => {
    const page = async (password: string) => {
      const form = await fetch(`${server.url}/login`)
      const cookie = form.headers
        .getSetCookie()
        .map((text) => text.split(';', 1)[0])
        .join('; ')
      const [, csrf = ''] = /name="_csrf" value="([^"]+)"/.exec(await form.text()) ?? []
      const answer = await fetch(`${server.url}/login`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie },
        body: new URLSearchParams({ _csrf: csrf, username: sampleUser.username, password }),
      })
      await answer.text()
      return answer.status
    }
    for (let i = 0; i < 6; i++) await page('wrong')
    expect(await page(sampleUser.password)).toBe(429)
    expect(await json(['user', 'unlock', ...key, 'alice'])).toMatchObject({ name: 'alice' })
    expect(await page(sampleUser.password)).toBe(303)
    for (const topic of ['user', 'client'])
      await refused([topic, 'unlock', ...key, 'nobody'], 'There is no lock.')
  })
})

describe('user update and password', () => {
  it('new authorities and a new password: --json', async () => {
    const updated = await json(['user', 'update', ...key, '--authorities', 'USER, ADMIN', 'alice'])
    expect(updated).toMatchObject({ username: 'alice', authorities: ['USER', 'ADMIN'] })
    const { access_token: token } = await signOn(server.url)
    expect(await json(['user', 'password', ...key, 'alice'], `${sampleUser.password}\n`)).toMatchObject({
      username: 'alice',
    })
    expect(await isActive(server.url, token)).toBe(false)
    await refused(['user', 'password', ...key, 'alice'], /password/, '\n')
    await refused(['user', 'update', ...key, '--authorities', 'USER', 'nobody'], 'The user not found.')
  })
})

describe('code and token, --json', () => {
  const endpoint = () => ['--endpoint', server.url]

  it('a code, what it is, the tokens for it, what they are, the next ones, and their end', async () => {
    const { code } = await json(
      ['code', 'create', '--client', 'trusted', '--user', 'alice', '--redirect', webRedirect!, ...endpoint()],
      `${sampleUser.password}\n`,
    )
    expect(await json(['code', 'check', code])).toMatchObject({ Value: code })
    const secretFile = file('trusted.secret', `${sampleClient.clientSecret}\n`)
    const asClient = ['--client', 'trusted', '--secret-file', secretFile, ...endpoint()]
    const redeem = ['--type', 'code', '--code', code, '--redirect', webRedirect!]
    const tokens = await json(['token', 'create', ...redeem, ...asClient])
    expect(tokens.access_token).toMatch(/^cs_at_/)
    expect(await json(['token', 'check', tokens.access_token])).toMatchObject({ Value: tokens.access_token })
    const next = await json(['token', 'refresh', ...asClient, tokens.refresh_token])
    expect(await isActive(server.url, next.access_token)).toBe(true)
    expect(await json(['token', 'remove', ...key, next.access_token])).toEqual({
      position: expect.any(Number),
    })
    expect(await isActive(server.url, next.access_token)).toBe(false)
    await refused(['token', 'refresh', ...asClient, tokens.refresh_token], 'The token not found.')
    await refused(['token', 'refresh', ...key, 'no token'], 'The token not found.')
    await refused(['code', 'check', 'no code'], 'The code not found.')
  })
})

describe('ledger and keys', () => {
  it('ledger seal and stats', async () => {
    expect(await said(['ledger', 'seal', '--before', '2020-01-01T00:00:00Z'])).toBe(
      'Sealed: 0 events, 0 grants and sessions that are over\n',
    )
    const sealed = await json(['ledger', 'seal', '--before', new Date().toISOString()])
    expect(sealed.events).toBeGreaterThan(10)
    expect(await said(['ledger', 'stats'])).toMatch(/^Events +\d+$/m)
    expect((await server.cli(['audit', 'verify'])).exitCode).toBe(0)
    await refused(['ledger', 'seal', '--before', 'yesterday'], /yesterday/)
  })

  it('key list and rotate', async () => {
    const { keys } = await json(['key', 'rotate', '--algorithm', 'ES256'])
    expect((await said(['key', 'list'])).trimEnd().split('\n')).toHaveLength(keys.length)
    await refused(['key', 'rotate', '--algorithm', 'HS256'], /ES256/)
    await refused(['key', 'witness', 'one two'], /^a key name is not empty and has no space/)
  })

  it('audit at and replay', async () => {
    const { access_token: token } = await issueToken(server.url)
    expect(token).toMatch(/^cs_at_/)
    const at = new Date().toISOString()
    expect(await said(['audit', 'at', at, '--client', 'trusted'])).toContain('trusted')
    const lines = (await said(['audit', 'replay', '--from', '1'])).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).position)).toEqual(lines.map((_, i) => i + 1))
    await refused(['audit', 'at', 'soon'], /soon/)
    await refused(['audit', 'replay', '--from', '-1'], /greater than or equal to 0/)
  })
})

describe('a reader who has gone', () => {
  /** Standard output is closed before the program writes to it. */
  async function unread(words: readonly string[]) {
    const child = spawn(process.execPath, [program, ...words], {
      env: { PATH: process.env.PATH, HOME: server.home, COINSTACK_SIGNON_HOME: server.home },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (data) => {
      stderr += data
    })
    const [code] = await once(child, 'close')
    return { code, stderr }
  }

  it.each([
    [['--help']],
    [['client', 'list']],
    [['client', 'list', '--json']],
    [['audit', 'replay']],
    [['audit', 'verify', '--offline', '--json']],
    [['server', 'monitor', '--once']],
    [['server', 'monitor']],
    [['server', 'log']],
  ])('%j: the program ends without a word, and not as if all were well', async (words) => {
    expect(await unread(words)).toEqual({ code: 141, stderr: '' })
  })
})
