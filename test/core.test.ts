/** Opening the ledger introduces the server: one event of each key, signed by it, and no event twice. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { openedServers } from '../src/audit/receipts.ts'
import { verifyMessage } from '../src/chain/message.ts'
import { type HomePaths, homePaths, prepareHome } from '../src/config/home.ts'
import { loadSettings } from '../src/config/load.ts'
import { openCore } from '../src/core.ts'
import { serverText } from '../src/oauth/administration.ts'
import { testKey } from './chain/support.ts'

const homes: string[] = []
afterAll(() => {
  for (const home of homes) rmSync(home, { recursive: true, force: true })
})
let paths: HomePaths
beforeEach(() => {
  const home = mkdtempSync(join(tmpdir(), 'signon-core-'))
  homes.push(home)
  paths = homePaths(home)
  prepareHome(paths)
})

const keys = ['server', 'second key', 'third key'].map(testKey)
const [first, second, third] = keys.map(({ address }) => address)
const [administrator, successor] = ['administrator', 'successor'].map((name) => testKey(name).address)

/** Starts with so many keys, and tells who stands in the ledger then. */
async function introduced(count: number, by = administrator, order = keys) {
  const environment = {
    COINSTACK_ENDPOINT: 'embedded',
    SIGNON_SERVER_PRIVATEKEYS: order
      .slice(0, count)
      .map((key) => key.toWif())
      .join(','),
    SIGNON_ADMIN_ADDRESS: by!,
    SIGNON_LEDGER_ORIGIN: 'core.signon.example',
  }
  const loaded = loadSettings({ home: paths.home, environment })
  const core = await openCore(loaded, paths, 'http://127.0.0.1:1', Date.now)
  try {
    const servers = await openedServers(core.context.ledger.storage)
    for (const { event } of servers)
      expect(verifyMessage(serverText(event), event.serverAddress, event.signature)).toBe(true)
    expect(servers).toHaveLength(core.context.ledger.size)
    return servers.map(({ event }) => event)
  } finally {
    await core.close()
  }
}
const addresses = (events: Awaited<ReturnType<typeof introduced>>) => events.map((it) => it.serverAddress)

test.each([1, 2, 3])('%i keys, each once however often the server starts', async (count) => {
  const events = await introduced(count)
  expect(addresses(events)).toEqual([first, second, third].slice(0, count))
  expect(new Set(events.map(({ checkpointKey }) => checkpointKey)).size).toBe(1)
  expect(await introduced(count)).toEqual(events)
})

test('a key that is added later is introduced at the next start', async () => {
  await introduced(1)
  expect(addresses(await introduced(2))).toEqual([first, second])
  expect(addresses(await introduced(3))).toEqual([first, second, third])
})

test('another administrator is named by every key', async () => {
  await introduced(2)
  const events = await introduced(2, successor)
  expect(addresses(events)).toEqual([first, second, first, second])
  expect(events.map((it) => it.administratorAddress)).toEqual([
    administrator,
    administrator,
    successor,
    successor,
  ])
})

test('another first key brings another checkpoint key, for which every key vouches', async () => {
  await introduced(2)
  const events = await introduced(2, administrator, keys.slice(0, 2).reverse())
  expect(addresses(events)).toEqual([first, second, second, first])
  const [a, b, c, d] = events.map(({ checkpointKey }) => checkpointKey)
  expect([b, d]).toEqual([a, c])
  expect(a).not.toBe(c)
})
