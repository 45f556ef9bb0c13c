/** State is a fold: rows written live are, byte for byte, those of a replay into nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { changeRegistration, removeRegistration } from '../../src/authorization-server/manage-client.ts'
import { registerClient as enrol } from '../../src/authorization-server/register-client.ts'
import type { RegistrationAnswer } from '../../src/oauth/dynamic-registration.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { formatToken, hashToken } from '../../src/oauth/token-format.ts'
import { ReadModels } from '../../src/projections/read-models.ts'
import { decodeLoaded, encodeLoaded, kindOfStream, stateRowKey } from '../../src/projections/rows.ts'
import { openWorld, signedRequest, type World } from '../support/authorization.ts'
import { eventTypes } from '../support/event-arbitraries.ts'
import { anyRequest, emptyHoldings, perform } from '../support/random-requests.ts'
import { liveRows, replayedRows } from '../support/rows.ts'

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
  const elsewhere =
    /^user\.(un)?linked|dropped$|^(server|invitation|assertion|rotation)\.|^client\.(?!registered|removed)/
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

test('clients that change, sign and register themselves come back the same', async () => {
  const world = await openWorld()
  const { context, models } = world
  const signed = { signedAtSeconds: 1, signature: '' }
  const administrate = (event: Parameters<typeof signedRequest>[1], stream: string) =>
    administer(context, signedRequest(world, event, { stream }))
  const token = formatToken('invitation', 'i'.repeat(43))
  const invitation = hashToken(token)
  const terms = { scopes: ['read'], grantTypes: ['client_credentials'], uses: 3, expiresAtSeconds: null }
  const byInvitation = streamOf.invitation(invitation)
  await administrate({ type: 'invitation.issued', invitation, terms, ...signed }, byInvitation)
  const metadata = { grant_types: ['client_credentials'] }
  const answers = [await enrol(context, token, metadata), await enrol(context, token, metadata)]
  const [
    { client_id, registration_access_token: own },
    { client_id: other, registration_access_token: others },
  ] = answers as [RegistrationAnswer, RegistrationAnswer]
  await changeRegistration(context, client_id, own, { client_id, ...metadata }, '::1')
  await removeRegistration(context, other, others)
  const stream = streamOf.client(client_id)
  const { metadata: present } = models.load('client', stream).state!
  await administrate({ type: 'client.updated', clientId: client_id, metadata: present, ...signed }, stream)
  const side = { secretHash: 'a hash' }
  const rotated = { clientId: client_id, formerUntilSeconds: 2 ** 31, ...signed, side }
  await administrate({ type: 'client.secret_rotated', ...rotated }, stream)
  await administrate({ type: 'invitation.withdrawn', invitation, ...signed }, byInvitation)
  const used = { clientId: client_id, clientVersion: 0, expiresAtSeconds: 1 }
  await world.ledger.append(
    streamOf.assertion('one'),
    0,
    [{ type: 'assertion.used', ...used }],
    context.now(),
  )
  expect(models.load('client', stream).state).toMatchObject({
    secretHash: 'a hash',
    former: { untilSeconds: 2 ** 31 },
  })
  expect(await replayedRows(world)).toEqual(await liveRows(world))
  expectCacheIsTrue(world, models)
})
