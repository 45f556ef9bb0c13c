/** RFC 7662 section 2.2, RFC 6749 section 4.4 and SignOn 1.1's check_token: what is said of a token. */
import { describe, expect, test } from 'vitest'
import type { Event } from '../../src/oauth/events.ts'
import { issueToClient } from '../../src/oauth/grants/client-credentials.ts'
import { checkedToken, introspection, liveToken, mayIntrospect } from '../../src/oauth/introspection.ts'
import {
  codeIssued,
  grantAfter,
  lifetimes,
  onTheWire,
  outcome,
  revoked,
  sampleClient,
  sampleMetadata,
  sampleToken,
  sampleTokens,
  sampleUser,
  someTimeMs,
  someTimeSeconds,
  tokenIssued,
  tokenRefreshed,
} from '../support/oauth.ts'

const issuer = 'https://signon.example'
const access = sampleToken('access', 'first').hash
const refresh = sampleToken('refresh', 'first').hash
const issued: Event[] = [codeIssued(), { type: 'code.redeemed' }, tokenIssued('first')]

const live = (
  events: readonly Event[],
  hash: string,
  { client = sampleClient(), user = sampleUser(), nowMs = someTimeMs } = {},
) => liveToken(hash, events.length === 0 ? undefined : grantAfter(events), client, user, nowMs)

describe('section 2.2: an active token', () => {
  test('of a resource owner', () => {
    expect(introspection(live(issued, access), issuer)).toEqual({
      active: true,
      scope: 'read write',
      client_id: 'trusted',
      username: 'alice',
      token_type: 'bearer',
      exp: someTimeSeconds + 3600,
      iat: someTimeSeconds,
      sub: 'alice-subject',
      iss: issuer,
    })
  })

  test('of a client that acts for itself, with the resource servers it is for', () => {
    const client = sampleClient({ metadata: sampleMetadata({ resourceIds: ['accounts'] }) })
    const { events } = issueToClient(client, { scope: 'read' }, sampleTokens('first'), lifetimes, someTimeMs)
    expect(
      introspection(liveToken(access, grantAfter(events), client, undefined, someTimeMs), issuer),
    ).toEqual({
      active: true,
      scope: 'read',
      client_id: 'trusted',
      token_type: 'bearer',
      exp: someTimeSeconds + 3600,
      iat: someTimeSeconds,
      sub: 'trusted',
      aud: ['accounts'],
      iss: issuer,
    })
  })

  test('a refresh token, with the scopes of the grant', () => {
    const narrowed = [...issued, tokenRefreshed('second', { scopes: ['read'] })]
    const token = live(narrowed, sampleToken('refresh', 'second').hash)
    expect(introspection(token, issuer)).toMatchObject({
      token_type: 'refresh_token',
      scope: 'read write',
      exp: someTimeSeconds + 86_400,
    })
    expect(introspection(live(narrowed, sampleToken('access', 'second').hash), issuer).scope).toBe('read')
  })

  test('of a user whose side record was erased, without a name', () => {
    const { username: _, ...user } = sampleUser()
    expect(introspection(live(issued, access, { user }), issuer)).not.toHaveProperty('username')
  })

  test('as check_token of SignOn 1.1 says it', () => {
    expect(checkedToken(live(issued, access)!)).toEqual({
      active: true,
      user_name: 'alice',
      scope: ['read', 'write'],
      authorities: ['USER'],
      client_id: 'trusted',
      exp: someTimeSeconds + 3600,
    })
  })
})

describe('section 2.2: of any other token nothing is said but that', () => {
  test.each<[string, ReturnType<typeof live>]>([
    ['of no grant', live([], access)],
    ['another hash', live(issued, sampleToken('access', 'other').hash)],
    ['the hash of the code', live(issued, sampleToken('code', 'one').hash)],
    ['before it was issued', live([codeIssued()], access)],
    ['revoked', live([...issued, revoked('client')], access)],
    ['revoked, the refresh token', live([...issued, revoked('client')], refresh)],
    ['replaced by a rotation', live([...issued, tokenRefreshed('second')], access)],
    ['replaced by a rotation, the refresh token', live([...issued, tokenRefreshed('second')], refresh)],
    ['of a removed client', live(issued, access, { client: sampleClient({ removed: true }) })],
    [
      'of a client registered anew',
      live(issued, access, { client: sampleClient({ registeredAtVersion: 2 }) }),
    ],
    ['of a removed user', live(issued, access, { user: sampleUser({ removed: true }) })],
    ['of an unknown client', liveToken(access, grantAfter(issued), undefined, sampleUser(), someTimeMs)],
    ['of an unknown user', liveToken(access, grantAfter(issued), sampleClient(), undefined, someTimeMs)],
  ])('%s', (_, token) => {
    expect(introspection(token, issuer)).toEqual({ active: false })
  })

  test.each([
    ['access token', access, someTimeSeconds + 3600],
    ['refresh token', refresh, someTimeSeconds + 86_400],
  ])('an %s from the millisecond at which it expires', (_, hash, expiresAtSeconds) => {
    const nowMs = expiresAtSeconds * 1000
    expect(live(issued, hash, { nowMs: nowMs - 1 })).toBeDefined()
    expect(live(issued, hash, { nowMs })).toBeUndefined()
  })
})

test('section 2.1: a public client may not ask', () => {
  expect(mayIntrospect(sampleClient())).toBe(true)
  const metadata = sampleMetadata({ authenticationMethod: 'none' })
  expect(mayIntrospect(sampleClient({ metadata }))).toBe(false)
})

describe('RFC 6749 section 4.4.3: "A refresh token SHOULD NOT be included"', () => {
  const issue = (scope: string | undefined) =>
    onTheWire(issueToClient(sampleClient(), { scope }, sampleTokens('first'), lifetimes, someTimeMs + 999))

  test('in the answer and in the event', () => {
    expect(issue(undefined)).toEqual({
      events: [
        tokenIssued('first', {
          grantType: 'client_credentials',
          subject: null,
          refreshTokenHash: null,
          refreshExpiresAtSeconds: null,
        }),
      ],
      answer: {
        access_token: sampleTokens('first').access.token,
        token_type: 'bearer',
        expires_in: 3600,
        scope: 'read write',
      },
    })
  })

  test('and no scope that is not the client\u2019s', () => {
    expect(outcome(() => issue('root'))).toMatch(/^invalid_scope: /)
  })
})
