import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseWif } from '../../src/chain/keys.ts'
import { messageHash, messageSigner, signMessage, verifyMessage } from '../../src/chain/message.ts'
import { fixture, testKey } from './support.ts'

interface Vector {
  description: string
  wif: string
  address: string
  message: string
  signature: string
}
const vectors = fixture<{
  hashes: { message: string; hash: string }[]
  signatures: Vector[]
  verifies: Vector[]
  fails: Vector[]
}>('message-signatures.json')

describe('Bitcoin Signed Message', () => {
  test.each(vectors.hashes)('hash of "$message"', ({ message, hash }) => {
    expect(messageHash(message).toString('hex')).toBe(hash)
  })

  test.each(vectors.signatures)('$description', ({ wif, address, message, signature }) => {
    const key = parseWif(wif)
    expect(key.address).toBe(address)
    expect(signMessage(message, key)).toBe(signature)
    expect(verifyMessage(message, address, signature)).toBe(true)
  })

  test.each(vectors.verifies)('signature of $address', ({ message, address, signature }) => {
    expect(messageSigner(message, signature)).toBe(address)
  })

  test.each(vectors.fails)('no signature: $description', ({ message, address, signature }) => {
    expect(verifyMessage(message, address, signature)).toBe(false)
  })

  test('whatever is signed verifies, and nothing else does', () => {
    const key = testKey('message')
    const long = fc.string({ unit: 'binary', minLength: 200, maxLength: 400 })
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), long), fc.nat(64), (message, place) => {
        const signature = signMessage(message, key)
        expect(verifyMessage(message, key.address, signature)).toBe(true)
        expect(verifyMessage(`${message}.`, key.address, signature)).toBe(false)
        const altered = Buffer.from(signature, 'base64')
        altered[place]! ^= 1
        expect(verifyMessage(message, key.address, altered.toString('base64'))).toBe(false)
      }),
      { numRuns: 50 },
    )
  })

  test('r and s out of range are no signature', () => {
    for (const fill of [0, 0xff]) {
      const signature = Buffer.concat([Buffer.of(31), Buffer.alloc(64, fill)]).toString('base64')
      expect(messageSigner('anything', signature)).toBeUndefined()
    }
  })
})
