/** Replay in bounded memory: whatever of the states fits in it, the rows are those that were written live. */
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Faults } from '../../src/audit/fault.ts'
import { isLate } from '../../src/audit/late-events.ts'
import { rebuildRows } from '../../src/audit/rebuild.ts'
import { RowCheck } from '../../src/audit/row-check.ts'
import { foldStates, type StateFold } from '../../src/audit/state-fold.ts'
import { StreamStates, unknownState } from '../../src/audit/stream-states.ts'
import { eventKey, rangeOf } from '../../src/ledger/layout.ts'
import { readEvents } from '../../src/ledger/reader.ts'
import type { Range, Storage } from '../../src/ledger/storage.ts'
import type { Event } from '../../src/oauth/events.ts'
import {
  type AnyLoaded,
  encodeLoaded,
  evolveLoaded,
  kindOfStream,
  projectIndexRows,
  stateRowKey,
  usernameRowKey,
} from '../../src/projections/rows.ts'
import { eventCodec, openWorld, type World } from '../support/authorization.ts'
import { temporaryFolder } from '../support/ledger.ts'
import { recordedAt } from '../support/oauth.ts'
import { anyRequest, emptyHoldings, perform } from '../support/random-requests.ts'

const some = ['register client', 'register user', 'consent', 'redeem', 'connect a device'].flatMap((kind) =>
  [0, 1].map((pick) => ({ kind, pick, other: pick })),
) as never[]

async function rowsOf(storage: Storage): Promise<Map<string, string>> {
  const rows = new Map<string, string>()
  for await (const [key, value] of storage.entries(rangeOf('row')))
    rows.set(key.subarray(1).toString('hex'), value.toString('hex'))
  return rows
}

async function openRandomWorld(requests: readonly never[]): Promise<World> {
  const world = await openWorld()
  const holdings = emptyHoldings()
  for (const request of [...some, ...requests]) await perform(world, holdings, request)
  return world
}

const named = (username: string) => ({ username, passwordHash: 'h' })

const anyWorld = fc.array(anyRequest, { minLength: 10, maxLength: 40 }) as fc.Arbitrary<never[]>
/** States in memory: next to none, some, all. */
const anyMemory = fc.constantFrom(1, 2, 5, 1000)

test('law: each event finds the state before it, and what leaves comes to the live rows', async () => {
  await fc.assert(
    fc.asyncProperty(anyWorld, anyMemory, async (requests, mostRecent) => {
      const { storage, ledger } = await openRandomWorld(requests)
      const rows = new Map<string, string>()
      const left = new Map<string, AnyLoaded>()
      let position = 0
      await foldStates(
        storage,
        ledger.size,
        {
          event(recorded, before) {
            expect(recorded.position).toBe(position++)
            expect(before.version).toBe(recorded.version)
            projectIndexRows(recorded, before, {
              put: (key, value) => {
                expect(rows.has(key.toString('hex'))).toBe(false)
                rows.set(key.toString('hex'), value.toString('hex'))
              },
              del: (key) => expect(rows.delete(key.toString('hex'))).toBe(true),
            })
          },
          leave: (stream, loaded) => void left.set(stream, loaded),
          recall: (stream) => left.get(stream)!,
        },
        { mostRecent, isRecallCheap: true },
      )
      for (const [stream, { state, version }] of left)
        rows.set(
          stateRowKey(stream).toString('hex'),
          encodeLoaded<never>(kindOfStream(stream) as never, state as never, version).toString('hex'),
        )
      const live = await rowsOf(storage)
      expect(new Map([...rows].sort(([a], [b]) => (a < b ? -1 : 1)))).toEqual(live)
    }),
    { numRuns: 20 },
  )
})

test('a record that is missing, in the middle or at the end, ends it', async () => {
  const { storage, ledger } = await openRandomWorld([])
  const nothing: StateFold = { leave: () => {}, recall: () => unknownState }
  for (const gone of [ledger.size - 1, 3]) {
    const batch = storage.batch()
    batch.del(eventKey(gone))
    await batch.write()
    await expect(foldStates(storage, ledger.size, nothing)).rejects.toMatchObject({
      code: 'damaged',
      message: `the record at position ${gone} is missing`,
    })
  }
})

