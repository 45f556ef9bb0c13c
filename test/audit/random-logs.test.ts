/** Logs of random requests, longer than a stretch: what holds is found to hold at once, in parts, rows and all. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { verifyLedger } from '../../src/audit/verify.ts'
import { rangeOf } from '../../src/ledger/layout.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { TILE_WIDTH } from '../../src/tree/tiles.ts'
import {
  browserOf,
  openWorld,
  registerUser,
  serverAddress,
  signAs,
  type World,
} from '../support/authorization.ts'
import { anyRequest, emptyHoldings, perform, type RandomRequest } from '../support/random-requests.ts'
import { opened } from '../support/retaining.ts'

/** Two stretches, and a block that is not full. */
const leastEvents = 2.5 * TILE_WIDTH
/** Some come to nothing. */
const mostRequests = 20_000

const some = ['register client', 'register user', 'consent', 'redeem', 'rotate'].flatMap((kind) =>
  [0, 1].map((pick) => ({ kind, pick, other: pick })),
) as RandomRequest[]

/** With the session that the requests' browser says it has. */
async function openRandomWorld(requests: readonly RandomRequest[]): Promise<World> {
  const world = await openWorld()
  const { ledger, clock, context } = world
  await ledger.append(streamOf.server(serverAddress), 0, [opened(context.settings.origin)], clock.nowMs)
  const user = await registerUser(world, 'alice-1', 'alice')
  const { id, expiresAtSeconds } = browserOf(user).session
  const cookieHash = Buffer.alloc(32, 1).toString('base64url')
  await ledger.append(
    streamOf.session(id),
    0,
    [
      {
        type: 'session.started',
        subject: user.subject,
        cookieHash,
        expiresAtSeconds,
        side: { address: '192.0.2.1', userAgent: 'Browser/1' },
      },
    ],
    clock.nowMs,
  )
  const holdings = emptyHoldings()
  for (const request of some) await perform(world, holdings, request)
  const mixed = requests.flatMap((request, i) => [request, some[i % some.length]!])
  for (let i = 0; ledger.size < leastEvents && i < mostRequests; i++)
    await perform(world, holdings, mixed[i % mixed.length]!)
  return world
}

/** Of the events, in the order in which they were gone through. */
async function verify({ storage }: World) {
  const progress: number[] = []
  const { faults, unchecked } = await verifyLedger(storage, {
    verifyMessage: (address, text, signature) => signature === signAs(address, text),
    rows: true,
    onProgress: (done, _total, step) => void (step === 'events' && progress.push(done)),
  })
  return { faults, unchecked, progress }
}

test('law: it is gone through once; with one row lost, twice, and that row is named', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRequest, { minLength: 300, maxLength: 400, size: 'max' }),
      fc.nat(),
      async (requests, pick) => {
        const world = await openRandomWorld(requests)
        const { storage, ledger } = world
        expect(ledger.size).toBeGreaterThanOrEqual(leastEvents)
        const { faults, unchecked, progress } = await verify(world)
        expect({ faults, unchecked }).toEqual({ faults: [], unchecked: [] })
        expect(progress).toEqual([...new Set(progress)].toSorted((a, b) => a - b))
        expect(progress.at(-1)).toBe(ledger.size)
        const rows: Buffer[] = []
        for await (const [key] of storage.entries(rangeOf('row'))) rows.push(key)
        const batch = storage.batch()
        batch.del(rows[pick % rows.length]!)
        await batch.write()
        const lost = await verify(world)
        expect(lost.faults.map(({ kind }) => kind)).toEqual(['row_missing'])
        expect(lost.progress).toEqual([...progress, ...progress])
      },
    ),
    { numRuns: 3, endOnFailure: true },
  )
})
