/** `kill -9` and failing writes while retention drops: what an event names is gone, and nothing else is. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Drops } from '../../src/audit/drops.ts'
import { endSession } from '../../src/authorization-server/end.ts'
import { droppingPrefix } from '../../src/authorization-server/retention-pass.ts'
import { findSession, startSession } from '../../src/authorization-server/session.ts'
import { listAnnex } from '../../src/ledger/annex.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { registerClient, registerUser, requestToken } from '../support/authorization.ts'
import { runAndKill } from '../support/killed-program.ts'
import type { Fault } from '../support/ledger.ts'
import { someTimeMs } from '../support/oauth.ts'
import {
  closeWorld,
  expectVerified,
  openRetainingWorld,
  openWatchedRetaining,
  proofsOf,
  type RetainingWorld,
} from '../support/retaining.ts'

const timeout = 240_000
const program = new URL('./killed-retainer.ts', import.meta.url)

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))

async function notesOf({ storage }: RetainingWorld): Promise<string[]> {
  const notes: string[] = []
  for await (const [name] of listAnnex(storage, droppingPrefix)) notes.push(name)
  return notes
}

/** A ledger that knows a client and a user. */
async function prepared(): Promise<string> {
  const world = await openRetainingWorld()
  await registerClient(world as never)
  await registerUser(world as never)
  await closeWorld(world)
  return world.folder
}

test('after each of several kills all verifies, and no file holds what was dropped', {
  timeout,
}, async () => {
  const folder = await prepared()
  const logins = new Map<number, string>()
  let startMs = someTimeMs + 10 ** 10
  let dropped = 0
  let begunAnew = false
  for (const count of [60, 400, 1200]) {
    for (const line of await runAndKill(program, [folder, String(startMs)], count)) {
      const [position, address] = line.split(' ') as [string, string]
      logins.set(Number(position), address)
    }
    startMs += 10 ** 10
    const world = await openRetainingWorld(folder)
    await expectVerified(world)
    await world.retainer.finish()
    expect(await notesOf(world)).toEqual([])
    await expectVerified(world)
    const drops = await Drops.read(world.storage)
    const { payloads, sides } = drops
    const names = [0, 1, 2].map((i) => streamOf.attempts(`name-${i}`))
    begunAnew ||= names.some((stream) => drops.droppedAt(stream) && world.ledger.record(stream, 0))
    const files = filesBelow(folder)
    const isThere = (text: string) => files.some((file) => file.includes(text))
    const isDropped = (position: number) => payloads.has(position) || sides.has(position)
    for (const [position, address] of logins)
      if (isDropped(position)) expect(isThere(address), address).toBe(false)
    // What was not dropped is found in this way, so that would have been too.
    const kept = [...logins].filter(([position]) => !isDropped(position))
    expect(kept.some(([, address]) => isThere(address))).toBe(kept.length > 0)
    expect(payloads.count + sides.count).toBeGreaterThanOrEqual(dropped)
    dropped = payloads.count + sides.count
    await closeWorld(world)
  }
  expect(dropped).toBeGreaterThan(50)
  expect(begunAnew).toBe(true)
})

/** Some that was over hours ago, some that was over two minutes ago, all of it sealed; two names were failed with. */
async function lived(): Promise<{ folder: string; nowMs: number }> {
  const world = await openRetainingWorld()
  const { context, clock, sealer, folder } = world
  const client = await registerClient(world as never)
  const user = await registerUser(world as never)
  const liveOnce = async () => {
    await requestToken(context, client, { grant_type: 'client_credentials' })
    const cookie = await startSession(context, user, { address: '192.0.2.1', userAgent: 'x' }, undefined)
    await endSession(context, findSession(context, cookie)!.session, 'logout')
  }
  const fail = async (name: string) => {
    for (let i = 0; i < 5; i++)
      await context.limits.attempt({ kind: 'user', name, address: '192.0.2.2' }, async () => undefined)
  }
  await fail('alice')
  for (let i = 0; i < 4; i++) await liveOnce()
  clock.nowMs += 3 * 3_600_000
  for (let i = 0; i < 3; i++) await liveOnce()
  await fail('bob')
  clock.nowMs += 120_000
  await sealer.run(clock.nowMs)
  await closeWorld(world)
  return { folder, nowMs: clock.nowMs }
}

const policy = { payloadsSeconds: 3600, sideRecordsSeconds: 60 }

test.each<Fault>(['not stored', 'stored but not acknowledged'])(
  'whichever write fails (%s), what is on disk verifies, and the next run does the rest',
  { timeout },
  async (fault) => {
    let isThrough = false
    for (let failing = 0; !isThrough; failing++) {
      const { folder, nowMs } = await lived()
      const failed = await openWatchedRetaining(folder)
      failed.clock.nowMs = nowMs
      await failed.context.keys.load()
      failed.hot.faults = [...new Array<undefined>(failing).fill(undefined), fault]
      const outcome = await failed.retainer.run(policy).then(
        () => 'done',
        () => 'failed',
      )
      isThrough = failed.hot.faults.length > 0
      expect(outcome).toBe(isThrough ? 'done' : 'failed')
      await failed.ledger.close()
      const world = await openRetainingWorld(folder)
      world.clock.nowMs = nowMs
      const { size } = world.ledger
      const proofs = proofsOf(world)
      await expectVerified(world)
      await world.retain(policy)
      expect(proofsOf(world, size)).toEqual(proofs)
      const { droppedPayloads, droppedSideRecords } = await expectVerified(world)
      expect({ droppedPayloads, droppedSideRecords }).toEqual({ droppedPayloads: 13, droppedSideRecords: 4 })
      expect(await notesOf(world)).toEqual([])
      await closeWorld(world)
    }
  },
)
