/** Who only looks changes nothing: a stopped server's data are after it what they were, and no ledger is begun. */
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { createKeys } from '../../src/admin/keys.ts'
import { issueToken, registerSample } from '../support/oauth-requests.ts'
import { makeConfiguredHome, startServer, type TestServer, temporaryFolder } from '../support/server.ts'

const looks = [
  'audit verify --offline',
  'audit replay',
  'audit receipt --position 0 --unanchored',
  'audit export --from 0 --to 1 --unanchored -o NEW',
  'ledger stats',
  'ledger retain --dry-run',
  'ledger backup NEW',
  'client check my-client',
  'key list',
]
const wordsOf = (line: string) =>
  line.split(' ').map((word) => (word === 'NEW' ? join(temporaryFolder(), 'new') : word))

describe('where another administrator stands in the settings and the head file is gone', () => {
  const environment = { SIGNON_ADMIN_ADDRESS: createKeys(1)[0]!.address }
  let server: TestServer
  let headFile: string
  let events: string

  beforeAll(async () => {
    server = await startServer()
    await registerSample(server)
    await issueToken(server.url)
    await server.stop()
    events = (await server.cli(['audit', 'replay'])).stdout
    headFile = join(server.home, 'data', 'head')
    rmSync(headFile)
  })

  it('all is as it was, whoever has looked', async () => {
    for (const line of looks) await server.cli(wordsOf(line), { environment })
    expect((await server.cli(['audit', 'replay'])).stdout).toBe(events)
    expect(existsSync(headFile)).toBe(false)
  }, 300_000)

  it('verification says that the administrator is another one', async () => {
    const { stdout, exitCode } = await server.cli(['audit', 'verify', '--offline'], { environment })
    expect(stdout).toMatch(/^FAULT server_untrusted at position 0: administrator \S+ is not trusted$/m)
    expect(exitCode).toBe(1)
  })
})

it.each(['audit verify', 'audit replay', 'ledger stats'])('%s: of a home without a ledger', async (line) => {
  const home = makeConfiguredHome()
  const { stdout, stderr, exitCode } = await home.cli(wordsOf(line))
  expect(stderr).toBe(`there is no ledger in ${join(home.home, 'data', 'ledger')}\n`)
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 })
  expect(existsSync(join(home.home, 'data'))).toBe(false)
})
