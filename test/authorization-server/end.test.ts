/** Every end takes along what belongs to it: OpenID Connect Core section 11, RP-Initiated Logout section 4. */
import { describe, expect, test } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { authorize } from '../../src/authorization-server/authorize.ts'
import { endSession, followEnd } from '../../src/authorization-server/end.ts'
import { expireSessions } from '../../src/authorization-server/expire-sessions.ts'
import { findLiveToken } from '../../src/authorization-server/introspect.ts'
import { hashSecret } from '../../src/authorization-server/secret-checker.ts'
import { authenticateUser, findSession, startSession } from '../../src/authorization-server/session.ts'
import { sideKey } from '../../src/ledger/layout.ts'
import type { Event, SessionEndReason } from '../../src/oauth/events.ts'
import type { TokenAnswer } from '../../src/oauth/grants/token-answer.ts'
import {
  openWorld,
  passwordChanged,
  redeemForm,
  redirectUri,
  registerClient,
  registerUser,
  requestToken,
  signedRequest,
  tally,
  userErased,
  userRemoved,
  userUpdated,
  type World,
} from '../support/authorization.ts'

const browser = { address: '192.0.2.1', userAgent: 'x' }
const allScopes = ['openid', 'offline_access', 'read']

/** Alice in a browser, and a way to tokens of any scope in her session. */
async function alice(passwordHash?: string) {
  const world = await openWorld()
  const client = await registerClient(world, 'trusted', { scopes: allScopes, autoApproves: allScopes })
  const user = await registerUser(world, 'alice-subject', 'alice', passwordHash)
  const logIn = async (before?: string) =>
    startSession(world.context, user, browser, findSession(world.context, before))
  const tokens = async (cookie: string, scope: string): Promise<TokenAnswer> => {
    const live = findSession(world.context, cookie)
    const asked = { response_type: 'code', client_id: 'trusted', redirect_uri: redirectUri, scope }
    const step = await authorize(world.context, asked, live)
    if (step.kind !== 'redirect') throw new Error(`the server wants to ${step.kind}`)
    const code = new URL(step.location).searchParams.get('code')!
    return requestToken(world.context, client, redeemForm(code))
  }
  return { world, user, client, logIn, tokens }
}

const isLive = async ({ context }: World, { access_token, refresh_token = '' }: TokenAnswer) =>
  (await findLiveToken(context, access_token)) !== undefined ||
  (await findLiveToken(context, refresh_token)) !== undefined

describe('a session takes its grants along', () => {
  test.each<[SessionEndReason, string, boolean]>([
    ['logout', 'read', false],
    ['logout', 'openid', false],
    ['logout', 'openid offline_access', true],
    ['administrator', 'read', false],
    ['expired', 'read', true],
    ['expired', 'openid', false],
    ['expired', 'openid offline_access', true],
    ['replaced', 'openid', true],
  ])('that ends by %s, a grant of %s: lives on %s', async (reason, scope, livesOn) => {
    const { world, logIn, tokens } = await alice()
    const cookie = await logIn()
    const given = await tokens(cookie, scope)
    await endSession(world.context, findSession(world.context, cookie)!.session, reason)
    expect(findSession(world.context, cookie)).toBeUndefined()
    expect(await isLive(world, given)).toBe(livesOn)
  })

  test('and no grant of another session', async () => {
    const { world, logIn, tokens } = await alice()
    const [one, other] = [await logIn(), await logIn()]
    const given = await tokens(other, 'openid')
    await endSession(world.context, findSession(world.context, one)!.session, 'logout')
    expect(await isLive(world, given)).toBe(true)
  })

  test('of the sessions too that it went on for', async () => {
    const { world, logIn, tokens } = await alice()
    const first = await logIn()
    const given = await tokens(first, 'openid')
    const second = await logIn(first)
    expect(findSession(world.context, first)).toBeUndefined()
    expect(await isLive(world, given)).toBe(true)
    await endSession(world.context, findSession(world.context, second)!.session, 'logout')
    expect(await isLive(world, given)).toBe(false)
  })

  test('but not those that are over already', async () => {
    const { world, logIn, tokens } = await alice()
    const cookie = await logIn()
    await tokens(cookie, 'openid')
    world.clock.nowMs += 90_000_000
    await expireSessions(world.context)
    expect(tally(world)).toMatchObject({ 'session.ended': 1 })
    expect(tally(world)['grant.revoked session']).toBeUndefined()
  })
})

