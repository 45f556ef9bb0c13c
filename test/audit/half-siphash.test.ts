/** HalfSipHash-2-4 with 64 bits against the vectors of its reference implementation. */
import { describe, expect, test } from 'vitest'
import { bucketOf, EntryComparison } from '../../src/audit/entry-comparison.ts'
import { halfSipHash } from '../../src/audit/half-siphash.ts'

/** github.com/veorq/SipHash, vectors.h: of the messages 00 01 02 … of 0 to 6 bytes under the key 00 01 … 07. */
const vectors = [
  '218d1f59b9b83cc8',
  'be552412f8387315',
  '064f39ef7c50eb57',
  'ce0f1a45f7060679',
  'd5e78a175be52ea1',
  'cb9d7c3f2f3db580',
  'ce3e91358aa2bc25',
]

function hashOf(message: Uint8Array, behind: number): string {
  const words = new Int32Array((message.length >> 2) + 1).fill(behind)
  Buffer.from(words.buffer).set(message)
  const hash = new Uint32Array(2)
  halfSipHash([0x03020100, 0x07060504], words, message.length, hash)
  return Buffer.from(hash.buffer).toString('hex')
}

test.each(vectors.map((hash, length) => [length, hash] as const))('%i bytes', (length, hash) => {
  const message = Uint8Array.from({ length }, (_, i) => i)
  // What stands in the words behind the message changes nothing.
  for (const behind of [0, -1]) expect(hashOf(message, behind)).toBe(hash)
})

describe('a comparison of entries', () => {
  const key = Buffer.from('some key')
  const differing = (...pairs: [expected: [Buffer, Buffer], found: [Buffer, Buffer]][]) => {
    const comparison = new EntryComparison()
    for (const [expected, found] of pairs) {
      comparison.expect(...expected)
      comparison.found(...found)
    }
    return [...comparison.differing()]
  }

  test('sees every bit of a value, and every length of it', () => {
    const value = Buffer.from('0123456789abcdef')
    for (let bit = 0; bit < 8 * value.length; bit++) {
      const other = Buffer.from(value)
      other[bit >> 3]! ^= 1 << (bit & 7)
      expect(
        differing([
          [key, value],
          [key, other],
        ]),
      ).toEqual([bucketOf(key)])
    }
    for (let length = 0; length < value.length; length++) {
      const zeros = Buffer.alloc(length)
      expect(
        differing([
          [key, zeros],
          [key, Buffer.alloc(length + 1)],
        ]),
      ).toEqual([bucketOf(key)])
      expect(
        differing([
          [key, zeros],
          [key, Buffer.alloc(length)],
        ]),
      ).toEqual([])
    }
  })

  test('tells where the key ends', () => {
    const split = (at: number): [Buffer, Buffer] => [
      Buffer.from('some key'.slice(0, at)),
      Buffer.from('some key'.slice(at)),
    ]
    expect(differing([split(4), split(5)]).length).toBeGreaterThan(0)
  })

  test('of values as large as its memory, and larger', () => {
    for (const length of [65_531 - key.length, 65_532 - key.length, 65_533 - key.length, 300_000]) {
      const value = Buffer.alloc(length, 1)
      const other = Buffer.from(value)
      other[length - 1] = 2
      expect(
        differing([
          [key, value],
          [key, value],
        ]),
      ).toEqual([])
      expect(
        differing([
          [key, value],
          [key, other],
        ]),
      ).toEqual([bucketOf(key)])
    }
  })
})
