/** `user erase`: afterwards nothing in the ledger's files names the person, and everything still verifies. */
import { beforeAll, describe, expect, it } from 'vitest'
import { rangeOf } from '../../src/ledger/layout.ts'
import { filesHolding } from '../support/ledger.ts'
import { isActive, registerSample, sampleUser, signOn } from '../support/oauth-requests.ts'
import { startServer, type TestServer } from '../support/server.ts'

describe('user erase', () => {
  let server: TestServer
  let key: string[]
  let subject: string
  let token: string

  beforeAll(async () => {
    server = await startServer()
    key = ['--privatekey-file', server.adminKeyFile]
    await registerSample(server)
    token = (await signOn(server.url)).access_token
    const { stdout } = await server.cli(['audit', 'history', '--user', sampleUser.username, '--json'])
    subject = JSON.parse(stdout).events[0].subject
  })

  const holding = (text: string | Buffer) => filesHolding(server.paths.ledger, text)

  /** What each side record begins with; random, so that it stands in the files as it is. */
  async function saltsOfSides(): Promise<Buffer[]> {
    const salts: Buffer[] = []
    for await (const [, side] of (await server.connect())!.reader.entries(rangeOf('side')))
      salts.push(Buffer.from(side.subarray(0, 32)))
    return salts
  }

  it('takes the name out of all files of the ledger', async () => {
    expect(holding(sampleUser.username)).not.toEqual([])
    const salts = await saltsOfSides()
    expect(salts).toHaveLength(3)
    const done = { stdout: `User erased: ${subject}\n`, stderr: '', exitCode: 0 }
    expect(await server.cli(['user', 'erase', ...key, sampleUser.username])).toEqual(done)
    expect(holding(sampleUser.username)).toEqual([])
    const left = salts.filter((salt) => holding(salt).length > 0)
    // That of the client's secret.
    expect(left).toHaveLength(1)
    expect(await saltsOfSides()).toEqual(left)
  })

  it('ends the tokens', async () => {
    expect(await isActive(server.url, token)).toBe(false)
    await expect(signOn(server.url)).rejects.toThrow('401 at /login')
  })

  it('leaves nobody of this name to be found', async () => {
    const gone = { stdout: '', stderr: 'The user not found.\n', exitCode: 1 }
    const { username } = sampleUser
    expect(await server.cli(['audit', 'history', '--user', username])).toEqual(gone)
    expect(await server.cli(['user', 'check', username])).toEqual(gone)
    expect(await server.cli(['user', 'erase', ...key, username])).toEqual(gone)
    expect(await server.cli(['user', 'erase', ...key, '--subject', 'nobody'])).toEqual(gone)
  })

  it('leaves the pseudonym', async () => {
    const words = ['audit', 'history', '--subject', subject, '--disclose']
    const { stdout, exitCode } = await server.cli(words)
    expect(exitCode).toBe(0)
    expect(stdout).toContain(`user ${subject} registered by the administrator`)
    expect(stdout).toContain(`user ${subject} erased by the administrator`)
    expect(stdout).not.toContain(sampleUser.username)
  })

  it.each(['running', 'stopped'])('verifies, with the erased side records counted: %s', async (state) => {
    if (state === 'stopped') await server.stop()
    const { stdout, exitCode } = await server.cli(['audit', 'verify'])
    expect(stdout).toMatch(/nothing missing, nothing altered\n/)
    expect(stdout).toContain('2 side records erased')
    expect(exitCode).toBe(0)
  })

  it('does it for a stopped server, again, by the pseudonym', async () => {
    const { exitCode } = await server.cli([
      'user',
      'erase',
      ...key,
      '--profile',
      'test',
      '--subject',
      subject,
    ])
    expect(exitCode).toBe(0)
    expect((await server.cli(['audit', 'verify'])).exitCode).toBe(0)
  })
})
