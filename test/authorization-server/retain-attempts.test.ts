/** Retention of failed logins: the addresses of old ones go, and in time whoever failed is as one who never did. */
import { expect, test } from 'vitest'
import { type AdministrationRequest, administer } from '../../src/authorization-server/administer.ts'
import { ownRange, sideKey } from '../../src/ledger/layout.ts'
import { type EventOf, type Recorded, streamOf } from '../../src/oauth/events.ts'
import { forgetAfterMs } from '../../src/oauth/failed-attempts.ts'
import { registerUser, signedRequest, userErased, type World } from '../support/authorization.ts'
import { held, temporaryFolder } from '../support/ledger.ts'
import {
  bytesIn,
  closeWorld,
  expectVerified,
  kept,
  openRetainingWorld,
  openWatchedRetaining,
} from '../support/retaining.ts'

const daySeconds = 86_400
const hourMs = 3_600_000
type AnyWorld = Pick<World, 'context' | 'clock' | 'heard'>

/** Five wrong passwords, which bring a pause. */
async function fail({ context }: AnyWorld, name: string, address: string): Promise<void> {
  for (let i = 0; i < 5; i++)
    await context.limits.attempt({ kind: 'user', name, address }, async () => undefined)
}

/** A pause a day, of one name, from addresses of its own. */
async function failForDays(world: AnyWorld, name: string, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    await fail(world, name, address)
    world.clock.nowMs += daySeconds * 1000
  }
}

const streamFor = ({ context }: AnyWorld, name: string) => context.limits.streamOf('user', name)
const locksOf = ({ heard }: AnyWorld): Recorded[] =>
  heard.filter(({ event }) => event.type === 'login.locked')
const pausesOf = ({ context }: AnyWorld, name: string): number =>
  context.limits.view('user', name).pausedAddresses

test('addresses go by their own age, while their stream goes on', async () => {
  const world = await openRetainingWorld()
  const addresses = ['198.51.100.1', '198.51.100.2', '198.51.100.3']
  await failForDays(world, 'alice', addresses)
  await fail(world, 'alice', '198.51.100.4')
  const policy = { sideRecordsSeconds: 1.5 * daySeconds }
  const would = await world.retain(policy, true)
  expect(would).toMatchObject({ payloads: 0, sideRecords: 2 })
  expect(await world.retain(policy)).toEqual(would)
  const files = bytesIn(world.folder)
  expect(addresses.map((address) => files.includes(address))).toEqual([false, false, true])
  expect(files).toContain('198.51.100.4')
  expect(pausesOf(world, 'alice')).toBe(1)
  expect(await kept(world)).toHaveLength(world.ledger.size)

  await fail(world, 'alice', '198.51.100.5')
  expect(locksOf(world).map(({ version }) => version)).toEqual([0, 1, 2, 3, 4])
  expect(await world.retain(policy)).toMatchObject({ sideRecords: 0 })
  world.clock.nowMs += 2 * daySeconds * 1000
  expect(await world.retain(policy)).toMatchObject({ sideRecords: 3 })
  expect(bytesIn(world.folder)).not.toMatch(/198\.51\.100\./)
  expect(await expectVerified(world)).toMatchObject({ droppedSideRecords: 5, droppedPayloads: 0, erased: 0 })
})

test('a ledger that was gone through before failed logins were looked at is gone through again', async () => {
  const world = await openRetainingWorld()
  await failForDays(world, 'alice', ['198.51.100.1', '198.51.100.2'])
  const behind = Buffer.alloc(8)
  behind.writeBigUInt64BE(BigInt(world.ledger.size))
  const batch = world.storage.hot.batch()
  for (const kind of ['p', 'x']) batch.put(Buffer.concat([ownRange('cursor').gte, Buffer.from(kind)]), behind)
  await batch.write()
  expect(await world.retain({ sideRecordsSeconds: 3600 })).toMatchObject({ sideRecords: 2 })
})

