/** Browser sessions: expiry, logout, a removed user, and whose logout ends what. */
import { describe, expect, test } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { endSession } from '../../src/authorization-server/end.ts'
import { findLiveToken } from '../../src/authorization-server/introspect.ts'
import { logOut } from '../../src/authorization-server/log-out.ts'
import { revoke } from '../../src/authorization-server/revoke.ts'
import { hashSecret } from '../../src/authorization-server/secret-checker.ts'
import { authenticateUser, findSession, startSession } from '../../src/authorization-server/session.ts'
import {
  answerOrCode,
  openWorld,
  redirectUri,
  registerClient,
  registerUser,
  signedOn,
  signedRequest,
  tally,
  userRemoved,
} from '../support/authorization.ts'
import { sampleToken } from '../support/oauth.ts'

const browser = { address: '::1', userAgent: 'x' }

async function loggedIn() {
  const world = await openWorld()
  const user = await registerUser(world)
  const cookie = await startSession(world.context, user, browser)
  return { world, user, cookie }
}

describe('a session', () => {
  test('is found by its cookie, with its user', async () => {
    const { world, user, cookie } = await loggedIn()
    expect(cookie).toMatch(/^cs_se_[A-Za-z0-9_-]{43}$/)
    expect(findSession(world.context, cookie)).toMatchObject({ user, session: { subject: user.subject } })
  })

  test('expires to the millisecond', async () => {
    const { world, cookie } = await loggedIn()
    world.clock.nowMs += 1800_000 - 1
    expect(findSession(world.context, cookie)).toBeDefined()
    world.clock.nowMs += 1
    expect(findSession(world.context, cookie)).toBeUndefined()
  })

  test('ends once', async () => {
    const { world, cookie } = await loggedIn()
    const { session } = findSession(world.context, cookie)!
    await Promise.all(Array.from({ length: 5 }, () => endSession(world.context, session, 'logout')))
    expect(findSession(world.context, cookie)).toBeUndefined()
    expect(tally(world)).toMatchObject({ 'session.started': 1, 'session.ended': 1 })
  })

  test('ends with its user, and does not come back with the name', async () => {
    const { world, cookie } = await loggedIn()
    await administer(
      world.context,
      signedRequest(world, userRemoved('alice-subject'), { stream: 'user:alice-subject' }),
    )
    expect(findSession(world.context, cookie)).toBeUndefined()
    await registerUser(world, 'another-subject', 'alice')
    expect(findSession(world.context, cookie)).toBeUndefined()
  })

  test.each([
    ['no cookie', undefined],
    ['an empty cookie', ''],
    ['an unknown cookie', sampleToken('session', 'unknown').token],
    ['a cookie cut short', sampleToken('session', 'unknown').token.slice(0, -1)],
    ['a prototype name', '__proto__'],
  ])('is not found by %s', async (_, cookie) => {
    const { world } = await loggedIn()
    expect(findSession(world.context, cookie)).toBeUndefined()
  })

  test('is not found by a token, nor a token by its cookie', async () => {
    const world = await openWorld()
    const { tokens, user } = await signedOn(world)
    const cookie = await startSession(world.context, user, browser)
    expect(findSession(world.context, tokens.access_token)).toBeUndefined()
    expect(await findLiveToken(world.context, cookie)).toBeUndefined()
    const renamed = tokens.access_token.replace('cs_at_', 'cs_se_')
    expect(findSession(world.context, renamed)).toBeUndefined()
  })
})

test('a user is known by the name in any normalization form', async () => {
  const world = await openWorld()
  await registerUser(world, 'zoe', 'zo\u00eb', await hashSecret('secret'))
  expect(await authenticateUser(world.context, 'zoe\u0308', 'secret', '127.0.0.1')).toMatchObject({
    subject: 'zoe',
  })
})

describe('logging out with an access token', () => {
  test('ends its grant and the session of its user', async () => {
    const world = await openWorld()
    const { tokens, user } = await signedOn(world)
    const cookie = await startSession(world.context, user, browser)
    const live = findSession(world.context, cookie)
    expect(await logOut(world.context, tokens.access_token, redirectUri, live)).toEqual({
      location: redirectUri,
      sessionEnded: true,
    })
    expect(await findLiveToken(world.context, tokens.access_token)).toBeUndefined()
    expect(await findLiveToken(world.context, tokens.refresh_token)).toBeUndefined()
    expect(findSession(world.context, cookie)).toBeUndefined()
    expect(await logOut(world.context, tokens.access_token, redirectUri, undefined)).toEqual({
      location: redirectUri,
      sessionEnded: false,
    })
    expect(tally(world)).toMatchObject({ 'grant.revoked logout': 1, 'session.ended': 1 })
  })

  test('never ends the session of somebody else', async () => {
    const world = await openWorld()
    const { tokens } = await signedOn(world)
    const bob = await registerUser(world, 'bob-subject', 'bob')
    const cookie = await startSession(world.context, bob, browser)
    await logOut(world.context, tokens.access_token, redirectUri, findSession(world.context, cookie))
    expect(findSession(world.context, cookie)).toBeDefined()
  })

  test.each([
    ['an unknown token', sampleToken('access', 'unknown').token, redirectUri],
    ['no token', '', redirectUri],
    ['another redirect URI', undefined, 'https://evil.example/'],
  ])('does nothing for %s', async (_, token, uri) => {
    const world = await openWorld()
    const { tokens } = await signedOn(world)
    const run = () => logOut(world.context, token ?? tokens.access_token, uri, undefined)
    expect(await answerOrCode(run)).toBe('invalid_request')
    expect(await findLiveToken(world.context, tokens.access_token)).toBeDefined()
  })
})

describe('RFC 7009: a client revokes', () => {
  test('by either token, the whole grant', async () => {
    for (const name of ['access_token', 'refresh_token'] as const) {
      const world = await openWorld()
      const { client, tokens } = await signedOn(world)
      await revoke(world.context, client, tokens[name])
      expect(await findLiveToken(world.context, tokens.access_token)).toBeUndefined()
      expect(await findLiveToken(world.context, tokens.refresh_token)).toBeUndefined()
    }
  })

  test('section 2.2: an unknown token without error, section 2.1: that of another client not at all', async () => {
    const world = await openWorld()
    const { client, tokens, code } = await signedOn(world)
    const other = await registerClient(world, 'other')
    for (const token of [sampleToken('access', 'unknown').token, '', 'constructor', code])
      await revoke(world.context, client, token)
    expect(await answerOrCode(() => revoke(world.context, other, tokens.access_token))).toBe('invalid_grant')
    expect(await findLiveToken(world.context, tokens.access_token)).toBeDefined()
  })
})
