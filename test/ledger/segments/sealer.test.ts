/** Sealing changes nothing that can be read, whatever happens before, meanwhile and after. */
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findLiveToken } from '../../../src/authorization-server/introspect.ts'
import { revoke } from '../../../src/authorization-server/revoke.ts'
import { rangeOf, rowKey } from '../../../src/ledger/layout.ts'
import { Sealer } from '../../../src/ledger/segments/sealer.ts'
import type { SegmentedBatch } from '../../../src/ledger/segments/segmented-storage.ts'
import type { Event } from '../../../src/oauth/events.ts'
import type { InvitationTerms } from '../../../src/oauth/invitation.ts'
import { coldRows } from '../../../src/projections/cold-rows.ts'
import { LifetimeFollower } from '../../../src/projections/lifetime-follower.ts'
import { stateRowKey } from '../../../src/projections/rows.ts'
import { answerOrCode, redeemForm, requestToken, rotateForm, signedOn } from '../../support/authorization.ts'
import { collect } from '../../support/collect.ts'
import { checkTree } from '../../support/ledger.ts'
import { anyRequest, emptyHoldings, type Holdings, perform } from '../../support/random-requests.ts'
import { replayedRows } from '../../support/rows.ts'
import {
  entriesOf,
  expectStreamsCounted,
  openSealedWorld,
  placesIn,
  type SealedWorld,
} from '../../support/sealing.ts'

const laterSeconds = 1000
const signed = { signedAtSeconds: 0, signature: 'none' }
const locked: Event = {
  type: 'login.locked',
  of: 'client',
  failures: 5,
  pauses: 1,
  untilSeconds: laterSeconds,
  side: { address: '192.0.2.1' },
}
const pushed: Event = {
  type: 'request.pushed',
  clientId: 'c',
  clientVersion: 0,
  requestHash: 'A'.repeat(43),
  expiresAtSeconds: laterSeconds,
  side: { parameters: 'sealed' },
}
const invited = (terms: Partial<InvitationTerms>): Event => ({
  type: 'invitation.issued',
  invitation: 'A'.repeat(43),
  terms: { scopes: [], grantTypes: [], uses: null, expiresAtSeconds: null, ...terms },
  ...signed,
})
const published: Event = {
  type: 'signing_key.published',
  algorithm: 'ES256',
  jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
  serverAddress: 'server',
}

const some = ['register client', 'register user', 'consent', 'redeem', 'issue'].flatMap((kind) =>
  [0, 1].map((pick) => ({ kind, pick, other: pick }) as const),
) as never[]

const hotCount = async ({ storage }: SealedWorld, kind: 'event' | 'stream' | 'row') => {
  let count = 0
  for await (const _ of storage.hot.entries(rangeOf(kind))) count++
  return count
}

/** Grants and sessions whose state is in LevelDB. */
async function hotStates({ storage }: SealedWorld): Promise<number> {
  let count = 0
  for (const kind of ['grant:', 'session:']) {
    const prefix = rowKey(stateRowKey(kind))
    const range = { gte: prefix, lt: Buffer.concat([prefix, Buffer.of(0xff)]) }
    for await (const _ of storage.hot.entries(range)) count++
  }
  return count
}

async function checkWorld(world: SealedWorld): Promise<void> {
  await checkTree(world.ledger)
  const entries = await entriesOf(world.storage)
  const rows = entries
    .filter(([key]) => key.startsWith('72'))
    .map(([key, value]) => [key.slice(2), value] as const)
  expect(new Map(rows)).toEqual(await replayedRows(world))
  for (const [key, value] of entries)
    expect(world.storage.get(Buffer.from(key, 'hex'))?.toString('hex')).toBe(value)
  expect((await entriesOf(world.storage, true)).reverse()).toEqual(entries)
  await expectStreamsCounted(world)
}

