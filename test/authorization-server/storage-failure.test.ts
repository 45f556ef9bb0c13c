/** A storage that fails is an error of its own, never "inactive", never a token. */
import { describe, expect, test } from 'vitest'
import { authenticateClient } from '../../src/authorization-server/authenticate-client.ts'
import { endSession } from '../../src/authorization-server/end.ts'
import { findLiveToken } from '../../src/authorization-server/introspect.ts'
import { revoke } from '../../src/authorization-server/revoke.ts'
import { authenticateUser, findSession, startSession } from '../../src/authorization-server/session.ts'
import { LedgerError } from '../../src/ledger/errors.ts'
import {
  browserOf,
  openWorld,
  receiveCode,
  redeemForm,
  registerClient,
  requestToken,
  rotateForm,
  signedOn,
  tally,
  type World,
} from '../support/authorization.ts'
import { checkTree, type Fault } from '../support/ledger.ts'
import { sampleToken } from '../support/oauth.ts'

const faults: Fault[] = ['not stored', 'stored but not acknowledged']
const browser = { address: '::1', userAgent: 'x' }

/** Everything that writes. */
const writes: Record<
  string,
  (world: World, given: Awaited<ReturnType<typeof signedOn>>) => Promise<unknown>
> = {
  'issuing a code': (world, { client, user }) => receiveCode(world, client, user),
  'redeeming a code': async (world, { client, user }) => {
    const [fault] = world.storage.faults.splice(0)
    const code = await receiveCode(world, client, user)
    world.storage.faults = [fault]
    return requestToken(world.context, client, redeemForm(code))
  },
  'a token for the client itself': (world, { client }) =>
    requestToken(world.context, client, { grant_type: 'client_credentials' }),
  rotating: (world, { client, tokens }) =>
    requestToken(world.context, client, rotateForm(tokens.refresh_token)),
  revoking: (world, { client, tokens }) => revoke(world.context, client, tokens.access_token),
  'a session': (world, { user }) => startSession(world.context, user, browser),
  'a registration': (world) => registerClient(world, 'another'),
}

describe.each(faults)('a write that fails, %s', (fault) => {
  test.each(Object.keys(writes))('is told to the caller of %s, who gets nothing', async (name) => {
    const world = await openWorld()
    const given = await signedOn(world)
    world.storage.faults = [fault]
    await expect(writes[name]!(world, given)).rejects.toSatisfy(
      (error) => error instanceof LedgerError && error.code === 'unavailable',
    )
    await checkTree(world.ledger)
  })

  test('of a redemption: the code can be redeemed, or has been; never twice', async () => {
    const world = await openWorld()
    const { client, user } = await signedOn(world)
    const code = await receiveCode(world, client, user)
    const before = tally(world)['code.redeemed']!
    world.storage.faults = [fault]
    await expect(requestToken(world.context, client, redeemForm(code))).rejects.toMatchObject({
      code: 'unavailable',
    })
    const again = requestToken(world.context, client, redeemForm(code))
    if (fault === 'not stored') await expect(again).resolves.toHaveProperty('access_token')
    else await expect(again).rejects.toMatchObject({ code: 'invalid_grant' })
    expect(tally(world)['code.redeemed']).toBe(before + 1)
  })

  test('of a rotation: the retry gets the one successor', async () => {
    const world = await openWorld()
    const { client, tokens } = await signedOn(world)
    world.storage.faults = [fault]
    const rotate = () => requestToken(world.context, client, rotateForm(tokens.refresh_token))
    await expect(rotate()).rejects.toMatchObject({ code: 'unavailable' })
    const answer = await rotate()
    expect(await findLiveToken(world.context, answer.access_token)).toBeDefined()
    expect(tally(world)).toMatchObject({ 'token.refreshed': 1 })
  })
})

describe('while nothing can be read', () => {
  /** A server that has forgotten everything, and whose storage is gone. */
  async function dark() {
    const world = await openWorld({ cacheEntries: 1 })
    const given = await signedOn(world)
    world.storage.isBroken = true
    world.storage.faults = ['not stored']
    await expect(registerClient(world, 'another')).rejects.toMatchObject({ code: 'unavailable' })
    return { world, given }
  }
  const unavailable = expect.objectContaining({ name: 'LedgerError', code: 'unavailable' })

  test('no token is called inactive, no session ended, no client or user wrong', async () => {
    const { world } = await dark()
    const { context } = world
    expect(() => findLiveToken(context, sampleToken('access', 'some').token)).toThrow(unavailable)
    expect(() => findSession(context, sampleToken('session', 'some').token)).toThrow(unavailable)
    await expect(authenticateUser(context, 'alice', 'x', '127.0.0.1')).rejects.toEqual(unavailable)
    const credentials = { clientId: 'other', secret: 'x', method: 'client_secret_basic' } as const
    expect(() => authenticateClient(context, credentials, '127.0.0.1')).toThrow(unavailable)
  })

  test('nothing is given, revoked or ended', async () => {
    const { world, given } = await dark()
    const { context } = world
    const { client, code, tokens, user } = given
    for (const form of [
      redeemForm(code),
      rotateForm(tokens.refresh_token),
      { grant_type: 'client_credentials' },
    ])
      await expect(requestToken(context, client, form)).rejects.toEqual(unavailable)
    await expect(revoke(context, client, sampleToken('access', 'some').token)).rejects.toEqual(unavailable)
    await expect(receiveCode(world, client, user)).rejects.toEqual(unavailable)
    await expect(endSession(context, browserOf(user).session, 'logout')).rejects.toEqual(unavailable)
  })

  test('what is no token at all is still nothing', async () => {
    const { world } = await dark()
    expect(await findLiveToken(world.context, 'cs_at_short')).toBeUndefined()
    expect(findSession(world.context, undefined)).toBeUndefined()
  })
})
