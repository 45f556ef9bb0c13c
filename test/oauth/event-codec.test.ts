/** The event vocabulary as bytes: what is written can be read, and nothing else is taken for an event. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCbor } from '../../src/oauth/cbor.ts'
import { decodeEvent, encodeEvent, encodeSignedPart } from '../../src/oauth/event-codec.ts'
import { eventLayouts } from '../../src/oauth/events.ts'
import { anyEvent, anyEventOf, eventTypes } from '../support/event-arbitraries.ts'
import { codeIssued, tokenIssued } from '../support/oauth.ts'

describe('decode(encode(event)) is the event', () => {
  test.each(eventTypes)('%s', (type) => {
    fc.assert(
      fc.property(anyEventOf(type), (event) => {
        const { code, body, side } = encodeEvent(event)
        expect(decodeEvent(code, body, side)).toStrictEqual(event)
      }),
    )
  })

  test('and the bytes are the same again', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const { code, body, side } = encodeEvent(event)
        const again = encodeEvent(decodeEvent(code, body, side))
        expect(again.body.toString('hex')).toBe(body.toString('hex'))
        expect(again.side?.toString('hex')).toBe(side?.toString('hex'))
      }),
    )
  })
})

describe('the body', () => {
  test('is the documented CBOR array: hashes as bytes, what is missing as null', () => {
    const event = codeIssued({ codeHash: Buffer.alloc(32, 7).toString('base64url') })
    const { code, body } = encodeEvent(event)
    expect(code).toBe(80)
    expect(body.toString('hex')).toBe(
      [
        '8a', // array of 10
        `5820${'07'.repeat(32)}`,
        `67${Buffer.from('trusted').toString('hex')}`,
        '00',
        `6d${Buffer.from('alice-subject').toString('hex')}`,
        `6c${Buffer.from('some-session').toString('hex')}`,
        `82${'64'}${Buffer.from('read').toString('hex')}${'65'}${Buffer.from('write').toString('hex')}`,
        `781f${Buffer.from('https://client.example/callback').toString('hex')}`,
        'f5',
        'f6',
        `1a${event.expiresAtSeconds.toString(16)}`,
      ].join(''),
    )
  })

  test('holds nothing of the side record', () => {
    const { body, side } = encodeEvent({
      type: 'user.registered',
      subject: 's',
      authorities: [],
      signedAtSeconds: 1,
      signature: 'x',
      side: { username: 'alice-in-the-side', passwordHash: 'hash-in-the-side' },
    })
    expect(body.toString('latin1')).not.toContain('in-the-side')
    expect(side?.toString('latin1')).toContain('alice-in-the-side')
  })

  test('without its side record is still an event', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const { code, body, side } = encodeEvent(event)
        const expected = side ? { ...event, side: {} } : event
        expect(decodeEvent(code, body)).toStrictEqual(expected)
      }),
    )
  })
})

describe('the format', () => {
  test('has one number for each type, which never changes', () => {
    expect(Object.fromEntries(eventTypes.map((type) => [type, eventLayouts[type].code]))).toEqual({
      'server.opened': 1,
      'payloads.dropped': 2,
      'side_records.dropped': 3,
      'client.registered': 16,
      'client.removed': 17,
      'client.updated': 18,
      'client.secret_rotated': 19,
      'client.enrolled': 20,
      'client.amended': 21,
      'client.deregistered': 22,
      'invitation.issued': 24,
      'invitation.withdrawn': 25,
      'invitation.used': 26,
      'assertion.used': 144,
      'user.registered': 32,
      'user.removed': 33,
      'user.erased': 34,
      'user.password_changed': 35,
      'user.updated': 36,
      'user.linked': 37,
      'user.unlinked': 38,
      'session.started': 48,
      'session.ended': 49,
      'logout.delivered': 50,
      'logout.failed': 51,
      'consent.given': 64,
      'code.issued': 80,
      'code.redeemed': 81,
      'token.issued': 82,
      'token.refreshed': 83,
      'grant.revoked': 84,
      'request.pushed': 112,
      'request.used': 113,
      'signing_key.published': 96,
      'signing_key.activated': 97,
      'signing_key.replaced': 98,
      'signing_key.retired': 99,
      'device_code.issued': 128,
      'device_code.approved': 129,
      'device_code.denied': 130,
      'rotation.ordered': 85,
      'login.locked': 160,
      'login.unlocked': 161,
    })
  })

  test('has the signature behind all that is signed', () => {
    for (const type of eventTypes)
      if (eventLayouts[type].fields.includes('signature'))
        expect([type, eventLayouts[type].fields.at(-1)]).toEqual([type, 'signature'])
  })

  test('the signed part changes with every field but the signature', () => {
    const signable = eventTypes.filter((type) => eventLayouts[type].fields.includes('signature'))
    for (const type of signable)
      fc.assert(
        fc.property(anyEventOf(type), (event) => {
          const part = encodeSignedPart(event)
          expect(encodeSignedPart({ ...event, signature: 'another' } as typeof event)).toEqual(part)
          for (const field of eventLayouts[type].fields.map((name) => name.split(':')[0]!).slice(0, -1))
            expect(encodeSignedPart({ ...event, [field]: 'another' })).not.toEqual(part)
        }),
        { numRuns: 20 },
      )
  })
})

describe('anything else is a RangeError', () => {
  const { code, body } = encodeEvent(tokenIssued('one'))
  test.each<[string, number, Uint8Array]>([
    ['an unknown type', 9999, body],
    ['type 0', 0, body],
    ['no bytes', code, Buffer.alloc(0)],
    ['bytes cut off', code, body.subarray(0, -1)],
    ['bytes behind it', code, Buffer.concat([body, Buffer.of(0)])],
    ['a number', code, encodeCbor(5)],
    ['a map', code, encodeCbor({ clientId: 'x' })],
    [
      'a field too many',
      code,
      encodeCbor(new Array(eventLayouts['token.issued'].fields.length + 1).fill(null)),
    ],
    ['a hash that is a number', code, encodeCbor([null, null, null, null, null, 5])],
    ['a hash that is text', code, encodeCbor([null, null, null, null, null, 'x'])],
  ])('%s', (_, type, bytes) => {
    expect(() => decodeEvent(type, bytes)).toThrow(RangeError)
  })

  test('whatever the bytes are', () => {
    const codes = fc.constantFrom(...eventTypes.map((type) => eventLayouts[type].code))
    fc.assert(
      fc.property(
        codes,
        fc.uint8Array({ maxLength: 200 }),
        fc.option(fc.uint8Array(), { nil: undefined }),
        (type, bytes, side) => {
          try {
            decodeEvent(type, bytes, side)
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