test('law: sealing and merging change nothing that is read, and rows stay those of a replay', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          { weight: 8, arbitrary: anyRequest },
          { weight: 2, arbitrary: fc.record({ sealAgeMs: fc.constantFrom(0, 1, 4_000_000, -(10 ** 10)) }) },
          { weight: 1, arbitrary: fc.record({ waitMs: fc.constantFrom(1000, 4_000_000, 90_000_000) }) },
        ),
        { minLength: 20, maxLength: 60 },
      ),
      async (steps) => {
        let world = await openSealedWorld()
        const holdings: Holdings = emptyHoldings()
        for (const request of some) await perform(world as never, holdings, request)
        for (const step of steps) {
          if ('waitMs' in step) world.clock.nowMs += step.waitMs
          else if ('sealAgeMs' in step) {
            const before = await entriesOf(world.storage)
            await world.sealer.run(world.clock.nowMs - step.sealAgeMs)
            expect(await entriesOf(world.storage)).toEqual(before)
          } else await perform(world as never, holdings, step)
        }
        world.clock.nowMs += 90_000_000
        await world.sealer.run(world.clock.nowMs)
        await checkWorld(world)
        expect(await hotCount(world, 'event')).toBe(0)
        expect(await hotCount(world, 'stream')).toBe(0)
        world.clock.nowMs += 10 ** 10
        await world.sealer.run(world.clock.nowMs)
        expect(await hotStates(world)).toBe(0)
        const before = await entriesOf(world.storage)
        world = await world.reopen()
        expect(await entriesOf(world.storage)).toEqual(before)
        for (const request of some) await perform(world as never, holdings, request)
        await checkWorld(world)
      },
    ),
    { numRuns: 25 },
  )
})

test('requests and seals at the same time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRequest, { minLength: 60, maxLength: 80, size: 'max' }),
      async (requests) => {
        const world = await openSealedWorld()
        const holdings = emptyHoldings()
        for (const request of some) await perform(world as never, holdings, request)
        let isDone = false
        const sealing = (async () => {
          while (!isDone) {
            // As if all were over: rows move that are about to change.
            await world.sealer.run(world.clock.nowMs + 10 ** 10)
            await new Promise((resolve) => setImmediate(resolve))
          }
        })()
        await Promise.all(requests.map((request) => perform(world as never, holdings, request)))
        isDone = true
        await sealing
        await checkWorld(world)
      },
    ),
    { numRuns: 15 },
  )
})

test('a state that is about to change stays in LevelDB', async () => {
  const world = await openSealedWorld()
  const { client, tokens } = await signedOn(world as never)
  const revoked: Promise<void>[] = []
  const sealer = new Sealer({
    storage: world.storage,
    coldRows,
    segmentEvents: 8,
    ledger: {
      // The revocation waits for the very batch that deletes what was moved.
      maintain(change) {
        if (revoked.length === 0) revoked.push(revoke(world.context, client, tokens.access_token))
        return world.ledger.maintain(change)
      },
    },
  })
  await sealer.run(world.clock.nowMs + 10 ** 10)
  await Promise.all(revoked)
  expect(world.heard.at(-1)?.event.type).toBe('grant.revoked')
  await checkWorld(world)
})

