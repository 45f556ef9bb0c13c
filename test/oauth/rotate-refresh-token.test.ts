/** RFC 6749 section 6 and RFC 9700 section 4.14.2: given / when / then. */
import { describe, expect, test } from 'vitest'
import type { Client } from '../../src/oauth/client.ts'
import type { Grant } from '../../src/oauth/grant.ts'
import { rotateRefreshToken } from '../../src/oauth/grants/refresh-token.ts'
import type { User } from '../../src/oauth/user.ts'
import {
  codeIssued,
  grantAfter,
  lifetimes,
  onTheWire,
  outcome,
  revoked,
  sampleClient,
  sampleToken,
  sampleTokens,
  sampleUser,
  someTimeMs,
  someTimeSeconds,
  tokenIssued,
  tokenRefreshed,
} from '../support/oauth.ts'

const graceMs = 5000
const issued = [codeIssued(), { type: 'code.redeemed' } as const, tokenIssued('first')]
/** The name of the tokens that replace those of a name; in life a keyed function of the refresh token. */
const successor: Record<string, string> = { first: 'second', second: 'third', third: 'fourth' }

interface When {
  /** Name of the presented refresh token. */
  token?: string
  scope?: string
  client?: Client
  owner?: User | undefined
  nowMs?: number
}

const rotate = (grant: Grant | undefined, when: When = {}) => {
  const name = when.token ?? 'first'
  return onTheWire(
    rotateRefreshToken(
      grant,
      { refreshTokenHash: sampleToken('refresh', name).hash, scope: when.scope },
      when.client ?? sampleClient(),
      'owner' in when ? when.owner : sampleUser(),
      sampleTokens(successor[name] ?? 'strange'),
      lifetimes,
      graceMs,
      when.nowMs ?? someTimeMs,
    ),
  )
}

const answerOf = (name: string, changes: object = {}) => ({
  access_token: sampleTokens(name).access.token,
  token_type: 'bearer',
  expires_in: 3600,
  refresh_token: sampleTokens(name).refresh.token,
  scope: 'read write',
  ...changes,
})

describe('section 6: a refresh token is rotated', () => {
  test('for its successors', () => {
    expect(rotate(grantAfter(issued))).toEqual({
      events: [tokenRefreshed('second')],
      answer: answerOf('second'),
    })
  })

  test('again and again', () => {
    const grant = grantAfter([...issued, tokenRefreshed('second'), tokenRefreshed('third')])
    expect(rotate(grant, { token: 'third' }).events).toEqual([tokenRefreshed('fourth')])
  })

  test.each<[string, Grant | undefined, When, string]>([
    ['of a grant that is not known', undefined, {}, 'the refresh token is not known'],
    ['of a grant without refresh token', grantAfter([codeIssued()]), {}, 'the refresh token is not known'],
    [
      'of another client',
      grantAfter(issued),
      { client: sampleClient({ clientId: 'other' }) },
      'the refresh token was issued to another client',
    ],
    [
      'of a client registered anew under the same id',
      grantAfter(issued),
      { client: sampleClient({ registeredAtVersion: 2 }) },
      'the refresh token was issued to another client',
    ],
    [
      'of a removed owner',
      grantAfter(issued),
      { owner: sampleUser({ removed: true }) },
      'the resource owner is no longer known',
    ],
    [
      'of an owner that is not there',
      grantAfter(issued),
      { owner: undefined },
      'the resource owner is no longer known',
    ],
    ['that was revoked', grantAfter([...issued, revoked('client')]), {}, 'the refresh token was revoked'],
    [
      'replaced, of a family that was revoked',
      grantAfter([...issued, tokenRefreshed('second'), revoked('refresh_reuse')]),
      {},
      'the refresh token was revoked',
    ],
  ])('not one %s', (_, grant, when, words) => {
    const { events, refusal } = rotate(grant, when)
    expect([events, refusal?.code, refusal?.message]).toEqual([[], 'invalid_grant', words])
  })

  test('until the millisecond at which it expires', () => {
    const expiresAtMs = (someTimeSeconds + lifetimes.refreshSeconds) * 1000
    expect(rotate(grantAfter(issued), { nowMs: expiresAtMs - 1 }).answer).toBeDefined()
    const late = rotate(grantAfter(issued), { nowMs: expiresAtMs })
    expect([late.events, late.refusal?.message]).toEqual([[], 'the refresh token has expired'])
  })
})

