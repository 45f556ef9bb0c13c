/** RFC 9126: what becomes of a pushed authorization request. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Event } from '../../src/oauth/events.ts'
import {
  evolvePushedRequest,
  openParameters,
  type PushedRequest,
  pushedParameters,
  sealParameters,
} from '../../src/oauth/pushed-request.ts'
import { hashToken } from '../../src/oauth/token-format.ts'
import { outcome, recordedAt, sampleClient, sampleToken, someTimeSeconds } from '../support/oauth.ts'

const { token: uri } = sampleToken('request', 'one')
const parameters = { client_id: 'trusted', scope: 'read', login_hint: 'alice@example.com' }
const pushed: Event = {
  type: 'request.pushed',
  clientId: 'trusted',
  clientVersion: 0,
  requestHash: hashToken(uri),
  expiresAtSeconds: someTimeSeconds + 90,
  side: { parameters: sealParameters(uri, parameters) },
}

function stateAfter(...events: Event[]): PushedRequest | undefined {
  let state: PushedRequest | undefined
  events.forEach((event, version) => {
    state = evolvePushedRequest(state, recordedAt('par:one', version, event))
  })
  return state
}

describe('sealed parameters', () => {
  test('are read by who holds the request URI, and by nobody else', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string({ unit: 'binary' })), fc.string(), (given, other) => {
        const own = Object.fromEntries(Object.entries(given).filter(([name]) => name !== '__proto__'))
        const wellFormed = JSON.parse(JSON.stringify(own))
        const sealed = sealParameters(uri, own)
        expect({ ...openParameters(uri, sealed) }).toEqual(wellFormed)
        expect(openParameters(`${uri}x`, sealed)).toBeUndefined()
        expect(openParameters(uri, other)).toBeUndefined()
      }),
    )
  })

  test('hold nothing that can be read', () => {
    const bytes = Buffer.from(sealParameters(uri, parameters), 'base64url').toString('latin1')
    expect(bytes).not.toMatch(/alice|trusted|scope/)
  })

  test('one bit changed: nothing', () => {
    const sealed = Buffer.from(sealParameters(uri, parameters), 'base64url')
    for (let i = 0; i < sealed.length; i++) {
      sealed[i]! ^= 1
      expect(openParameters(uri, sealed.toString('base64url'))).toBeUndefined()
      sealed[i]! ^= 1
    }
  })
})

describe('RFC 9126 section 4: the request URI at the authorization endpoint', () => {
  const open = stateAfter(pushed)
  const client = sampleClient()
  const expired = 'invalid_request_uri: the pushed request has expired'
  const another = 'invalid_request_uri: the pushed request is that of another client'

  test.each([
    ['in time', open, uri, client, 89, parameters],
    ['a second late', open, uri, client, 90, expired],
    ['unknown', undefined, uri, client, 0, 'invalid_request_uri: the pushed request is not known'],
    ['another client', open, uri, sampleClient({ clientId: 'other' }), 0, another],
    ['a client registered anew', open, uri, sampleClient({ registeredAtVersion: 2 }), 0, another],
    ['a client that was removed', open, uri, sampleClient({ removed: true }), 0, another],
    ['no client', open, uri, undefined, 0, another],
    [
      'used',
      stateAfter(pushed, { type: 'request.used' }),
      uri,
      client,
      0,
      'invalid_request_uri: the pushed request was used before',
    ],
    [
      'its side record erased',
      stateAfter({ ...pushed, side: {} } as Event),
      uri,
      client,
      0,
      'invalid_request_uri: the pushed request cannot be read any more',
    ],
    [
      'another URI, as if its hash were the same',
      open,
      `${uri}x`,
      client,
      0,
      'invalid_request_uri: the pushed request cannot be read any more',
    ],
  ])('%s', (_, state, requestUri, of, secondsLater, expected) => {
    const result = outcome(() => pushedParameters(state, requestUri, of, someTimeSeconds + secondsLater))
    expect(typeof result === 'string' ? result : { ...result }).toEqual(expected)
  })

  test('a request that was used keeps no parameters', () => {
    expect(stateAfter(pushed, { type: 'request.used' })).toEqual({
      clientId: 'trusted',
      clientVersion: 0,
      expiresAtSeconds: someTimeSeconds + 90,
      used: true,
    })
  })
})
