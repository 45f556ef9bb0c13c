/** Following the log: whatever fails and whenever it stops, every event is taken, and no place goes before its events. */
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { putAnnex } from '../../src/ledger/annex.ts'
import { annexKey, decodePosition, encodePosition } from '../../src/ledger/layout.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { decodeEvent, encodeEvent } from '../../src/oauth/event-codec.ts'
import type { Event, Recorded } from '../../src/oauth/events.ts'
import { revocation } from '../../src/oauth/grant.ts'
import { LogFollower } from '../../src/projections/log-follower.ts'
import { held, openWatchedStorage, temporaryFolder } from '../support/ledger.ts'

const followed: Event = revocation('client')
const other: Event = { type: 'code.redeemed' }
const atOnce = 4
const injected = new Error('injected')

async function openFollowed() {
  const storage = await openWatchedStorage(temporaryFolder())
  const ledger = new Ledger<Event>(storage, { encode: encodeEvent, decode: decodeEvent }, () => undefined)
  onTestFinished(() => ledger.close())
  const taken = new Set<number>()
  const wanted = new Set<number>()
  ledger.committed$.subscribe((events) => {
    for (const { position, event } of events) if (event.type === followed.type) wanted.add(position)
  })
  const world = {
    storage,
    ledger,
    taken,
    wanted,
    /** How the next takes fail. */
    failures: [] as ('before' | 'behind')[],
    /** Other than those. */
    errors: [] as unknown[],
    /** Whether takes leave the place to a later one. */
    isLazy: false,
    async takes(_: readonly Recorded[]): Promise<void> {},
    follow: () => {
      const from = world.place()
      const log = new LogFollower(ledger, {
        place: 'test',
        types: new Set([followed.type]),
        atOnce,
        async take(events, place, untilMs) {
          await world.takes(events)
          const failure = world.failures.shift()
          if (failure === 'before') throw injected
          expect(events.length).toBeLessThanOrEqual(atOnce)
          for (const { position, timeMs } of events) {
            expect(position).toBeGreaterThanOrEqual(from)
            expect(position).toBeLessThan(place)
            expect(timeMs).toBeLessThanOrEqual(untilMs)
            taken.add(position)
          }
          if (!world.isLazy) await putAnnex(storage, { test: encodePosition(place) })
          if (failure === 'behind') throw injected
        },
        onError: (error) => {
          if (error !== injected) world.errors.push(error)
        },
      })
      onTestFinished(() => log.stop())
      return log
    },
    append: (stream: string, version: number, events: Event[]) =>
      ledger.append(stream, version, events, 1000 + ledger.size),
    /** Where a restart goes on. */
    place: () => decodePosition(storage.get(annexKey('test')) ?? encodePosition(0)),
    missed: (before: number) => [...wanted].filter((position) => position < before && !taken.has(position)),
  }
  return world
}

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        events: fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('run' as const), waits: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('lazy' as const), isLazy: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('fail' as const), at: fc.constantFrom('before', 'behind') }),
    },
  ),
  { minLength: 5, maxLength: 40 },
)

test('law: every event is taken', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const world = await openFollowed()
      let log = world.follow()
      for (const [i, step] of all.entries()) {
        if (step.do === 'append')
          await world.append(
            `grant:${i}`,
            0,
            step.events.map((isFollowed) => (isFollowed ? followed : other)),
          )
        else if (step.do === 'run') {
          const run = log.run()
          if (step.waits) await run
        } else if (step.do === 'restart') {
          await log.stop()
          log = world.follow()
        } else if (step.do === 'lazy') world.isLazy = step.isLazy
        else world.failures.push(step.at as 'before')
        expect(world.missed(world.place())).toEqual([])
      }
      await log.run()
      world.failures = []
      await log.run()
      expect(world.missed(world.ledger.size)).toEqual([])
      expect(log.place).toBe(world.ledger.size)
      expect(log.waiting).toBe(0)
      expect(world.errors).toEqual([])
    }),
    { numRuns: 60 },
  )
})

test('while it runs, events come from memory, as they are committed', async () => {
  const world = await openFollowed()
  const log = world.follow()
  await log.run()
  const read = world.storage.entries
  world.storage.entries = () => {
    throw new Error('the log was read')
  }
  await world.append('grant:1', 0, [followed, other, followed])
  expect(log.waiting).toBe(2)
  await log.run()
  world.storage.entries = read
  expect(world.errors).toEqual([])
  expect([...world.taken]).toEqual([0, 2])
  expect(world.place()).toBe(3)
})

test('more than memory may hold come from the log', async () => {
  const world = await openFollowed()
  const log = world.follow()
  await log.run()
  world.isLazy = true
  const { promise, release } = held()
  world.takes = () => promise
  await world.append('grant:1', 0, [followed])
  const run = log.run()
  const many = Array.from({ length: 8200 }, () => followed)
  await world.append('grant:2', 0, many)
  expect(log.isBehind).toBe(true)
  expect(log.waiting).toBe(0)
  release()
  await run
  expect(world.missed(world.ledger.size)).toEqual([])
  expect(log.place).toBe(world.ledger.size)
})