test('a stream goes once all is forgotten, and who fails again begins it anew', async () => {
  const world = await openRetainingWorld()
  const stream = streamFor(world, 'alice')
  const policy = { payloadsSeconds: 3600, sideRecordsSeconds: 3600 }
  for (let life = 1; life <= 3; life++) {
    await fail(world, 'alice', '198.51.100.1')
    world.clock.nowMs += 40_000
    await fail(world, 'alice', '198.51.100.2')
    expect(locksOf(world).slice(-2)).toMatchObject([
      { stream, version: 0, event: { failures: 5, pauses: 1 } },
      { stream, version: 1 },
    ])
    // The last pause, the hour in which it counts, the hour of the policy.
    world.clock.nowMs += 30_000 + 2 * hourMs
    expect(await world.retain({ payloadsSeconds: 3600 })).toMatchObject({ payloads: 0 })
    expect(pausesOf(world, 'alice')).toBe(0)
    world.clock.nowMs += 1000
    const would = await world.retain(policy, true)
    expect(would).toMatchObject({ payloads: 2, streams: 1, sideRecords: 2 })
    expect(await world.retain(policy)).toEqual(would)
    expect((await kept(world)).filter((record) => record.endsWith(stream))).toEqual([])
    expect(world.models.load('attempts', stream).version).toBe(0)
    expect(bytesIn(world.folder)).not.toMatch(/198\.51\.100\./)
    expect(await expectVerified(world)).toMatchObject({ droppedPayloads: 2 * life, droppedSideRecords: 0 })
  }
})

test('a stream that somebody fails in again and again stays as a whole, but for the addresses', async () => {
  const world = await openRetainingWorld()
  await failForDays(world, 'alice', ['198.51.100.1', '198.51.100.2', '198.51.100.3'])
  await fail(world, 'alice', '198.51.100.4')
  const policy = { payloadsSeconds: daySeconds, sideRecordsSeconds: daySeconds / 2 }
  expect(await world.retain(policy)).toMatchObject({ payloads: 0, sideRecords: 3 })
  world.clock.nowMs += 2 * daySeconds * 1000
  expect(await world.retain(policy)).toMatchObject({ payloads: 4, streams: 1, sideRecords: 1 })
  await expectVerified(world)
})

test('what the administrator signed to lift a pause counts no more where the name begins anew', async () => {
  const world = await openRetainingWorld()
  const { context, clock } = world
  const unlock = (): AdministrationRequest => {
    const signedAtSeconds = Math.floor(clock.nowMs / 1000) + 1799
    const event: EventOf<'login.unlocked'> = { type: 'login.unlocked', signedAtSeconds, signature: '' }
    return signedRequest(world as never, event, { stream: streamFor(world, 'alice') })
  }
  await fail(world, 'alice', '198.51.100.1')
  const request = unlock()
  await administer(context, request)
  clock.nowMs += forgetAfterMs
  // However short the policy: as long as the signature counts its version is taken.
  expect(await world.retain({ payloadsSeconds: 1 })).toMatchObject({ payloads: 0 })
  clock.nowMs += 2000
  expect(await world.retain({ payloadsSeconds: 1 })).toMatchObject({ payloads: 2 })
  await fail(world, 'alice', '198.51.100.1')
  await expect(administer(context, request)).rejects.toMatchObject({ code: 'stale' })
  expect(pausesOf(world, 'alice')).toBe(1)
  await administer(context, unlock())
  expect(pausesOf(world, 'alice')).toBe(0)
  await expectVerified(world)
})

