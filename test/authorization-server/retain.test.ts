/** Retention takes what the policy says and nothing else: proofs stay, live answers stay, the rest verifies. */
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { endSession } from '../../src/authorization-server/end.ts'
import { findLiveToken } from '../../src/authorization-server/introspect.ts'
import type { RetentionPolicy } from '../../src/authorization-server/retain.ts'
import { findSession, startSession } from '../../src/authorization-server/session.ts'
import { eventKey, ownRange, rangeOf, sideKey } from '../../src/ledger/layout.ts'
import { hashToken } from '../../src/oauth/token-format.ts'
import {
  answerOrCode,
  redeemForm,
  registerClient,
  registerUser,
  requestToken,
  rotateForm,
  signedOn,
} from '../support/authorization.ts'
import { anyRequest, emptyHoldings, type Holdings, perform } from '../support/random-requests.ts'
import {
  bytesIn,
  closeWorld,
  expectVerified,
  kept,
  livenessOf,
  openRetainingWorld,
  pausesOf,
  proofsOf,
  type RetainingWorld,
} from '../support/retaining.ts'
import { entriesOf, placesIn } from '../support/sealing.ts'

const some = ['register client', 'register user', 'log in', 'consent', 'redeem', 'issue'].flatMap((kind) =>
  [0, 1].map((pick) => ({ kind, pick, other: pick }) as const),
) as never[]
const daySeconds = 86_400

/** Of few names from few addresses, so that some of it brings pauses again and again. */
const anyGuess = fc.record({
  kind: fc.constantFrom('guess', 'guess', 'guess', 'lift a pause'),
  pick: fc.nat(1),
  other: fc.nat(1),
})

const anyStep = fc.oneof(
  { weight: 10, arbitrary: anyRequest },
  { weight: 3, arbitrary: anyGuess as typeof anyRequest },
  { weight: 2, arbitrary: fc.record({ sealAgeMs: fc.constantFrom(0, 1, 4_000_000) }) },
  { weight: 2, arbitrary: fc.record({ waitMs: fc.constantFrom(1000, 4_000_000, 90_000_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      payloadsSeconds: fc.constantFrom(0, 1, 3600, daySeconds),
      sideRecordsSeconds: fc.constantFrom(0, 1, 60, daySeconds),
    }),
  },
  { weight: 1, arbitrary: fc.constant('reopen' as const) },
)

test('law: roots, proofs and live answers stay, what is left verifies, and a dry run says what goes', {
  timeout: 240_000,
}, async () => {
  let dropped = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 30, maxLength: 80, size: 'max' }), async (steps) => {
      let world = await openRetainingWorld()
      const holdings: Holdings = emptyHoldings()
      for (const request of some) await perform(world as never, holdings, request)
      for (const step of steps) {
        if (step === 'reopen') world = await reopened(world)
        else if ('waitMs' in step) world.clock.nowMs += step.waitMs
        else if ('sealAgeMs' in step) await world.sealer.run(world.clock.nowMs - step.sealAgeMs)
        else if ('payloadsSeconds' in step) dropped += await retainAndCompare(world, holdings, step)
        else await perform(world as never, holdings, step)
      }
      // Later than anything could last: nothing is left that waits for the time at which it would have ended by itself.
      world.clock.nowMs += 10 ** 8
      dropped += await retainAndCompare(
        world,
        holdings,
        { payloadsSeconds: 60, sideRecordsSeconds: 1 },
        'all',
      )
      const verified = await expectVerified(world)
      world = await reopened(world)
      expect(await expectVerified(world)).toEqual(verified)
      const left = (await kept(world)).length
      expect(left + verified.droppedPayloads).toBe(world.ledger.size)
    }),
    { numRuns: 12 },
  )
  expect(dropped).toBeGreaterThan(20)
})

async function retainAndCompare(
  world: RetainingWorld,
  holdings: Holdings,
  policy: RetentionPolicy,
  expected: 'all' | 'some' = 'some',
): Promise<number> {
  const { size } = world.ledger
  const [proofs, answers, pauses] = [proofsOf(world), await livenessOf(world, holdings), pausesOf(world)]
  const wouldGo = await world.retain(policy, true)
  const retained = await world.retain(policy)
  // What ended early is noted for the time at which it would have ended by itself: it goes later, never sooner.
  expect(retained.payloads).toBeLessThanOrEqual(wouldGo.payloads)
  if (expected === 'all') expect(retained).toEqual(wouldGo)
  expect(proofsOf(world, size)).toEqual(proofs)
  expect(await livenessOf(world, holdings)).toEqual(answers)
  expect(pausesOf(world)).toEqual(pauses)
  await expectVerified(world)
  expect(await marksOf(world)).toBe(0)
  return retained.payloads + retained.sideRecords
}

async function reopened(world: RetainingWorld): Promise<RetainingWorld> {
  await closeWorld(world)
  const next = await openRetainingWorld(world.folder)
  next.clock.nowMs = world.clock.nowMs
  return next
}

async function marksOf({ storage }: RetainingWorld): Promise<number> {
  let count = 0
  for await (const _ of storage.hot.entries(ownRange('deleted'))) count++
  return count
}

const daysLater = (world: RetainingWorld, days: number) => {
  world.clock.nowMs += days * daySeconds * 1000
}

