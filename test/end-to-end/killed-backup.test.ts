/**
 * `kill -9` of `ledger restore` and `ledger backup` all along their way: nothing half has the name of a ledger or a backup,
 * and the next run does it. SIGNON_TEST_SEED repeats the chances of a run, SIGNON_TEST_KILLS takes another number of kills.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { restoreBackup } from '../../src/audit/restore.ts'
import { verifyLedger } from '../../src/audit/verify.ts'
import { verifySignature } from '../../src/auditor.ts'
import { loadSettings } from '../../src/config/load.ts'
import { openCore } from '../../src/core.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import { program } from '../commands/program.ts'
import { type BareHome, bareHome } from '../support/bare-server.ts'
import { runAndKill } from '../support/killed-program.ts'
import { client, type Random, randomOf } from '../support/known-tokens.ts'
import { isActive, issueToken } from '../support/oauth-requests.ts'
import { startProcess, temporaryFolder } from '../support/server.ts'

const timeout = 600_000
const kills = Number(process.env.SIGNON_TEST_KILLS ?? 12)
const seed = Number(process.env.SIGNON_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const haltingProgram = new URL('./halting-program.js', import.meta.url)

let home: BareHome
let token: string
let backup: string
let random: Random

beforeAll(async () => {
  random = randomOf(seed)
  home = bareHome(join(temporaryFolder(), 'home'))
  const server = await home.start()
  await home.register()
  token = (await issueToken(server.url, client)).access_token
  server.process.kill('SIGTERM')
  await server.process.finished
  await grow()
  backup = join(temporaryFolder(), 'backup')
  expect(await run(home, 'backup', backup)).toMatchObject({ code: 0 })
}, timeout)

/** So many bytes that they are copied in several batches. */
async function grow(): Promise<void> {
  const loaded = loadSettings({ home: home.paths.home, environment: home.environment })
  const { context, checkpoints, close } = await openCore(loaded, home.paths, 'http://127.0.0.1:1', Date.now)
  const { ledger, secrets } = context
  const issue = () => {
    const issued: Event = {
      type: 'token.issued',
      grantType: 'client_credentials',
      clientId: client.clientId,
      clientVersion: 0,
      subject: null,
      scopes: ['read', 'x'.repeat(10_000)],
      accessTokenHash: secrets.create('access').hash,
      accessExpiresAtSeconds: Math.floor(Date.now() / 1000) + 3600,
      refreshTokenHash: null,
      refreshExpiresAtSeconds: null,
    }
    return ledger.append(streamOf.grant(secrets.identifier()), 0, [issued], Date.now())
  }
  await Promise.all(Array.from({ length: 1000 }, issue))
  await checkpoints.sign()
  await close()
}

function run(of: BareHome, command: 'restore' | 'backup', directory: string) {
  return startProcess([program, 'ledger', command, directory], of.environment).finished
}

/** Steps to be killed at: the one in the middle of each kind, and others as chance has it. */
async function stepsOf(of: BareHome, words: readonly string[]): Promise<string[]> {
  const { stdout } = await startProcess([fileURLToPath(haltingProgram), ...words], of.environment).finished
  const counts = new Map<string, number>()
  for (const [, kind = '', count] of stdout.matchAll(/^(\w[\w ]*) (\d+)$/gm)) counts.set(kind, Number(count))
  const kinds = [...counts]
  const middle = kinds.map(([kind, count]) => `${kind} ${1 + (count >> 1)}`)
  const others = Array.from({ length: Math.max(0, kills - kinds.length) }, () => {
    const [kind, count] = kinds[random(kinds.length)]!
    return `${kind} ${1 + random(count)}`
  })
  return [...middle, ...others]
}

async function killAt(step: string, of: BareHome, words: readonly string[]): Promise<void> {
  const { PATH } = process.env
  await runAndKill(haltingProgram, words, 1, { PATH, ...of.environment, HALT_AT: step })
}

const namesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder).sort() : [])

test(`ledger restore, seed ${seed}`, { timeout }, async () => {
  const path = join(temporaryFolder(), 'home')
  const restored = bareHome(path, { ...home.environment, COINSTACK_SIGNON_HOME: path })
  const { ledger } = restored.paths
  const words = ['ledger', 'restore', backup]
  const found = new Set<boolean>()
  for (const step of await stepsOf(restored, words)) {
    rmSync(dirname(ledger), { recursive: true })
    await killAt(step, restored, words)
    const isThere = namesIn(ledger).length > 0
    found.add(isThere)
    const { code, stderr } = await run(restored, 'restore', backup)
    if (isThere)
      expect({ code, stderr }).toEqual({ code: 1, stderr: `there is a ledger in ${ledger} already\n` })
    else expect(code).toBe(0)
    expect(namesIn(dirname(ledger)).filter((name) => name.includes('partial'))).toEqual([])
    if (!isThere) continue
    const server = await restored.start()
    expect(await isActive(server.url, token, client)).toBe(true)
    server.process.kill('SIGTERM')
    await server.process.finished
    const storage = await openStorage(ledger)
    const { faults } = await verifyLedger(storage, { verifyMessage: verifySignature, rows: true })
    await storage.close()
    expect(faults).toEqual([])
  }
  expect(found.size).toBe(2)
})

test.each(['stopped', 'running'])(
  `ledger backup of a %s server, seed ${seed}`,
  { timeout },
  async (state) => {
    const server = state === 'running' ? await home.start() : undefined
    const target = join(temporaryFolder(), 'backup')
    const words = ['ledger', 'backup', target]
    for (const step of await stepsOf(home, words)) {
      rmSync(target, { recursive: true })
      await killAt(step, home, words)
      const isThere = existsSync(target)
      const { code, stderr } = await run(home, 'backup', target)
      if (isThere) expect({ code, stderr }).toEqual({ code: 1, stderr: `${target} is there already\n` })
      else expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(namesIn(dirname(target))).toEqual(['backup'])
      if (!isThere) continue
      const { paths } = bareHome(join(temporaryFolder(), 'home'))
      const { verification } = await restoreBackup(target, paths, { verifyMessage: verifySignature })
      expect(verification.ok).toBe(true)
    }
    if (server) expect(await isActive(server.url, token, client)).toBe(true)
  },
)
