/** RFC 3720 appendix B.4, "CRC Examples"; the last is the check value of the CRC catalogues. */
import { expect, test } from 'vitest'
import { crc32c } from '../../src/ledger/crc32c.ts'

test.each([
  ['32 bytes of zeroes', Buffer.alloc(32), 0x8a91_36aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8_ab43],
  ['32 bytes of incrementing 00..1f', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd_794e],
  ['32 bytes of decrementing 1f..00', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113f_db5c],
  ['123456789', Buffer.from('123456789'), 0xe306_9283],
])('%s', (_name, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected)
})
