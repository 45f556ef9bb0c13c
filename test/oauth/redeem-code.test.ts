/** RFC 6749 section 4.1.3, RFC 7636 section 4.6: given / when / then. */
import { describe, expect, test } from 'vitest'
import vector from '../../fixtures/oauth/pkce.json' with { type: 'json' }
import type { Client } from '../../src/oauth/client.ts'
import type { Event } from '../../src/oauth/events.ts'
import { type RedeemRequest, redeemCode } from '../../src/oauth/grants/authorization-code.ts'
import type { User } from '../../src/oauth/user.ts'
import {
  codeIssued,
  grantAfter,
  lifetimes,
  onTheWire,
  revoked,
  sampleClient,
  sampleMetadata,
  sampleToken,
  sampleTokens,
  sampleUser,
  someTimeMs,
  someTimeSeconds,
  tokenIssued,
} from '../support/oauth.ts'

const request: RedeemRequest = {
  codeHash: sampleToken('code', 'one').hash,
  redirectUri: 'https://client.example/callback',
  codeVerifier: undefined,
}
const tokens = sampleTokens('new')

interface When {
  request?: Partial<RedeemRequest>
  client?: Client
  owner?: User | undefined
  nowMs?: number
}

const redeem = (given: readonly Event[], when: When = {}) =>
  onTheWire(
    redeemCode(
      given.length === 0 ? undefined : grantAfter(given),
      { ...request, ...when.request },
      when.client ?? sampleClient(),
      'owner' in when ? when.owner : sampleUser(),
      tokens,
      lifetimes,
      when.nowMs ?? someTimeMs,
    ),
  )

/** What a refused request came to: its events and words. */
function refusal(given: readonly Event[], when: When = {}) {
  const { events, refusal, answer } = redeem(given, when)
  expect(answer).toBeUndefined()
  return { events, words: `${refusal?.code}: ${refusal?.message}` }
}

describe('section 4.1.4: a code is redeemed', () => {
  test('for tokens of the scopes that the resource owner gave', () => {
    expect(redeem([codeIssued({ scopes: ['read'] })])).toEqual({
      events: [{ type: 'code.redeemed' }, tokenIssued('new', { scopes: ['read'] })],
      answer: {
        access_token: tokens.access.token,
        token_type: 'bearer',
        expires_in: 3600,
        refresh_token: tokens.refresh.token,
        scope: 'read',
      },
    })
  })

  test('without refresh token for a client that may not use one', () => {
    const metadata = sampleMetadata({ grantTypes: ['authorization_code'] })
    const { events, answer } = redeem([codeIssued()], { client: sampleClient({ metadata }) })
    expect(answer).not.toHaveProperty('refresh_token')
    expect(events[1]).toEqual(tokenIssued('new', { refreshTokenHash: null, refreshExpiresAtSeconds: null }))
  })
})

describe('section 4.1.3: "ensure that the authorization code was issued to the authenticated client"', () => {
  test.each<[string, Event[], When, string]>([
    ['a code that is not known', [], {}, 'the code is not known'],
    ['another code of the grant', [codeIssued()], { request: { codeHash: 'x' } }, 'the code is not known'],
    ['a grant that began without code', [tokenIssued('one')], {}, 'the code is not known'],
    [
      'another client',
      [codeIssued()],
      { client: sampleClient({ clientId: 'other' }) },
      'the code was issued to another client',
    ],
    [
      'a client registered anew under the same id',
      [codeIssued()],
      { client: sampleClient({ registeredAtVersion: 2 }) },
      'the code was issued to another client',
    ],
    [
      'an owner that was removed',
      [codeIssued()],
      { owner: sampleUser({ removed: true }) },
      'the resource owner is no longer known',
    ],
    [
      'an owner that is not there',
      [codeIssued()],
      { owner: undefined },
      'the resource owner is no longer known',
    ],
    ['a grant that was revoked', [codeIssued(), revoked('logout')], {}, 'the code was revoked'],
  ])('%s', (_, given, when, words) => {
    expect(refusal(given, when)).toEqual({ events: [], words: `invalid_grant: ${words}` })
  })
})

describe('section 4.1.2: "The client MUST NOT use the authorization code more than once"', () => {
  const used = [codeIssued(), { type: 'code.redeemed' } as const, tokenIssued('one')]
  const words = 'invalid_grant: the code was used before; what it gave is revoked'

  test('the second use revokes what the first one gave', () => {
    expect(refusal(used)).toEqual({ events: [revoked('code_reuse')], words })
  })

  test('whatever else is wrong with it', () => {
    const wrong: When[] = [
      { request: { redirectUri: 'https://evil.example/' } },
      { request: { codeVerifier: vector.codeVerifier } },
      { nowMs: someTimeMs + 1e9 },
      { owner: undefined },
    ]
    for (const when of wrong) expect(refusal(used, when).events).toEqual([revoked('code_reuse')])
  })

  test('the third use revokes nothing more', () => {
    expect(refusal([...used, revoked('code_reuse')])).toEqual({ events: [], words })
  })

  test('another client can revoke nothing with it', () => {
    expect(refusal(used, { client: sampleClient({ clientId: 'other' }) }).events).toEqual([])
  })
})

describe('section 4.1.2: a code expires', () => {
  const expiresAtMs = (someTimeSeconds + 60) * 1000
  test.each([
    [expiresAtMs - 1, true],
    [expiresAtMs, false],
    [expiresAtMs + 1, false],
  ])('at %i: %s', (nowMs, isGood) => {
    const { answer, refusal } = redeem([codeIssued()], { nowMs })
    expect(answer !== undefined).toBe(isGood)
    if (!isGood) expect(refusal?.message).toBe('the code has expired')
  })
})

describe('section 4.1.3: redirect_uri is "REQUIRED, if [it] was included in the authorization request"', () => {
  const other = 'invalid_grant: redirect_uri is not the one of the authorization request'
  test.each([
    ['sent, sent', true, request.redirectUri, undefined],
    ['sent, left out', true, undefined, other],
    ['sent, another one', true, 'https://client.example/callback/', other],
    ['left out, left out', false, undefined, undefined],
    ['left out, sent', false, request.redirectUri, undefined],
    ['left out, another one', false, 'https://evil.example/', other],
  ])('%s', (_, redirectUriSent, redirectUri, words) => {
    const { refusal } = redeem([codeIssued({ redirectUriSent })], { request: { redirectUri } })
    expect(refusal && `${refusal.code}: ${refusal.message}`).toBe(words)
  })
})

describe('RFC 7636 section 4.6: the code verifier', () => {
  const challenge = vector.codeChallenge
  test.each([
    ['fits', challenge, vector.codeVerifier, undefined],
    [
      'does not fit',
      challenge,
      `${vector.codeVerifier.slice(0, -1)}K`,
      'code_verifier does not match the code_challenge',
    ],
    ['is the challenge', challenge, challenge, 'code_verifier does not match the code_challenge'],
    ['is missing', challenge, undefined, 'code_verifier is missing'],
    [
      'is there without challenge (RFC 9700 section 2.1.1)',
      null,
      vector.codeVerifier,
      'code_verifier was sent, but the authorization request had no code_challenge',
    ],
  ])('%s', (_, codeChallenge, codeVerifier, words) => {
    const { refusal, events } = redeem([codeIssued({ codeChallenge })], { request: { codeVerifier } })
    expect(refusal?.message).toBe(words)
    expect(events.length).toBe(words === undefined ? 2 : 0)
  })
})