describe('of one life', () => {
  test('all of a grant goes, and its tokens are simply unknown', async () => {
    const world = await openRetainingWorld()
    const { client, code, tokens } = await signedOn(world as never)
    daysLater(world, 3)
    expect(await world.retain({ payloadsSeconds: 3 * daySeconds })).toMatchObject({ payloads: 0 })
    expect(await kept(world)).toHaveLength(6)
    const retained = await world.retain({ payloadsSeconds: daySeconds })
    expect(retained).toMatchObject({ payloads: 3, streams: 1 })
    expect(await kept(world)).toEqual([
      '0 server:server',
      '1 client:trusted',
      '2 user:alice-subject',
      '6 retention:payloads',
    ])
    for (const text of [tokens.access_token, tokens.refresh_token]) {
      expect(await findLiveToken(world.context, text)).toBeUndefined()
      expect(world.models.streamOf(hashToken(text))).toBeUndefined()
    }
    const { context } = world
    expect(await answerOrCode(() => requestToken(context, client, rotateForm(tokens.refresh_token)))).toBe(
      'invalid_grant',
    )
    expect(await answerOrCode(() => requestToken(context, client, redeemForm(code)))).toBe('invalid_grant')
    expect((await expectVerified(world)).droppedPayloads).toBe(3)
  })

  test('a grant that is alive keeps all of its past, and the sessions that it may end with', async () => {
    const world = await openRetainingWorld()
    const { client, user, tokens } = await signedOn(world as never)
    const cookie = await startSession(world.context, user, { address: '::1', userAgent: 'x' }, undefined)
    const { session } = findSession(world.context, cookie)!
    daysLater(world, 0.5)
    const { refresh_token: next } = await requestToken(
      world.context,
      client,
      rotateForm(tokens.refresh_token),
    )
    await endSession(world.context, session, 'logout')
    daysLater(world, 0.9)
    const before = await kept(world)
    expect(await world.retain({ payloadsSeconds: 3600 })).toMatchObject({ payloads: 2, streams: 1 })
    expect(await kept(world)).toEqual([
      ...before.filter((it) => !it.endsWith(session.id)),
      `${before.length} retention:payloads`,
    ])
    expect((await findLiveToken(world.context, next!))?.kind).toBe('refresh')
    await expectVerified(world)
  })

  test('side records go before the payloads, and no file holds their bytes any more', async () => {
    const world = await openRetainingWorld()
    await registerClient(world as never)
    const user = await registerUser(world as never)
    const address = '198.51.100.77'
    for (const userAgent of ['Dropped/1.0', 'Dropped/2.0']) {
      const cookie = await startSession(world.context, user, { address, userAgent }, undefined)
      await endSession(world.context, findSession(world.context, cookie)!.session, 'logout')
    }
    await startSession(world.context, user, { address: '203.0.113.5', userAgent: 'Live/1' }, undefined)
    world.clock.nowMs += 61_000
    const policy = { sideRecordsSeconds: 60 }
    expect(await world.retain(policy, true)).toMatchObject({ payloads: 0, sideRecords: 2 })
    expect(bytesIn(world.folder)).toContain('Dropped/2.0')
    expect(await world.retain(policy)).toMatchObject({ payloads: 0, sideRecords: 2 })
    for (const gone of [address, 'Dropped/1.0', 'Dropped/2.0'])
      expect(bytesIn(world.folder)).not.toContain(gone)
    expect(bytesIn(world.folder)).toContain('203.0.113.5')
    const { droppedSideRecords, erased } = await expectVerified(world)
    expect({ droppedSideRecords, erased }).toEqual({ droppedSideRecords: 2, erased: 0 })
    daysLater(world, 1)
    expect(await world.retain({ payloadsSeconds: 3600, sideRecordsSeconds: 60 })).toMatchObject({
      streams: 2,
    })
    await expectVerified(world)
  })

  test('what is dropped is in no segment any more, and what is left is in its place', async () => {
    const world = await openRetainingWorld()
    await signedOn(world as never)
    const client = world.models.load('client', 'client:trusted').state!
    const tokens = []
    for (let i = 0; i < 40; i++)
      tokens.push(await requestToken(world.context, client, { grant_type: 'client_credentials' }))
    daysLater(world, 2)
    await world.sealer.run(world.clock.nowMs)
    const before = new Map(await entriesOf(world.storage))
    await world.retain({ payloadsSeconds: 3600 })
    const { list } = world.storage.segments
    expect(list.some(({ registration }) => (registration.generation ?? 0) > 0)).toBe(true)
    expect(readdirSync(placesIn(world.folder).segments).sort()).toEqual(
      list.map(({ file }) => file.name).sort(),
    )
    for (const { file } of list)
      for await (const entries of file.entryLists({ gte: Buffer.alloc(0), lt: Buffer.of(0xff) }))
        for (const [key, value] of entries) expect(world.storage.get(key)?.equals(value)).toBe(true)
    for (const [key, value] of await entriesOf(world.storage))
      if (key.startsWith('65') && before.has(key)) expect(value).toBe(before.get(key))
    for (const { access_token } of tokens)
      expect(world.models.streamOf(hashToken(access_token))).toBeUndefined()
    for await (const [key] of world.storage.hot.entries(rangeOf('side')))
      expect(world.storage.get(eventKey(key.readUIntBE(3, 6)))).toBeDefined()
    expect(world.storage.get(sideKey(4))).toBeUndefined()
    await expectVerified(world)
  })
})
