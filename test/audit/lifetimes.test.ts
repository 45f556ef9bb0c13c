/** The index by time: the answers it leads to are those of the whole log, however far it has come. */
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { registerClient } from '../../src/admin/administration.ts'
import { connectTo } from '../../src/admin/connection.ts'
import { listenOnControlSocket } from '../../src/admin/control-socket.ts'
import type { Operations } from '../../src/admin/operations.ts'
import { type AccessAnswer, type AccessQuestion, accessAt } from '../../src/audit/access-at.ts'
import { Faults } from '../../src/audit/fault.ts'
import { checkLifetimes } from '../../src/audit/lifetime-check.ts'
import { rebuildLifetimes } from '../../src/audit/lifetime-rebuild.ts'
import { annexKey, decodePosition, rangeOf } from '../../src/ledger/layout.ts'
import { readAll, readRanges } from '../../src/ledger/reader.ts'
import type { Entry, StorageReader } from '../../src/ledger/storage.ts'
import { LifetimeFollower } from '../../src/projections/lifetime-follower.ts'
import { isNote, lifetimesPlace, readLifeRow } from '../../src/projections/lifetimes.ts'
import { collect } from '../support/collect.ts'
import { openHttpApp } from '../support/http-app.ts'
import { temporaryFolder } from '../support/ledger.ts'
import { issueToken } from '../support/oauth-requests.ts'
import { anyRequest, emptyHoldings, perform } from '../support/random-requests.ts'
import { openSealedWorld, type SealedWorld } from '../support/sealing.ts'

const begin = ['register client', 'register user', 'log in', 'consent', 'redeem', 'issue'].flatMap((kind) =>
  [0, 1].map((pick) => ({ kind, pick, other: pick }) as never),
)

const followerOf = ({ ledger }: SealedWorld) => {
  const follower = new LifetimeFollower(ledger, {
    onError: (error) => {
      throw error
    },
    restFactor: 0,
  })
  onTestFinished(() => follower.stop())
  return follower
}

async function faultsOf({ storage, ledger }: SealedWorld): Promise<string[]> {
  const faults = new Faults(100)
  await checkLifetimes(storage, ledger.size, faults)
  return faults.sorted().map(({ kind, detail }) => `${kind}: ${detail}`)
}

const placeOf = ({ storage }: SealedWorld): number => {
  const place = storage.get(annexKey(lifetimesPlace))
  return place ? decodePosition(place) : 0
}

const rowsOf = ({ storage }: Pick<SealedWorld, 'storage'>): Promise<Entry[]> =>
  collect(storage.entries(rangeOf('life')))

async function expectSameAnswers(world: SealedWorld, moments: readonly number[]): Promise<AccessAnswer[]> {
  const subjects = ['alice-1', 'bob-1', 'nobody']
  const questions: Omit<AccessQuestion, 'atMs'>[] = [
    {},
    { scope: 'write' },
    ...['one', 'two', 'none'].flatMap((client) => [{ client }, { client, scope: 'read' }]),
    ...subjects.flatMap((subject) => [{ subject }, { subject, client: 'one' }]),
  ]
  const answers: AccessAnswer[] = []
  for (const atMs of moments)
    for (const question of questions) {
      const answer = await accessAt(world.storage, { atMs, ...question })
      expect(answer).toEqual(await accessAt(world.storage, { atMs, wholeLog: true, ...question }))
      answers.push(answer)
    }
  return answers
}

/** What happens between requests. */
const incidents = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ do: 'follow' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('seal' as const), ageMs: fc.constantFrom(0, 1000, 4_000_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 1000, 1_700_000, 90_000_000),
    }),
  },
)