test('a name that stands is not put again, and one that is replaced goes', () => {
  const stream = 'user:s'
  const signed = { signedAtSeconds: 1, signature: '' }
  const linkedTo = (username: string): Event => ({
    type: 'user.linked',
    subject: 's',
    repository: 'r',
    authorities: [],
    serverAddress: 'x',
    signature: '',
    side: { username },
  })
  const events: [Event, string[]][] = [
    [
      { type: 'user.registered', subject: 's', authorities: [], ...signed, side: named('alice') },
      ['put alice'],
    ],
    [{ type: 'user.password_changed', subject: 's', ...signed, side: named('alice') }, []],
    [linkedTo('alice'), []],
    [linkedTo('bob'), ['del alice', 'put bob']],
    [{ type: 'user.removed', subject: 's', ...signed }, ['del bob']],
    [linkedTo('bob'), ['put bob']],
  ]
  let loaded: AnyLoaded = { state: undefined, version: 0 }
  for (const [event, expected] of events) {
    const changes: string[] = []
    const nameOf = (key: Buffer) =>
      ['alice', 'bob'].find((name) => usernameRowKey(name).equals(key)) ?? key.toString('hex')
    const recorded = recordedAt(stream, loaded.version, event)
    projectIndexRows(recorded, loaded, {
      put: (key) => void changes.push(`put ${nameOf(key)}`),
      del: (key) => void changes.push(`del ${nameOf(key)}`),
    })
    expect(changes).toEqual(expected)
    loaded = evolveLoaded('user', loaded as never, recorded)
  }
})

test('law: rows that are right are found right in one pass, and one that is not is named', async () => {
  await fc.assert(
    fc.asyncProperty(anyWorld, anyMemory, fc.nat(), async (requests, mostRecent, pick) => {
      const { storage, ledger } = await openRandomWorld(requests)
      const passes = { count: 0 }
      const reader: Storage = Object.assign(Object.create(storage), {
        valueLists(range: Range) {
          if (range.gte.equals(rangeOf('event').gte)) passes.count++
          return storage.valueLists!(range)
        },
      })
      const check = async () => {
        const faults = new Faults(100)
        const rows = new RowCheck(reader, mostRecent)
        const states = new StreamStates(storage)
        for await (const recorded of readEvents(storage, eventCodec, 0, ledger.size)) {
          const before = await states.before(recorded)
          if (!isLate(recorded)) rows.expect(recorded, before)
          states.evolve(before, recorded)
        }
        await rows.finish(ledger.size, faults)
        return faults.sorted().map(({ kind }) => kind)
      }
      expect(await check()).toEqual([])
      expect(passes.count).toBe(0)
      const keys = [...(await rowsOf(storage)).keys()]
      const batch = storage.batch()
      batch.del(Buffer.concat([rangeOf('row').gte, Buffer.from(keys[pick % keys.length]!, 'hex')]))
      await batch.write()
      expect(await check()).toEqual(['row_missing'])
    }),
    { numRuns: 15 },
  )
})

test('law: rows are rebuilt as they were, whatever became of some of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyWorld,
      anyMemory,
      fc.array(fc.tuple(fc.nat(), fc.constantFrom('lost', 'altered', 'one too many')), { maxLength: 8 }),
      async (requests, mostRecent, damages) => {
        const { storage, ledger } = await openRandomWorld(requests)
        const live = await rowsOf(storage)
        const keys = [...live.keys()]
        const batch = storage.batch()
        for (const [pick, damage] of damages) {
          const key = Buffer.from(`72${keys[pick % keys.length]}`, 'hex')
          if (damage === 'lost') batch.del(key)
          else if (damage === 'altered') batch.put(key, Buffer.from('another'))
          else batch.put(Buffer.concat([key, Buffer.from('x')]), Buffer.from('x'))
        }
        await batch.write()
        const rebuilt = await rebuildRows(storage, join(temporaryFolder(), 'scratch'), { mostRecent })
        expect(rebuilt.events).toBe(ledger.size)
        expect(rebuilt.added + rebuilt.altered + rebuilt.removed > 0).toBe(damages.length > 0)
        expect(await rowsOf(storage)).toEqual(live)
      },
    ),
    { numRuns: 20 },
  )
})
