/**
 * `kill -9` at fifty random moments under load: whatever was answered is there, nothing is half written, the tree is
 * that of the records and the read models are a fresh fold. SIGNON_TEST_SEED repeats the chances of a run,
 * SIGNON_TEST_KILLS takes another number of kills.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { verifyLedger } from '../../src/audit/verify.ts'
import { verifyMessage } from '../../src/chain/message.ts'
import { rangeOf } from '../../src/ledger/layout.ts'
import { readEvents, readRecords, rootOfSize } from '../../src/ledger/reader.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { eventCodec } from '../support/authorization.ts'
import { bareHome } from '../support/bare-server.ts'
import { KnownTokens, type Random, randomOf } from '../support/known-tokens.ts'
import { temporaryFolder } from '../support/server.ts'
import { merkleTreeHash } from '../tree/reference.ts'

const kills = Number(process.env.SIGNON_TEST_KILLS ?? 50)
const connections = 8
const seed = Number(process.env.SIGNON_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Requests over all connections until the process is killed, once so many were answered and a moment has passed. */
async function loadAndKill(
  load: KnownTokens,
  url: string,
  kill: () => Promise<void>,
  random: Random,
): Promise<void> {
  const answersUntilKill = 10 + random(70)
  const moment = random(8)
  let answers = 0
  let killed: Promise<void> | undefined
  const work = async () => {
    while (!killed) {
      try {
        await load.request(url)
      } catch (error) {
        // fetch tells a broken connection as a TypeError.
        if (!(killed && error instanceof TypeError)) throw error
      }
      answers++
      if (answers >= answersUntilKill) killed ??= delay(moment).then(kill)
    }
  }
  await Promise.all(Array.from({ length: connections }, work))
  await killed
}

/** Opens what a dead server has left and computes everything anew. @returns the number of events */
async function checkRemains(directory: string, headFile: string): Promise<number> {
  const storage = await openStorage(directory)
  try {
    const records: Buffer[] = []
    for await (const [position, record] of readRecords(storage, 0, Number.MAX_SAFE_INTEGER)) {
      expect(position).toBe(records.length)
      records.push(Buffer.from(record))
    }
    const root = merkleTreeHash(records)
    expect(rootOfSize(storage, records.length)).toEqual(root)

    const [size, headRoot] = readFileSync(headFile, 'latin1').trimEnd().split(' ')
    expect(Number(size)).toBeLessThanOrEqual(records.length)
    expect(headRoot).toBe(merkleTreeHash(records.slice(0, Number(size))).toString('base64'))

    const rows = new Map<string, Buffer>()
    for await (const recorded of readEvents(storage, eventCodec, 0, records.length))
      projectRows(recorded, {
        get: (key) => rows.get(key.toString('latin1')),
        put: (key, value) => void rows.set(key.toString('latin1'), value),
        del: (key) => void rows.delete(key.toString('latin1')),
      })
    let found = 0
    for await (const [key, value] of storage.entries(rangeOf('row'))) {
      if (!rows.get(key.toString('latin1', 1))?.equals(value))
        expect.fail(`another row: ${key.toString('hex')}`)
      found++
    }
    expect(found).toBe(rows.size)
    return records.length
  } finally {
    await storage.close()
  }
}

test(`${kills} times kill -9 under load, seed ${seed}`, { timeout: 600_000 }, async () => {
  const random = randomOf(seed)
  const home = bareHome(join(temporaryFolder(), 'home'))
  const { ledger, headFile } = home.paths
  const copy = { ledger: join(temporaryFolder(), 'ledger'), headFile: join(temporaryFolder(), 'head') }
  const load = new KnownTokens(random)
  let server = await home.start()
  await home.register()
  let events = 0
  for (let round = 0; round < kills; round++) {
    const before = load.tokens.size
    const { url, process } = server
    const kill = async () => {
      process.kill('SIGKILL')
      expect((await process.finished).signal).toBe('SIGKILL')
    }
    await loadAndKill(load, url, kill, random)
    rmSync(copy.ledger, { recursive: true, force: true })
    cpSync(ledger, copy.ledger, { recursive: true })
    cpSync(headFile, copy.headFile)
    const [size, started] = await Promise.all([checkRemains(copy.ledger, copy.headFile), home.start()])
    expect(size).toBeGreaterThanOrEqual(events)
    events = size
    server = started
    const all = [...load.tokens.keys()]
    const older = Array.from({ length: 20 }, () => all[random(all.length)]!)
    for (const token of [...all.slice(before), ...older]) await load.assertKnown(server.url, token)
  }
  for (const token of load.tokens.keys()) await load.assertKnown(server.url, token)
  server.process.kill('SIGTERM')
  await server.process.finished
  const storage = await openStorage(ledger)
  const verification = await verifyLedger(storage, {
    verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
    rows: true,
  })
  await storage.close()
  expect(verification).toMatchObject({ ok: true, faults: [] })
  expect(verification.events).toBeGreaterThan(kills * 10)
})
