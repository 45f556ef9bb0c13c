import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import vectors from '../../fixtures/tree/rfc6962-eight-leaves.json' with { type: 'json' }
import { EMPTY_ROOT, leafHash, leafHashPrefixed, nodeHash, sameHash } from '../../src/tree/hash.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

describe('RFC 9162 section 2.1.1: hashes', () => {
  test('the empty tree', () => {
    expect(EMPTY_ROOT.toString('hex')).toBe(vectors.emptyRoot)
  })

  test.each(vectors.leafHashes)('leaf "$record"', ({ record, hash }) => {
    expect(leafHash(hex(record)).toString('hex')).toBe(hash)
    expect(leafHashPrefixed(hex(`00${record}`)).toString('hex')).toBe(hash)
  })

  test('records of every length, on both sides of the scratch buffer', () => {
    for (const length of [0, 1, 63, 64, 300, 4094, 4095, 4096, 4097, 100_000]) {
      const record = Buffer.alloc(length, 0xa5)
      const expected = createHash('sha256').update(Buffer.of(0)).update(record).digest()
      expect(leafHash(record)).toEqual(expected)
      expect(leafHashPrefixed(Buffer.concat([Buffer.of(0), record]))).toEqual(expected)
    }
  })

  test('a longer record leaves nothing behind for a shorter one', () => {
    const before = leafHash(Buffer.from('short'))
    leafHash(Buffer.alloc(4000, 1))
    expect(leafHash(Buffer.from('short'))).toEqual(before)
  })

  test('a leaf without its prefix is refused', () => {
    expect(() => leafHashPrefixed(Buffer.from('record'))).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    )
    expect(() => leafHashPrefixed(Buffer.alloc(0))).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    )
  })

  test('nodes have their own prefix and an order', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const left = Buffer.from(a)
        const right = Buffer.from(b)
        const expected = createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest()
        expect(nodeHash(left, right)).toEqual(expected)
        expect(nodeHash(left, right)).not.toEqual(leafHash(Buffer.concat([left, right])))
        if (!left.equals(right)) expect(nodeHash(left, right)).not.toEqual(nodeHash(right, left))
      }),
    )
  })

  test('only 32 bytes can be the same hash', () => {
    expect(sameHash(EMPTY_ROOT, Buffer.from(EMPTY_ROOT))).toBe(true)
    expect(sameHash(Buffer.alloc(0), Buffer.alloc(0))).toBe(false)
    expect(sameHash(EMPTY_ROOT, EMPTY_ROOT.subarray(1))).toBe(false)
    expect(sameHash(EMPTY_ROOT.subarray(1), EMPTY_ROOT)).toBe(false)
  })
})
