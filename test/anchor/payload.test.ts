import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodePayload, originPrefix, parsePayload } from '../../src/anchor/payload.ts'

const root = Buffer.alloc(32, 0xab)

test('a payload to the byte', () => {
  // printf signon.example.com | sha256sum | head -c 16
  const prefix = '4174ede7a207ffec'
  expect(encodePayload({ origin: 'signon.example.com', size: 0x0102_0304_0506, root }).toString('hex')).toBe(
    `43534f31${prefix}0000010203040506${'ab'.repeat(32)}`,
  )
})

test('what is encoded is parsed again', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      (origin, size, bytes) => {
        const payload = encodePayload({ origin, size, root: Buffer.from(bytes) })
        const prefix = createHash('sha256').update(origin).digest().subarray(0, 8)
        expect(payload).toHaveLength(52)
        expect(parsePayload(payload)).toEqual({ originPrefix: prefix, size, root: Buffer.from(bytes) })
        expect(originPrefix(origin)).toEqual(prefix)
      },
    ),
  )
})

test.each([
  ['no byte', () => Buffer.alloc(0)],
  ['a byte too few', (payload: Buffer) => payload.subarray(1)],
  ['a byte too many', (payload: Buffer) => Buffer.concat([payload, Buffer.alloc(1)])],
  ['another magic', (payload: Buffer) => Buffer.concat([Buffer.from('CSO2'), payload.subarray(4)])],
  ['size 0', (payload: Buffer) => Buffer.from(payload).fill(0, 12, 20)],
  ['size 2^53', (payload: Buffer) => Buffer.from(payload).fill('0020000000000000', 12, 20, 'hex')],
])('no payload: %s', (_name, change) => {
  expect(parsePayload(change(encodePayload({ origin: 'o', size: 1, root })))).toBeUndefined()
})

test('no tree, no payload', () => {
  for (const size of [0, -1, 1.5, 2 ** 53])
    expect(() => encodePayload({ origin: 'o', size, root })).toThrow(RangeError)
  expect(() => encodePayload({ origin: 'o', size: 1, root: root.subarray(1) })).toThrow(RangeError)
})