test('a person is erased with what is left of failed logins', async () => {
  const world = await openRetainingWorld()
  const user = await registerUser(world as never)
  await failForDays(world, user.username!, ['198.51.100.1', '198.51.100.2'])
  expect(await world.retain({ sideRecordsSeconds: 1.5 * daySeconds })).toMatchObject({ sideRecords: 1 })
  const erased = signedRequest(world as never, userErased(user.subject), {
    stream: streamOf.user(user.subject),
  })
  expect(await administer(world.context, erased)).toMatchObject({ isForgotten: true })
  expect(bytesIn(world.folder)).not.toMatch(/198\.51\.100\./)
  for (const { position } of locksOf(world)) expect(world.storage.get(sideKey(position))).toBeUndefined()
  expect(await expectVerified(world)).toMatchObject({ droppedSideRecords: 1, erased: 2 })
  world.clock.nowMs += daySeconds * 1000
  expect(await world.retain({ payloadsSeconds: 3600, sideRecordsSeconds: 60 })).toMatchObject({
    payloads: 2,
    sideRecords: 0,
  })
  await expectVerified(world)
})

test('a person whose failed logins were dropped is erased', async () => {
  const world = await openRetainingWorld()
  const user = await registerUser(world as never)
  await failForDays(world, user.username!, ['198.51.100.1', '198.51.100.2'])
  expect(await world.retain({ payloadsSeconds: 3600 })).toMatchObject({ payloads: 2, sideRecords: 2 })
  await fail(world, user.username!, '198.51.100.3')
  const erased = signedRequest(world as never, userErased(user.subject), {
    stream: streamOf.user(user.subject),
  })
  expect(await administer(world.context, erased)).toMatchObject({ isForgotten: true })
  expect(bytesIn(world.folder)).not.toMatch(/198\.51\.100\./)
  expect(await expectVerified(world)).toMatchObject({ droppedPayloads: 2, erased: 2 })
})

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

/** A ledger in which somebody had failed, long ago, opened with the writes held. */
async function withHeldWrites() {
  const world = await openRetainingWorld(temporaryFolder())
  await fail(world, 'alice', '198.51.100.1')
  world.clock.nowMs += 3 * hourMs
  await world.sealer.run(world.clock.nowMs)
  await world.lifetimes.run()
  await closeWorld(world)
  const watched = await openWatchedRetaining(world.folder)
  watched.clock.nowMs = world.clock.nowMs
  await watched.context.keys.load()
  const gate = held()
  const { writes } = watched.hot
  watched.hot.gate = gate.promise
  return {
    world: watched,
    /** Until somebody waits to write. */
    async oneWrites() {
      while (watched.hot.writes === writes) await nextTurn()
    },
    letThrough() {
      watched.hot.gate = undefined
      gate.release()
    },
    async verified() {
      await watched.ledger.close()
      const reopened = await openRetainingWorld(world.folder)
      reopened.clock.nowMs = watched.clock.nowMs
      return expectVerified(reopened)
    },
  }
}

const policy = { payloadsSeconds: 3600, sideRecordsSeconds: 0 }

test('a login that fails while its stream is being dropped begins the stream anew, behind the drop', async () => {
  const { world, oneWrites, letThrough, verified } = await withHeldWrites()
  const retaining = world.retainer.run(policy)
  await oneWrites()
  const failing = fail(world, 'alice', '198.51.100.2')
  for (let i = 0; i < 5; i++) await nextTurn()
  letThrough()
  await failing
  expect(await retaining).toMatchObject({ payloads: 1, streams: 1 })
  const [dropped, locked] = world.heard.slice(-2)
  expect(dropped).toMatchObject({ stream: 'retention:payloads' })
  expect(locked).toMatchObject({ stream: streamFor(world, 'alice'), version: 0 })
  expect(pausesOf(world, 'alice')).toBe(1)
  expect(await verified()).toMatchObject({ droppedPayloads: 1 })
})

test('a stream is not dropped while a failing login is on its way into it', async () => {
  const { world, oneWrites, letThrough, verified } = await withHeldWrites()
  const failing = fail(world, 'alice', '198.51.100.2')
  await oneWrites()
  const retaining = world.retainer.run(policy)
  for (let i = 0; i < 5; i++) await nextTurn()
  letThrough()
  await failing
  expect(await retaining).toMatchObject({ payloads: 0 })
  expect(world.heard.at(-1)).toMatchObject({ stream: streamFor(world, 'alice'), version: 1 })
  expect(await verified()).toMatchObject({ droppedPayloads: 0 })
})
