/** From nothing to a running server, without questions, in the words of the documentation. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { clientsFile, issueToken, sampleUser, usersFile } from '../support/oauth-requests.ts'
import { type CliResult, eventually, makeHome, temporaryFolder } from '../support/server.ts'

const monitorKeys = {
  authorization: { issuance: 'number', consumption: 'number' },
  token: { issuance: 'number', revocation: 'number', refresh: 'number' },
  cache: { hitRate: 'number' },
  coinstack: { read: 'number', write: 'number' },
  ends: {
    sessions: {
      logout: 'number',
      administrator: 'number',
      expired: 'number',
      user_removed: 'number',
      password_changed: 'number',
      replaced: 'number',
    },
    grants: {
      client: 'number',
      administrator: 'number',
      logout: 'number',
      code_reuse: 'number',
      refresh_reuse: 'number',
      session: 'number',
      password_changed: 'number',
    },
    notices: { delivered: 'number', failed: 'number' },
    pauses: { user: 'number', client: 'number', device: 'number', address: 'number' },
  },
  history: { client: 'array', authorization: 'array', token: 'array' },
  ledger: { position: 'number' },
  anchors: { confirmed: 'number', pending: 'number', lagEvents: 'number' },
}

/** A value with every leaf replaced by what kind of thing it is. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return 'array'
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]))
}

describe('from nothing to a running server', () => {
  const home = makeHome({ NODE_PORT: '0' })
  const adminKeyFile = join(temporaryFolder(), 'admin.key')
  const key = ['--privatekey-file', adminKeyFile]
  let administrator: { wif: string; address: string }

  const said = async (words: string[], options = {}): Promise<string> => {
    const result: CliResult = await home.cli(words, options)
    expect(result, words.join(' ')).toMatchObject({ exitCode: 0, stderr: '' })
    return result.stdout
  }
  const url = async () => (await (await home.connect())!.operations.status({})).issuer
  const processId = async () => (await (await home.connect())!.operations.status({})).processId

  beforeAll(async () => {
    const text = await said(['key', 'create', '--address'])
    const [, wif = '', address = ''] = /^(\S+) (\S+)\n$/.exec(text) ?? []
    administrator = { wif, address }
    writeFileSync(adminKeyFile, text, { mode: 0o600 })
  })

  it('server configure --batch writes the file from the environment', async () => {
    const environment = {
      ADMIN_ADDRESS: administrator.address,
      SIGNON_SERVER_PORT: '0',
      N_SERVER_PRIVATEKEYS: '2',
    }
    const text = await said(['server', 'configure', '--batch'], { environment })
    expect(text.match(/^Server address: 1\w+$/gm)).toHaveLength(2)
    expect(readFileSync(home.paths.configurationFile, 'utf8')).toContain(administrator.address)
  })

  it('server start comes back when the server serves', async () => {
    expect(await said(['server', 'start', '--profile', 'dev'])).toBe('Server started\n')
    const health = await fetch(`${await url()}/health/live`)
    expect(health.status).toBe(200)
  })

  it('client create takes the form of SignOn 1.1', async () => {
    expect(await said(['client', 'create', ...key, '--file', clientsFile])).toBe('Client created: trusted\n')
  })

  it('client create takes RFC 7591 metadata and shows the secret it made, once', async () => {
    const input = JSON.stringify({ client_id: 'made', grant_types: ['client_credentials'], scope: 'read' })
    const text = await said(['client', 'create', ...key], { input })
    const [, secret = ''] =
      /^Client created: made\nClient secret \(shown once\): (\S{43})\n$/.exec(text) ?? []
    const answer = await fetch(`${await url()}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`made:${secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    })
    expect(answer.status).toBe(200)
    const block = await said(['client', 'check', 'made'])
    expect(block).toMatch(/^ClientSecret +\$argon2id\$/m)
    expect(block).not.toContain(secret)
  })

  it('user create registers a user who can log in', async () => {
    expect(await said(['user', 'create', ...key, '--file', usersFile])).toBe('User created: alice\n')
  })

  it('server check says that it runs, and how far the anchors are', async () => {
    expect(await said(['server', 'check', '--profile', 'dev'])).toMatch(
      /^Server is running\nAnchors: \d+ confirmed, \d+ pending, \d+ events behind, node reachable\nSessions ended: none; logouts told: none\nGrants ended: none; pauses: none\n$/,
    )
    expect(JSON.parse(await said(['server', 'check', '--json']))).toMatchObject({
      state: 'running',
      health: { status: 'ready', anchors: { node: 'reachable' } },
    })
  })

  it('server monitor --once prints the screen, --json its values', async () => {
    await issueToken(await url())
    const screen = await said(['server', 'monitor', '--once'])
    expect(screen).toContain('# Current services')
    expect(screen).toContain('Issuance|Consumption|Issuance|Revocation|Refresh|Hit Rate|Read|Write')
    expect(screen).toMatch(/# History\nClient [\s\S]+\nAuthorization [\s\S]+\nToken /)
    const values = JSON.parse(await said(['server', 'monitor', '--json']))
    expect(shapeOf(values)).toEqual(monitorKeys)
    expect(values).toMatchObject({ token: { issuance: 2, revocation: 0 }, ledger: { position: 7 } })
    expect(values.history.token).toHaveLength(60)
  })

  it('server monitor follows until it is ended', async () => {
    const monitor = home.run(['server', 'monitor', '--interval', '1'])
    await monitor.shows('# Current services')
    monitor.kill('SIGINT')
    const { code, signal } = await monitor.finished
    expect({ code, signal }).toEqual({ code: 0, signal: null })
  })

  it('server log shows the last lines and follows until it is ended', async () => {
    const log = home.run(['server', 'log'])
    await log.shows('serving')
    await said(['client', 'remove', ...key, 'made'])
    await log.shows('anchor sent')
    log.kill('SIGTERM')
    expect((await log.finished).code).toBe(0)
  })

  it('server restart replaces the process', async () => {
    const before = await processId()
    expect(await said(['server', 'restart', '--profile', 'dev'])).toBe('Server stopped\nServer started\n')
    expect(await processId()).not.toBe(before)
    await issueToken(await url())
  })

  it('nothing secret stands in a log', async () => {
    const { access_token: token } = await issueToken(await url())
    const serverKeys = readFileSync(home.paths.configurationFile, 'utf8').match(/\b[KL]\w{51}\b/g) ?? []
    expect(serverKeys).toHaveLength(2)
    const secrets = [administrator.wif, ...serverKeys, token, sampleUser.password]
    const logs = readdirSync(home.paths.logs).map((name) => readFileSync(join(home.paths.logs, name), 'utf8'))
    for (const secret of secrets) expect(logs.some((log) => log.includes(secret))).toBe(false)
    expect(logs.join('')).toContain('serving')
  })

  it('server stop ends it and leaves no file of the process', async () => {
    expect(await said(['server', 'stop'])).toBe('Server stopped\n')
    expect(readdirSync(join(home.home, 'run'))).toEqual([])
    expect(await home.cli(['server', 'check'])).toMatchObject({ exitCode: 1, stdout: 'Server stopped\n' })
  })

  it('server stop --force ends it at once', async () => {
    await said(['server', 'start', '--profile', 'dev'])
    expect(await said(['server', 'stop', '--force'])).toBe('Server stopped\n')
    expect(await home.cli(['server', 'check'])).toMatchObject({ exitCode: 1, stdout: 'Server stopped\n' })
  })

  it.each(['monitor', 'log', 'stop', 'restart'])(
    'server %s with no server: No process detected',
    async (verb) => {
      expect(await home.cli(['server', verb])).toEqual({
        exitCode: 1,
        stdout: '',
        stderr: 'No process detected\n',
      })
    },
  )

  it.skipIf(!existsSync('/proc/self/cmdline'))(
    'a key in a file or on standard input never shows in the process list',
    async () => {
      const child = home.run(['client', 'create', ...key])
      // It waits for its standard input, so this is what `ps` shows of it.
      const commandLine = await eventually('the command line', () => {
        const words = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0')
        return words.includes('create') && words
      })
      child.endInput()
      await child.finished
      expect(commandLine.join(' ')).toContain(adminKeyFile)
      expect(commandLine.join(' ')).not.toContain(administrator.wif)
    },
  )
})