test('law: the answers are those of the whole log', async () => {
  let held = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 5, arbitrary: anyRequest }, { weight: 2, arbitrary: incidents }), {
        minLength: 20,
        maxLength: 60,
      }),
      async (steps) => {
        const world = await openSealedWorld()
        const holdings = emptyHoldings()
        const moments = new Set<number>()
        let follower = followerOf(world)
        for (const step of [...begin, ...steps] as typeof steps) {
          if (!('do' in step)) await perform(world as never, holdings, step)
          else if (step.do === 'follow') {
            await follower.run()
            expect(placeOf(world)).toBe(world.ledger.size)
            expect(await faultsOf(world)).toEqual([])
          } else if (step.do === 'restart') {
            await follower.stop()
            follower = followerOf(world)
          } else if (step.do === 'seal') await world.sealer.run(world.clock.nowMs - step.ageMs)
          else world.clock.nowMs += step.ms
          moments.add(world.clock.nowMs)
          world.clock.nowMs += 1000
        }
        expect(await faultsOf(world)).toEqual([])
        const some = [...moments].filter((_, i) => i % 12 === 0)
        const answers = await expectSameAnswers(world, [
          ...some,
          world.clock.nowMs,
          world.clock.nowMs + 10 ** 9,
        ])
        held += answers.reduce((sum, { access, sessions }) => sum + access.length + sessions.length, 0)
      },
    ),
    { numRuns: 12 },
  )
  expect(held).toBeGreaterThan(100)
})

async function livedWorld(): Promise<SealedWorld> {
  const world = await openSealedWorld()
  const holdings = emptyHoldings()
  for (const request of begin) await perform(world as never, holdings, request)
  await followerOf(world).run()
  return world
}

describe('an index that is not right', () => {
  test('only what it leads to is answered', async () => {
    const world = await livedWorld()
    const atMs = world.clock.nowMs
    const { access, sessions } = await accessAt(world.storage, { atMs })
    expect([access.length, sessions.length]).toEqual([4, 1])
    const batch = world.storage.batch()
    for (const [key] of await rowsOf(world)) batch.del(key)
    await batch.write()
    expect(await accessAt(world.storage, { atMs })).toMatchObject({ access: [], sessions: [] })
  })

  test('a row that is missing, and one too many, are told', async () => {
    const world = await livedWorld()
    expect(await faultsOf(world)).toEqual([])
    const rows = (await rowsOf(world)).flatMap((entry) => {
      const row = readLifeRow(entry)
      return row ? [{ entry, row }] : []
    })
    for (const kind of ['c', 'u', 's']) {
      const { entry, row } = rows.find((it) => it.row.kind === kind)!
      const [key, value] = entry
      const change = async (act: (batch: ReturnType<typeof world.storage.batch>) => void) => {
        const batch = world.storage.batch()
        act(batch)
        await batch.write()
        return faultsOf(world)
      }
      expect(await change((batch) => batch.del(key))).toEqual([
        `lifetime_missing: the index by time does not lead to ${row.stream}`,
      ])
      expect(await change((batch) => batch.put(key, value))).toEqual([])
      const stray = Buffer.concat([key, Buffer.from('x')])
      expect(await change((batch) => batch.put(stray, value))).toEqual([
        `lifetime_unexpected: the index by time has a row of ${row.stream}x that is not right`,
      ])
      expect(await change((batch) => batch.del(stray))).toEqual([])
    }
  })

  test('a row that says too little is told', async () => {
    const world = await livedWorld()
    const entry = (await rowsOf(world)).find((it) => readLifeRow(it)?.kind === 's')!
    const shorter = Buffer.alloc(4)
    shorter.writeUInt32BE(entry[1].readUInt32BE() - 1)
    const batch = world.storage.batch()
    batch.put(entry[0], shorter)
    await batch.write()
    expect((await faultsOf(world)).map((fault) => fault.split(':')[0])).toEqual([
      'lifetime_unexpected',
      'lifetime_missing',
    ])
  })

  test('it is written anew, and only then', async () => {
    const world = await livedWorld()
    const before = await rowsOf(world)
    expect(await rebuildLifetimes(world.storage)).toBe(false)
    await world.sealer.run(world.clock.nowMs + 10 ** 10)
    const batch = world.storage.batch()
    const gone = before.filter(([key]) => !isNote(key)).slice(0, 3)
    for (const [key] of gone) batch.del(key)
    await batch.write()
    expect(await faultsOf(world)).toHaveLength(new Set(gone.map((entry) => readLifeRow(entry)!.stream)).size)
    expect(await rebuildLifetimes(world.storage)).toBe(true)
    expect(await faultsOf(world)).toEqual([])
    expect(await rowsOf(world)).toEqual(before)
  })

  test('a place behind the end of the log is told', async () => {
    const world = await livedWorld()
    const batch = world.storage.batch()
    batch.put(annexKey(lifetimesPlace), Buffer.from('00000000ffffffff', 'hex'))
    await batch.write()
    expect(await faultsOf(world)).toEqual([
      'lifetime_unexpected: the index by time goes on behind the end of the log',
    ])
  })
})

