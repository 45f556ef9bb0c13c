import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyedHash } from '../../src/authorization-server/keyed-hash.ts'

test('RFC 2104: HMAC-SHA256 as node:crypto computes it', () => {
  const key = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(key, fc.string({ unit: 'grapheme', maxLength: 200 }), (bytes, text) => {
      expect(new KeyedHash(bytes).of(text)).toBe(createHmac('sha256', bytes).update(text).digest('base64url'))
    }),
  )
})

test('a key longer than a block is refused', () => {
  expect(() => new KeyedHash(Buffer.alloc(65))).toThrow(RangeError)
})