describe('sessions whose time is over', () => {
  test('end to the second, the oldest first, a few at a time, once', async () => {
    const { world, logIn } = await alice()
    for (let i = 0; i < 5; i++) await logIn()
    world.clock.nowMs += 1800_000 - 1
    expect(await expireSessions(world.context)).toBe(0)
    world.clock.nowMs += 1
    expect(await expireSessions(world.context, 2)).toBe(2)
    expect(await expireSessions(world.context)).toBe(3)
    expect(await expireSessions(world.context)).toBe(0)
    expect(tally(world)['session.ended']).toBe(5)
  })

  test('not those that ended before', async () => {
    const { world, logIn } = await alice()
    const cookie = await logIn()
    await endSession(world.context, findSession(world.context, cookie)!.session, 'logout')
    world.clock.nowMs += 1800_000
    expect(await expireSessions(world.context)).toBe(0)
  })
})

describe('a user', () => {
  test.each([
    ['removed', userRemoved('alice-subject')],
    ['erased', userErased('alice-subject')],
  ])('who is %s takes sessions along, by events', async (_, event) => {
    const { world, logIn, tokens } = await alice()
    const cookie = await logIn()
    const given = await tokens(cookie, 'openid offline_access')
    await administer(world.context, signedRequest(world, event, { stream: 'user:alice-subject' }))
    expect(await isLive(world, given)).toBe(false)
    expect(world.heard.at(-1)!.event).toEqual({ type: 'session.ended', reason: 'user_removed' })
  })

  test('whose authorities change keeps sessions and tokens', async () => {
    const { world, logIn, tokens } = await alice()
    const cookie = await logIn()
    const given = await tokens(cookie, 'openid')
    const event = userUpdated('alice-subject', ['ADMIN'])
    await administer(world.context, signedRequest(world, event, { stream: 'user:alice-subject' }))
    expect(findSession(world.context, cookie)!.user.authorities).toEqual(['ADMIN'])
    expect(await isLive(world, given)).toBe(true)
  })
})

describe('a changed password', () => {
  const change = async (world: World, password: string, username = 'alice') =>
    administer(
      world.context,
      signedRequest(world, passwordChanged('alice-subject', username, await hashSecret(password)), {
        stream: 'user:alice-subject',
      }),
    )

  test('ends all sessions and grants of before, offline access too, and none of after', async () => {
    const { world, logIn, tokens } = await alice()
    const cookies = [await logIn(), await logIn()]
    const given = [await tokens(cookies[0]!, 'openid offline_access'), await tokens(cookies[1]!, 'read')]
    await change(world, 'new')
    expect(cookies.map((cookie) => findSession(world.context, cookie))).toEqual([undefined, undefined])
    expect(await Promise.all(given.map((one) => isLive(world, one)))).toEqual([false, false])
    // In the same millisecond.
    const cookie = await logIn()
    const later = await tokens(cookie, 'openid')
    const changed = world.heard.find(({ event }) => event.type === 'user.password_changed')!
    await followEnd(world.context, changed)
    expect(findSession(world.context, cookie)).toBeDefined()
    expect(await isLive(world, later)).toBe(true)
  })

  test('counts, the former one no longer, and its hash is gone', async () => {
    const { world } = await alice(await hashSecret('old'))
    const logIn = (password: string) => authenticateUser(world.context, 'alice', password, '192.0.2.1')
    expect(await logIn('old')).toBeDefined()
    await change(world, 'new')
    expect(await logIn('old')).toBeUndefined()
    expect(await logIn('new')).toMatchObject({ subject: 'alice-subject', username: 'alice' })
    const registered = world.heard.find(({ event }) => event.type === 'user.registered')!
    expect(world.storage.get(sideKey(registered.position))).toBeUndefined()
  })

  test('is refused with another name, which would be a second one of the user', async () => {
    const { world } = await alice()
    await expect(change(world, 'new', 'bob')).rejects.toMatchObject({ code: 'malformed' })
  })
})

test('following an end again changes nothing', async () => {
  const { world, logIn, tokens } = await alice()
  await tokens(await logIn(), 'openid')
  await administer(
    world.context,
    signedRequest(world, userRemoved('alice-subject'), { stream: 'user:alice-subject' }),
  )
  const size = world.ledger.size
  for (const recorded of [...world.heard]) await followEnd(world.context, recorded)
  expect(world.ledger.size).toBe(size)
})

test('what follows is done after a crash in between too', async () => {
  const { world, user, logIn, tokens } = await alice()
  const cookie = await logIn()
  const given = await tokens(cookie, 'openid')
  const { id } = findSession(world.context, cookie)!.session
  // The event alone, as if the process had died right behind it.
  const ended: Event = { type: 'session.ended', reason: 'logout' }
  const [recorded] = await world.ledger.append(`session:${id}`, 1, [ended], world.clock.nowMs)
  expect(await isLive(world, given)).toBe(true)
  await followEnd(world.context, recorded!)
  expect(await isLive(world, given)).toBe(false)
  expect(user.subject).toBe('alice-subject')
})