test('a rotation changes no row; a grant that is over has an end, and its note is gone', async () => {
  const world = await openSealedWorld()
  const holdings = emptyHoldings()
  for (const request of begin) await perform(world as never, holdings, request)
  const follower = followerOf(world)
  await follower.run()
  const before = await rowsOf(world)
  await perform(world as never, holdings, { kind: 'rotate', pick: 0, other: 0 })
  expect(world.heard.at(-1)?.event.type).toBe('token.refreshed')
  await follower.run()
  expect(placeOf(world)).toBe(world.ledger.size)
  expect(await rowsOf(world)).toEqual(before)
  // Longer than a refresh token is valid; the next event is what time is told by.
  world.clock.nowMs += 100_000_000
  await perform(world as never, holdings, { kind: 'issue', pick: 0, other: 0 })
  await follower.run()
  const after = await rowsOf(world)
  expect(before.some((entry) => readLifeRow(entry)?.endSeconds === Number.POSITIVE_INFINITY)).toBe(true)
  expect(after.some((entry) => readLifeRow(entry)?.endSeconds === Number.POSITIVE_INFINITY)).toBe(false)
  expect(before.some(([key]) => isNote(key))).toBe(true)
  expect(after.some(([key]) => isNote(key))).toBe(false)
})

test('over the control socket: many keys and ranges in one question, as from the directory', async () => {
  const world = await livedWorld()
  const path = join(temporaryFolder(), 'control')
  const operations = { status: () => ({}) } as unknown as Operations
  const server = await listenOnControlSocket(path, operations, world.storage)
  onTestFinished(() => server.close())
  const { reader } = (await connectTo(path))!
  const keys: Buffer[] = [Buffer.from('nowhere')]
  for await (const [key] of world.storage.entries({ gte: Buffer.alloc(1), lt: Buffer.alloc(4, 0xff) }))
    keys.push(key)
  const many = Array.from({ length: 1000 }, (_, i) => keys[(i * 7) % keys.length]!)
  expect(await readAll(reader, many)).toEqual(many.map((key) => world.storage.get(key)))
  const ranges = [rangeOf('row'), rangeOf('event'), { ...rangeOf('row'), reverse: true, limit: 3 }]
  const read = (source: StorageReader) => collect(readRanges(source, ranges))
  expect(await read(reader)).toEqual(await read(world.storage))
  const atMs = world.clock.nowMs
  expect(await accessAt(reader, { atMs })).toEqual(await accessAt(world.storage, { atMs }))
})

test('a server writes it behind its events', async () => {
  const { administrator, issuer, close } = await openHttpApp()
  onTestFinished(close)
  const own = { clientId: 'own', clientSecret: 'secret of own' }
  const { operations, reader } = administrator.connection
  await registerClient(administrator, {
    ...own,
    authorizedGrantTypes: ['client_credentials'],
    scopes: ['read'],
  })
  await issueToken(issuer, own)
  const { position } = await operations.status({})
  const place = async () => (await reader.get(annexKey(lifetimesPlace)))?.readBigUInt64BE()
  await expect.poll(place, { timeout: 20_000 }).toBe(BigInt(position))
  const rows = await collect(reader.entries(rangeOf('life')))
  expect(rows.map((entry) => readLifeRow(entry)?.kind)).toEqual(['c'])
})
