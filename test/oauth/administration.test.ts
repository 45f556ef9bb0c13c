/** What the administrator signs holds for one event at one place of one ledger. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  administrationText,
  isAdministration,
  serverText,
  sideCommitment,
} from '../../src/oauth/administration.ts'
import type { EventOf } from '../../src/oauth/events.ts'
import { anyEvent } from '../support/event-arbitraries.ts'
import { revoked, sampleMetadata } from '../support/oauth.ts'

const context = { origin: 'ledger.example/one', stream: 'client:trusted', version: 2 }
const registered: EventOf<'client.registered'> = {
  type: 'client.registered',
  clientId: 'trusted',
  metadata: sampleMetadata(),
  signedAtSeconds: 1_700_000_000,
  signature: '',
  side: {},
}
const commitment = Buffer.alloc(32, 1)

describe('the signed text', () => {
  test('is seven lines that a person can read', () => {
    expect(administrationText(context, registered, commitment).split('\n')).toEqual([
      'coinstack-signon administration',
      'ledger: ledger.example/one',
      'stream: client:trusted',
      'version: 2',
      'event: client.registered',
      expect.stringMatching(/^body: [0-9a-f]{64}$/),
      `side: ${'01'.repeat(32)}`,
    ])
  })

  test('does not depend on the signature, which it precedes', () => {
    expect(administrationText(context, { ...registered, signature: 'x' }, commitment)).toBe(
      administrationText(context, registered, commitment),
    )
  })

  test.each([
    ['another ledger', { ...context, origin: 'ledger.example/two' }, registered, commitment],
    ['another stream', { ...context, stream: 'client:other' }, registered, commitment],
    ['another version', { ...context, version: 3 }, registered, commitment],
    ['another event', context, { ...registered, clientId: 'other' }, commitment],
    [
      'other metadata',
      context,
      { ...registered, metadata: sampleMetadata({ scopes: ['root'] }) },
      commitment,
    ],
    ['another time', context, { ...registered, signedAtSeconds: 1 }, commitment],
    [
      'another type',
      context,
      { type: 'client.removed', clientId: 'trusted', signedAtSeconds: 1, signature: '' } as const,
      commitment,
    ],
    ['another side record', context, registered, Buffer.alloc(32, 2)],
    ['no side record', context, registered, undefined],
  ])('is another one for %s', (_, place, event, side) => {
    expect(administrationText(place, event, side)).not.toBe(
      administrationText(context, registered, commitment),
    )
  })

  test('two events at two places share a text only where all of it is the same', () => {
    const place = fc.record({
      origin: fc.constantFrom('a', 'b'),
      stream: fc.constantFrom('c', 'd'),
      version: fc.nat(2),
    })
    const signed = anyEvent.filter(isAdministration)
    fc.assert(
      fc.property(place, signed, place, signed, (place1, event1, place2, event2) => {
        const isSame = JSON.stringify([place1, event1]) === JSON.stringify([place2, event2])
        if (!isSame) expect(administrationText(place1, event1)).not.toBe(administrationText(place2, event2))
      }),
      { numRuns: 50 },
    )
  })
})

describe('the commitment to a side record', () => {
  test('is SHA-256 of salt and bytes', () => {
    // printf 'saltside' | sha256sum
    expect(sideCommitment(Buffer.from('salt'), Buffer.from('side')).toString('hex')).toBe(
      '2e98dbab34866b874fafe48d243964f5e2a3e379c124126f429804b54c4f5f2a',
    )
  })
})

describe('the administrator\u2019s signature', () => {
  test.each<[string, boolean, Parameters<typeof isAdministration>[0]]>([
    ['a client is registered', true, registered],
    [
      'a client is removed',
      true,
      { type: 'client.removed', clientId: 'x', signedAtSeconds: 0, signature: '' },
    ],
    ['a user is removed', true, { type: 'user.removed', subject: 'x', signedAtSeconds: 0, signature: '' }],
    ['the administrator revokes', true, revoked('administrator')],
    ['a client revokes', false, revoked('client')],
    ['a reuse revokes', false, revoked('refresh_reuse')],
    ['a user logs out', false, { type: 'session.ended', reason: 'logout' }],
    ['a code is redeemed', false, { type: 'code.redeemed' }],
  ])('where %s: %s', (_, expected, event) => {
    expect(isAdministration(event)).toBe(expected)
  })
})

test('a server key vouches for ledger, administrator and checkpoint key', () => {
  const opened: EventOf<'server.opened'> = {
    type: 'server.opened',
    origin: 'o',
    administratorAddress: 'a',
    serverAddress: 's',
    checkpointKey: 'k',
    signature: 'not part of it',
  }
  expect(serverText(opened)).toBe(
    'coinstack-signon server\nledger: o\nadministrator: a\nserver: s\ncheckpoint key: k',
  )
})