describe('section 6: the scope of the new access token', () => {
  const grant = grantAfter(issued)
  test('may be narrower, while the grant keeps what the resource owner gave', () => {
    const { events, answer } = rotate(grant, { scope: 'write' })
    expect(events).toEqual([tokenRefreshed('second', { scopes: ['write'] })])
    expect(answer?.scope).toBe('write')
    const after = grantAfter([...issued, ...events])
    expect(after.scopes).toEqual(['read', 'write'])
    expect(after.access?.scopes).toEqual(['write'])
    expect(rotate(after, { token: 'second' }).answer?.scope).toBe('read write')
  })

  test('a scope beyond the grant is refused, not dropped', () => {
    expect(() => rotate(grant, { scope: 'read admin' })).toThrow('a scope is asked for that was not granted')
  })

  test('never holds what the resource owner did not give, though the client is open to it', () => {
    const readOnly = grantAfter([
      codeIssued({ scopes: ['read'] }),
      tokenIssued('first', { scopes: ['read'] }),
    ])
    expect(outcome(() => rotate(readOnly, { scope: 'write' }))).toMatch(/^invalid_scope: /)
    expect(outcome(() => rotate(readOnly, { scope: 'read write' }))).toMatch(/^invalid_scope: /)
    expect(outcome(() => rotate(readOnly, { scope: 'a"b' }))).toBe('invalid_scope: scope is malformed')
  })
})

describe('RFC 9700 section 4.14.2: a replaced refresh token comes back', () => {
  const rotated = grantAfter([...issued, tokenRefreshed('second')])
  const twice = grantAfter([...issued, tokenRefreshed('second'), tokenRefreshed('third')])
  const reuse = 'the refresh token was used before; its family is revoked'

  test('within the grace window: the same successors, and nothing happens', () => {
    for (const nowMs of [someTimeMs, someTimeMs + 1, someTimeMs + graceMs - 1])
      expect(rotate(rotated, { nowMs })).toMatchObject({
        events: [],
        answer: answerOf('second', { expires_in: expect.any(Number) }),
      })
  })

  test('with what is left of the lifetime, and the scopes that were given', () => {
    const narrow = grantAfter([...issued, tokenRefreshed('second', { scopes: ['read'] })])
    expect(rotate(narrow, { nowMs: someTimeMs + 2000, scope: 'read write' }).answer).toEqual(
      answerOf('second', { expires_in: 3598, scope: 'read' }),
    )
  })

  test('never with a lifetime below zero', () => {
    const short = grantAfter([
      ...issued,
      tokenRefreshed('second', { accessExpiresAtSeconds: someTimeSeconds + 1 }),
    ])
    expect(rotate(short, { nowMs: someTimeMs + 4000 }).answer?.expires_in).toBe(0)
  })

  test.each([
    ['at the end of the grace window', rotated, { nowMs: someTimeMs + graceMs }],
    ['long after', rotated, { nowMs: someTimeMs + 1e7 }],
    ['when its successor was replaced too', twice, {}],
    ['when it never was one of this grant', rotated, { token: 'stranger' }],
  ])('%s: the family is revoked', (_, grant, when) => {
    const { events, refusal } = rotate(grant, when)
    expect([events, refusal?.message]).toEqual([[revoked('refresh_reuse')], reuse])
  })

  test('a server with another successor key cannot answer a retry, and takes it for reuse', () => {
    const elsewhere = grantAfter([...issued, tokenRefreshed('of another key')])
    expect(rotate(elsewhere).events).toEqual([revoked('refresh_reuse')])
  })

  test('of another client: nothing is revoked', () => {
    const client = sampleClient({ clientId: 'other' })
    expect(rotate(rotated, { nowMs: someTimeMs + 1e7, client }).events).toEqual([])
  })
})
