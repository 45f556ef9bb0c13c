/** State is a fold: rows written live are, byte for byte, those of a replay into nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rangeOf } from '../../src/ledger/layout.ts'
import { readEvents } from '../../src/ledger/reader.ts'
import { ReadModels } from '../../src/projections/read-models.ts'
import {
  decodeLoaded,
  encodeLoaded,
  kindOfStream,
  projectRows,
  stateRowKey,
} from '../../src/projections/rows.ts'
import { eventCodec, openWorld, type World } from '../support/authorization.ts'
import { eventTypes } from '../support/event-arbitraries.ts'
import { anyRequest, emptyHoldings, perform } from '../support/random-requests.ts'

const some = [
  'register client',
  'register user',
  'consent',
  'redeem',
  'connect a device',
  'decide on a device',
].flatMap((kind) =>
  [0, 1].map((pick) => ({ kind, pick, other: kind.includes('device') ? 0 : pick })),
) as never[]

/** All rows on disk, as hex. */
async function liveRows({ storage }: World): Promise<Map<string, string>> {
  const rows = new Map<string, string>()
  for await (const [key, value] of storage.entries(rangeOf('row')))
    rows.set(key.subarray(1).toString('hex'), value.toString('hex'))
  return rows
}

/** The rows of a replay of all events that are on disk. */
async function replayedRows({ storage, ledger }: World): Promise<Map<string, string>> {
  const rows = new Map<string, string>()
  for await (const recorded of readEvents(storage, eventCodec, 0, ledger.size))
    projectRows(recorded, {
      get: (key) => {
        const row = rows.get(key.toString('hex'))
        return row === undefined ? undefined : Buffer.from(row, 'hex')
      },
      put: (key, value) => void rows.set(key.toString('hex'), value.toString('hex')),
      del: (key) => void rows.delete(key.toString('hex')),
    })
  return new Map([...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
}

test('law: live rows are replayed rows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRequest, { maxLength: 40 }), fc.boolean(), async (requests, isParallel) => {
      const world = await openWorld()
      const holdings = emptyHoldings()
      for (const request of some) await perform(world, holdings, request)
      if (isParallel) await Promise.all(requests.map((request) => perform(world, holdings, request)))
      else for (const request of requests) await perform(world, holdings, request)
      const live = await liveRows(world)
      expect(live.size).toBeGreaterThan(0)
      expect(await replayedRows(world)).toEqual(live)
    }),
    { numRuns: 30 },
  )
})

test.each([1, 3, 1000])(
  'law: a cache of %i entries says what the rows say, after every step',
  async (entries) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyRequest, { maxLength: 25 }), async (requests) => {
        const world = await openWorld({ cacheEntries: entries })
        const holdings = emptyHoldings()
        for (const request of [...some, ...requests]) {
          await perform(world, holdings, request)
          expectCacheIsTrue(world, world.models)
        }
      }),
      { numRuns: 15 },
    )
  },
)

function expectCacheIsTrue({ ledger, heard }: World, models: ReadModels): void {
  for (const stream of new Set(heard.map((recorded) => recorded.stream))) {
    const kind = kindOfStream(stream)
    const row = ledger.row(stateRowKey(stream))!
    const loaded = models.load(kind, stream)
    expect(loaded).toEqual(decodeLoaded(kind, row))
    expect(encodeLoaded(kind, loaded.state!, loaded.version).toString('hex')).toBe(row.toString('hex'))
    expect(models.versionOf(stream)).toBe(loaded.version)
  }
}

test('the random requests come to every type of event', async () => {
  const world = await openWorld()
  const holdings = emptyHoldings()
  const [requests] = fc.sample(fc.array(anyRequest, { minLength: 1500, maxLength: 1500 }), {
    numRuns: 1,
    seed: 1,
  })
  for (const request of [...some, ...requests!]) await perform(world, holdings, request)
  const elsewhere = /^user\.(un)?linked|^(server|invitation|assertion)\.|^client\.(?!registered|removed)/
  const types = eventTypes.filter((type) => !elsewhere.test(type))
  expect([...new Set(world.heard.map(({ event }) => event.type))].sort()).toEqual(types.sort())
  expect(await replayedRows(world)).toEqual(await liveRows(world))
})

test('an event that was stored but not acknowledged reaches the cache', async () => {
  const world = await openWorld()
  const holdings = emptyHoldings()
  await perform(world, holdings, { kind: 'register client', pick: 0, other: 0 })
  expect(world.models.load('client', 'client:one').state?.removed).toBe(false)
  world.storage.faults = ['stored but not acknowledged']
  await perform(world, holdings, { kind: 'remove client', pick: 0, other: 0 })
  expect(world.models.load('client', 'client:one').state?.removed).toBe(true)
  expectCacheIsTrue(world, world.models)
})

test('a cache that is opened later is true too', async () => {
  const world = await openWorld()
  const holdings = emptyHoldings()
  for (const request of some) await perform(world, holdings, request)
  expectCacheIsTrue(world, new ReadModels(world.ledger, 2))
})
