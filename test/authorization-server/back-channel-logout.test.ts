/** OpenID Connect Back-Channel Logout 1.0, to a client that really listens. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { authorize } from '../../src/authorization-server/authorize.ts'
import { endSession } from '../../src/authorization-server/end.ts'
import { findSession, startSession } from '../../src/authorization-server/session.ts'
import { openSessionUpkeep, type SessionUpkeep } from '../../src/authorization-server/session-upkeep.ts'
import { Outbound } from '../../src/outbound/outbound.ts'
import {
  openWorld,
  redeemForm,
  redirectUri,
  registerClient,
  registerUser,
  requestToken,
  tally,
  type World,
} from '../support/authorization.ts'
import { type Fault, temporaryFolder } from '../support/ledger.ts'
import { eventually } from '../support/server.ts'

/** A client's end point; `answer` may be changed while it listens. */
async function listen() {
  const told: { body: string; type: string | undefined }[] = []
  const client = { told, answer: 200, uri: '', hold: Promise.resolve() }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    told.push({ body: Buffer.concat(chunks).toString(), type: request.headers['content-type'] })
    await client.hold
    response.writeHead(client.answer).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  client.uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/backchannel`
  return client
}

async function withUpkeep(world: World): Promise<SessionUpkeep> {
  world.context.outbound = new Outbound({ allow: ['127.0.0.1'], clientHosts: [] })
  const upkeep = await openSessionUpkeep(world.context, { warn: () => {} })
  onTestFinished(() => upkeep.stop())
  return upkeep
}

/** Alice, logged in, with the tokens of these clients. */
async function signOn(world: World, uris: Readonly<Record<string, string | undefined>>) {
  const user = await registerUser(world)
  const cookie = await startSession(world.context, user, { address: '192.0.2.1', userAgent: 'x' })
  const live = findSession(world.context, cookie)!
  for (const [clientId, uri] of Object.entries(uris)) {
    const client = await registerClient(world, clientId, {
      ...(uri !== undefined && { backchannelLogoutUri: uri }),
    })
    const asked = { response_type: 'code', client_id: clientId, redirect_uri: redirectUri }
    const step = await authorize(world.context, asked, live)
    if (step.kind !== 'redirect') throw new Error(`the server wants to ${step.kind}`)
    const code = new URL(step.location).searchParams.get('code')!
    if (clientId !== 'never-came-back') await requestToken(world.context, client, redeemForm(code))
  }
  return { user, session: live.session, cookie }
}

const outcomes = (world: World) =>
  world.heard.map(({ event }) => event).filter(({ type }) => type.startsWith('logout.'))

describe('section 2.5: every client that took part is told', () => {
  test('with a logout token of section 2.4, once, and the outcome is an event', async () => {
    const world = await openWorld()
    const [one, other, absent] = [await listen(), await listen(), await listen()]
    const upkeep = await withUpkeep(world)
    upkeep.start()
    const { session } = await signOn(world, {
      one: one.uri,
      other: other.uri,
      'without-a-uri': undefined,
      'never-came-back': absent.uri,
    })
    await endSession(world.context, session, 'logout')
    await eventually('both clients are told', () => outcomes(world).length === 2)
    await upkeep.round()
    expect([one.told.length, other.told.length, absent.told.length]).toEqual([1, 1, 0])
    expect(outcomes(world)).toEqual(
      expect.arrayContaining([
        { type: 'logout.delivered', clientId: 'one' },
        { type: 'logout.delivered', clientId: 'other' },
      ]),
    )
    expect(one.told[0]!.type).toBe('application/x-www-form-urlencoded')
    const token = new URLSearchParams(one.told[0]!.body).get('logout_token')!
    const { typ, payload } = (await world.context.keys.verify(token))!
    const nowSeconds = Math.floor(world.clock.nowMs / 1000)
    expect(typ).toBe('logout+jwt')
    expect(payload).toEqual({
      iss: 'https://signon.example',
      sub: 'alice-subject',
      aud: 'one',
      iat: nowSeconds,
      exp: nowSeconds + 120,
      jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      sid: session.id,
    })
  })

  test('of a session that ran out of time too', async () => {
    const world = await openWorld()
    const client = await listen()
    const upkeep = await withUpkeep(world)
    await signOn(world, { one: client.uri })
    world.clock.nowMs += 1800_000
    await upkeep.round()
    expect(client.told).toHaveLength(1)
  })

  test('of a session that goes on for another, by the name it knows', async () => {
    const world = await openWorld()
    const client = await listen()
    const upkeep = await withUpkeep(world)
    const { user, session, cookie } = await signOn(world, { one: client.uri })
    const before = findSession(world.context, cookie)!
    const again = await startSession(world.context, user, { address: '192.0.2.1', userAgent: 'x' }, before)
    await upkeep.round()
    expect(client.told).toHaveLength(0)
    await endSession(world.context, findSession(world.context, again)!.session, 'logout')
    await upkeep.round()
    const token = new URLSearchParams(client.told[0]!.body).get('logout_token')!
    expect((await world.context.keys.verify(token))!.payload.sid).toBe(session.id)
  })

  test('and nobody waits for it', async () => {
    const world = await openWorld()
    const client = await listen()
    let answer = () => {}
    client.hold = new Promise((resolve) => {
      answer = resolve
    })
    const upkeep = await withUpkeep(world)
    upkeep.start()
    const { session } = await signOn(world, { one: client.uri })
    await endSession(world.context, session, 'logout')
    await eventually('the client is asked', () => client.told.length === 1)
    expect(outcomes(world)).toEqual([])
    answer()
    await eventually('the outcome stands', () => outcomes(world).length === 1)
  })
})

test('a process that dies behind the end tells the clients after its restart', async () => {
  const folder = temporaryFolder()
  const client = await listen()
  const world = await openWorld({ folder })
  await (await withUpkeep(world)).stop()
  const { session } = await signOn(world, { one: client.uri })
  await endSession(world.context, session, 'logout')
  await world.ledger.close()
  expect(client.told).toHaveLength(0)

  const later = await openWorld({ folder })
  const upkeep = await withUpkeep(later)
  await upkeep.round()
  expect(client.told).toHaveLength(1)
  expect(outcomes(later)).toEqual([{ type: 'logout.delivered', clientId: 'one' }])
  await upkeep.round()
  expect(client.told).toHaveLength(1)
})

describe.each<Fault>(['not stored', 'stored but not acknowledged'])('a write that fails, %s', (fault) => {
  async function ended() {
    const world = await openWorld()
    const client = await listen()
    const { session } = await signOn(world, { one: client.uri })
    // There is a key to sign with, and what came before is followed; the end is not yet.
    await world.context.keys.sign('JWT', {}, undefined)
    await (await withUpkeep(world)).stop()
    await endSession(world.context, session, 'logout')
    return { world, client, upkeep: await withUpkeep(world) }
  }

  test('of what is owed: it is owed all the same, once', async () => {
    const { world, client, upkeep } = await ended()
    world.storage.faults = [fault]
    for (let rounds = 0; rounds < 3; rounds++) await upkeep.round()
    expect(client.told).toHaveLength(1)
    expect(outcomes(world)).toEqual([{ type: 'logout.delivered', clientId: 'one' }])
  })

  test('of the outcome: the client may be told again, the outcome stands once', async () => {
    const { world, client, upkeep } = await ended()
    world.storage.faults = [undefined, fault]
    for (let rounds = 0; rounds < 3; rounds++) await upkeep.round()
    expect(client.told).toHaveLength(fault === 'not stored' ? 2 : 1)
    expect(outcomes(world)).toEqual([{ type: 'logout.delivered', clientId: 'one' }])
  })
})

describe('a client that does not take it', () => {
  test('is asked again, later each time, and given up', async () => {
    const world = await openWorld()
    const client = await listen()
    client.answer = 503
    const upkeep = await withUpkeep(world)
    const { session } = await signOn(world, { one: client.uri })
    await endSession(world.context, session, 'logout')
    await upkeep.round()
    for (let attempts = 1; attempts < 8; attempts++) {
      expect(client.told).toHaveLength(attempts)
      world.clock.nowMs += 5000 * 3 ** (attempts - 1) - 1
      await upkeep.round()
      expect(client.told).toHaveLength(attempts)
      world.clock.nowMs += 1
      await upkeep.round()
    }
    expect(outcomes(world)).toEqual([{ type: 'logout.failed', clientId: 'one', attempts: 8 }])
    world.clock.nowMs += 86_400_000
    await upkeep.round()
    expect(client.told).toHaveLength(8)
  })

  test('gets it when it is back, also after a restart in between', async () => {
    const folder = temporaryFolder()
    const world = await openWorld({ folder })
    const client = await listen()
    client.answer = 500
    const upkeep = await withUpkeep(world)
    const { session } = await signOn(world, { one: client.uri })
    await endSession(world.context, session, 'logout')
    await upkeep.round()
    await upkeep.stop()
    await world.ledger.close()
    client.answer = 204
    const later = await openWorld({ folder })
    later.clock.nowMs = world.clock.nowMs + 5000
    await (await withUpkeep(later)).round()
    expect(client.told).toHaveLength(2)
    expect(tally(later)).toMatchObject({ 'logout.delivered': 1 })
  })

  test('section 2.8: a 400 is final', async () => {
    const world = await openWorld()
    const client = await listen()
    client.answer = 400
    const upkeep = await withUpkeep(world)
    const { session } = await signOn(world, { one: client.uri })
    await endSession(world.context, session, 'logout')
    await upkeep.round()
    expect(outcomes(world)).toEqual([{ type: 'logout.failed', clientId: 'one', attempts: 1 }])
  })

  test('at an address that may not be asked is given up at once', async () => {
    const world = await openWorld()
    const upkeep = await withUpkeep(world)
    const { session } = await signOn(world, { one: 'https://192.168.0.1/backchannel' })
    await endSession(world.context, session, 'logout')
    await upkeep.round()
    expect(outcomes(world)).toEqual([{ type: 'logout.failed', clientId: 'one', attempts: 1 }])
  })
})
