/** `ledger seal` while the server serves and when it is stopped; sealing by itself; an altered file is found. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { isActive, issueToken, registerSample } from '../support/oauth-requests.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'

const later = '2999-01-01'

describe('sealing', () => {
  let server: TestServer
  let token: string
  const files = () => readdirSync(server.paths.segments).sort()

  beforeAll(async () => {
    server = await startServer()
    await registerSample(server)
    token = (await issueToken(server.url)).access_token
    for (let count = 0; count < 20; count++) await issueToken(server.url)
  })

  it('nothing is old enough at first', async () => {
    const { stdout, exitCode } = await server.cli(['ledger', 'seal'])
    expect({ stdout, exitCode }).toEqual({
      stdout: 'Sealed: 0 events, 0 grants and sessions that are over\n',
      exitCode: 0,
    })
  })

  it('of a running server, which goes on', async () => {
    const { stdout, stderr, exitCode } = await server.cli(['ledger', 'seal', '--before', later])
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    // Over by then they will be, but they are not now.
    expect(stdout).toBe('Sealed: 24 events, 0 grants and sessions that are over\n')
    expect(files()).toEqual(['segment-0-23'])
    expect(await isActive(server.url, token)).toBe(true)
    await issueToken(server.url)
  })

  it('a wrong time is refused', async () => {
    const { stderr, exitCode } = await server.cli(['ledger', 'seal', '--before', 'yesterday'])
    expect({ stderr, exitCode }).toEqual({
      stderr: expect.stringMatching(/^"yesterday" is no moment: .*\n$/),
      exitCode: 1,
    })
  })

  it('audit verify, history and stats of the running server', async () => {
    const verified = await server.cli(['audit', 'verify'])
    expect(verified.stdout).toMatch(/^25 events, .*: nothing missing, nothing altered\n/)
    expect(verified.stdout).toContain('1 file of older events: as they were written\n')
    const history = await server.cli(['audit', 'history', token])
    expect(history.stdout).toContain('token issued')
    const stats = JSON.parse((await server.cli(['ledger', 'stats', '--json'])).stdout)
    expect(stats).toMatchObject({ events: 25, segments: { count: 1, events: 24 } })
    expect((await server.cli(['ledger', 'stats'])).stdout).toMatch(
      /^Segments {2,}1 with 24 events, .* to 1$/m,
    )
  })

  it('erasure reaches the person, whose events are sealed', async () => {
    const erased = await server.cli(['user', 'erase', '--privatekey-file', server.adminKeyFile, 'alice'])
    expect(erased.exitCode).toBe(0)
    const verified = await server.cli(['audit', 'verify'])
    expect(verified.stdout).toContain('nothing missing, nothing altered')
    expect(verified.stdout).toContain('1 side record erased')
  })

  it('an altered byte is found by a running server and by a stopped one', async () => {
    const file = join(server.paths.segments, 'segment-0-23')
    const bytes = readFileSync(file)
    const altered = Buffer.from(bytes)
    altered[40]! ^= 1
    writeFileSync(file, altered)
    const running = await server.cli(['audit', 'verify'])
    await server.stop()
    const stopped = await server.cli(['audit', 'verify'])
    writeFileSync(file, bytes)
    for (const { exitCode, stdout, stderr } of [running, stopped]) {
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
      expect(stdout).toContain(
        'FAULT segment_altered at position 0: block 0 of segment-0-23 is altered: events from position 0 on\n',
      )
      // The block holds the opening of the server too: whose signatures count cannot be known.
      expect(stdout).not.toContain('checkpoint_signature')
    }
  })

  it('of a stopped server', async () => {
    const sealed = await server.cli(['ledger', 'seal', '--before', later])
    expect(sealed.stdout).toMatch(/^Sealed: \d+ events/)
    expect(files().length).toBe(2)
    expect((await server.cli(['audit', 'verify'])).stdout).toContain('2 files of older events')
  })
})

describe('a server with a short age', () => {
  it('seals by itself', async () => {
    const server = await startServer({ environment: { SIGNON_LEDGER_SEAL_AFTER: '1' } })
    await registerSample(server)
    const { access_token: token } = await issueToken(server.url)
    await eventually('a segment', () => readdirSync(server.paths.segments).length > 0)
    expect(await isActive(server.url, token)).toBe(true)
    await server.kill('SIGKILL')
    const { stdout } = await server.cli(['audit', 'verify'])
    expect(stdout).toContain('nothing missing, nothing altered')
  })
})
