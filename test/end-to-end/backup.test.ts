/** `ledger backup` while the server issues tokens, `ledger restore` elsewhere, and the server on what was restored. */
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { isActive, issueToken, registerSample } from '../support/oauth-requests.ts'
import { type ConfiguredHome, makeConfiguredHome, startServer, type TestServer } from '../support/server.ts'

describe('ledger', () => {
  let server: TestServer
  let home: ConfiguredHome
  let backup: string
  let first: string

  beforeAll(async () => {
    server = await startServer()
    await registerSample(server)
    first = (await issueToken(server.url)).access_token
    home = makeConfiguredHome()
    backup = join(server.home, 'backup')
  })

  it('backup of a running server, under load', async () => {
    let isDone = false
    const load = async () => {
      while (!isDone) await issueToken(server.url)
    }
    const loads = [load(), load(), load()]
    const { stdout, stderr, exitCode } = await server.cli(['ledger', 'backup', backup])
    isDone = true
    await Promise.all(loads)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^Backup written: \d+ events, root \S+=\n$/)
    expect(exitCode).toBe(0)
    const { size } = JSON.parse(readFileSync(join(backup, 'manifest.json'), 'utf8'))
    expect(size).toBeGreaterThan(4)
    expect((await (await server.connect())!.operations.status({})).position).toBeGreaterThan(size)
  })

  it('backup refuses what is there', async () => {
    const refused = { stdout: '', stderr: `${backup} is there already\n`, exitCode: 1 }
    expect(await server.cli(['ledger', 'backup', backup])).toEqual(refused)
  })

  it('stats of a running server', async () => {
    const { stdout, exitCode } = await server.cli(['ledger', 'stats', '--types', '--json'])
    expect(exitCode).toBe(0)
    const stats = JSON.parse(stdout)
    expect(stats).toMatchObject({ types: { 'client.registered': 1, 'user.registered': 1 } })
    expect(stats.rate.perSecond).toBeGreaterThan(0)
    expect((await server.cli(['ledger', 'stats'])).stdout).toMatch(/^Events {2,}\d+$/m)
  })

  it('restore refuses a home that has a ledger', async () => {
    const { stderr, exitCode } = await server.cli(['ledger', 'restore', backup])
    expect(stderr).toBe('a server runs in this home and has its own ledger\n')
    expect(exitCode).toBe(1)
    await server.stop()
    const { stderr: again } = await server.cli(['ledger', 'restore', backup])
    expect(again).toBe(`there is a ledger in ${server.paths.ledger} already\n`)
  })

  it('restore into an empty home', async () => {
    const { stdout, stderr, exitCode } = await home.cli(['ledger', 'restore', backup])
    const { address } = server.serverKeys[0]!
    expect(stdout).toMatch(/^Ledger restored: \d+ events, root \S+=\n/)
    expect(stdout).toContain(`administrator ${server.administrator.address}\nServers: ${address}\n`)
    expect(stderr).toBe('the backup holds no keys and no settings: those of the server are still needed\n')
    expect(exitCode).toBe(0)
    expect(existsSync(home.paths.checkpointFile)).toBe(true)
  })

  it('serves from what was restored, with the keys it had', async () => {
    cpSync(server.paths.configurationFile, home.paths.configurationFile)
    const restored = await startServer({ home })
    expect(await isActive(restored.url, first)).toBe(true)
    await issueToken(restored.url)
    await restored.stop()
    const { stdout, exitCode } = await home.cli(['audit', 'verify', '--offline'])
    expect(stdout).toContain('nothing missing, nothing altered')
    expect(exitCode).toBe(0)
  })

  it('backup of a stopped server', async () => {
    const stopped = join(home.home, 'backup')
    expect((await home.cli(['ledger', 'backup', stopped])).exitCode).toBe(0)
    const empty = makeConfiguredHome()
    expect((await empty.cli(['ledger', 'restore', stopped])).exitCode).toBe(0)
  })
})