describe('what is over', () => {
  test('stays over: nothing of it is live, and what is used again is noticed', async () => {
    const world = await openSealedWorld()
    const { client, code, tokens } = await signedOn(world as never)
    const rotated = await requestToken(world.context, client, rotateForm(tokens.refresh_token))
    world.clock.nowMs += 10 ** 9
    expect(await world.sealer.run(world.clock.nowMs)).toMatchObject({ streams: 1 })
    expect(await hotStates(world)).toBe(0)
    // Nothing of it is in memory either.
    const again = await world.reopen()
    for (const token of [
      tokens.access_token,
      rotated.access_token,
      tokens.refresh_token,
      rotated.refresh_token!,
    ])
      expect(await findLiveToken(again.context, token)).toBeUndefined()
    const last = rotateForm(rotated.refresh_token!)
    expect(await answerOrCode(() => requestToken(again.context, client, last))).toBe('invalid_grant')
    expect(again.heard).toEqual([])
    expect(await answerOrCode(() => requestToken(again.context, client, redeemForm(code)))).toBe(
      'invalid_grant',
    )
    // The grant goes on where it had come to, in LevelDB, and is sealed again with its new event.
    expect(again.heard).toMatchObject([
      { version: 4, event: { type: 'grant.revoked', reason: 'code_reuse' } },
    ])
    expect(await hotStates(again)).toBe(1)
    await checkWorld(again)
    again.clock.nowMs += 10 ** 9
    await again.sealer.run(again.clock.nowMs)
    expect(await hotStates(again)).toBe(0)
    await checkWorld(again)
    expect(await answerOrCode(() => requestToken(again.context, client, redeemForm(code)))).toBe(
      'invalid_grant',
    )
    expect(again.heard.length).toBe(1)
  })

  test('leaves LevelDB with its events; what is not, later', async () => {
    const world = await openSealedWorld()
    const holdings = emptyHoldings()
    for (const request of some) await perform(world as never, holdings, request)
    const before = await entriesOf(world.storage)
    const states = await hotStates(world)
    await world.sealer.run(world.clock.nowMs + 1)
    expect(await hotCount(world, 'event')).toBe(0)
    expect(await hotStates(world)).toBe(states)
    expect(await entriesOf(world.storage)).toEqual(before)
    world.clock.nowMs += 100_000_000
    await perform(world as never, holdings, { kind: 'issue', pick: 0, other: 0 })
    expect((await world.sealer.run(world.clock.nowMs + 1)).streams).toBe(states)
    // The one that was just issued.
    expect(await hotStates(world)).toBe(1)
    await checkWorld(world)
    expect(readdirSync(placesIn(world.folder).segments).length).toBe(world.storage.segments.list.length)
  })

  test('leaves LevelDB though nothing happens any more, into the newest segment', async () => {
    let world = await openSealedWorld()
    const holdings = emptyHoldings()
    for (const request of some) await perform(world as never, holdings, request)
    const states = await hotStates(world)
    await world.sealer.run(world.clock.nowMs + 1)
    const { list } = world.storage.segments
    const { generation, ...newest } = list.at(-1)!.registration
    expect([states > 0, generation, newest.streams]).toEqual([true, undefined, 0])
    const before = await entriesOf(world.storage)
    world.clock.nowMs += 100_000_000
    // Nobody is kept waiting for it: a day's worth is moved at once.
    const early = await world.sealer.run(world.clock.nowMs, 0)
    expect(early).toEqual({ events: 0, streams: 0, segments: 0 })
    expect(await world.sealer.run(world.clock.nowMs)).toEqual({ events: 0, streams: states, segments: 0 })
    const lastNow = world.storage.segments.list.at(-1)!.registration
    expect(lastNow).toMatchObject({ first: newest.first, last: newest.last, generation: expect.any(Number) })
    expect(lastNow.isCleared).toBe(true)
    expect(await hotStates(world)).toBe(0)
    expect(await entriesOf(world.storage)).toEqual(before)
    expect(await world.sealer.run(world.clock.nowMs)).toEqual({ events: 0, streams: 0, segments: 0 })
    world = await world.reopen()
    expect(await entriesOf(world.storage)).toEqual(before)
    expect(readdirSync(placesIn(world.folder).segments).sort()).toEqual(
      world.storage.segments.list.map(({ file }) => file.name).sort(),
    )
    await perform(world as never, holdings, { kind: 'issue', pick: 0, other: 0 })
    await checkWorld(world)
  })

  test('a row whose key is marked as deleted stays in LevelDB: a segment would not show it', async () => {
    const world = await openSealedWorld()
    const holdings = emptyHoldings()
    for (const request of some) await perform(world as never, holdings, request)
    await world.sealer.run(world.clock.nowMs + 1)
    const prefix = rowKey(stateRowKey('grant:'))
    const [[key, state] = []] = await collect(
      world.storage.hot.entries({ gte: prefix, lt: Buffer.concat([prefix, Buffer.of(0xff)]) }),
    )
    // As retention writes a state without what it dropped, until the files are written anew.
    await world.ledger.maintain((batch) => {
      const both = batch as SegmentedBatch
      both.drop(key!)
      both.hot.put(key!, state!)
    })
    const before = await entriesOf(world.storage)
    for (const waitMs of [100_000_000, 100_000_000]) {
      world.clock.nowMs += waitMs
      await world.sealer.run(world.clock.nowMs)
      expect(world.storage.get(key!)).toEqual(state)
      expect(await entriesOf(world.storage)).toEqual(before)
    }
    await world.storage.unmark([key!])
    world.clock.nowMs += 1000
    await world.sealer.run(world.clock.nowMs)
    expect(world.storage.hot.get(key!)).toBeUndefined()
    expect(await entriesOf(world.storage)).toEqual(before)
  })

  test('a lifetime that is written as ended only with the next event leaves LevelDB after that', async () => {
    const world = await openSealedWorld()
    const follower = new LifetimeFollower(world.ledger as never, { onError: expect.unreachable })
    await signedOn(world as never)
    await follower.run()
    await world.sealer.run(world.clock.nowMs + 1)
    const lives = async () => (await collect(world.storage.hot.entries(rangeOf('life')))).length
    expect(await lives()).toBeGreaterThan(0)
    world.clock.nowMs += 10 ** 9
    await world.sealer.run(world.clock.nowMs)
    expect(await hotStates(world)).toBe(0)
    expect(await lives()).toBeGreaterThan(0)
    await world.ledger.append('par:1', 0, [pushed], world.clock.nowMs)
    await follower.run()
    world.clock.nowMs += 10 ** 9
    await world.sealer.run(world.clock.nowMs)
    expect(await lives()).toBe(0)
    await follower.stop()
  })

  test.each<[string, string, readonly Event[]]>([
    ['a pushed request that has expired', 'par:1', [pushed]],
    ['pauses, an hour after the last', 'attempts:1', [locked, { ...locked, from: 'A'.repeat(43) }]],
    ['pauses that were lifted', 'attempts:2', [locked, { type: 'login.unlocked', ...signed }]],
    ['an invitation that has expired', 'invitation:1', [invited({ expiresAtSeconds: laterSeconds })]],
    [
      'an invitation that is used up',
      'invitation:2',
      [invited({ uses: 1 }), { type: 'invitation.used', clientId: 'c' }],
    ],
    [
      'an invitation that was withdrawn',
      'invitation:3',
      [invited({}), { type: 'invitation.withdrawn', invitation: 'A'.repeat(43), ...signed }],
    ],
    ['a retired key', 'signing_key:1', [published, { type: 'signing_key.retired' }]],
  ])('%s: its rows leave LevelDB, once it is over', async (_, stream, events) => {
    const world = await openSealedWorld()
    const { ledger, storage, sealer } = world
    const [before, after] = [laterSeconds * 1000, (laterSeconds + 4000) * 1000]
    await ledger.append(stream, 0, events.slice(0, 1), 0)
    const key = rowKey(stateRowKey(stream))
    await sealer.run(before)
    expect(storage.hot.get(key)).toBeDefined()
    if (events.length > 1) await ledger.append(stream, 1, events.slice(1), 0)
    const state = storage.get(key)
    await sealer.run(after)
    expect(storage.hot.get(key)).toBeUndefined()
    expect(storage.get(key)).toEqual(state)
    await checkWorld(world)
  })

  test.each<[string, string, Event]>([
    ['an invitation without an end', 'invitation:4', invited({})],
    ['a key that signs', 'signing_key:2', published],
  ])('%s stays', async (_, stream, event) => {
    const world = await openSealedWorld()
    await world.ledger.append(stream, 0, [event], 0)
    await world.sealer.run(10 ** 12)
    await world.sealer.run(2 * 10 ** 12)
    expect(world.storage.hot.get(rowKey(stateRowKey(stream)))).toBeDefined()
    await checkWorld(world)
  })
})
