import { ChainError } from './errors.ts'

/** Bitcoin's variable-length integer, as far as sizes and counts in blocks and messages go (32 bits). */
export function writeCompactSize(size: number): Buffer {
  if (size < 0xfd) return Buffer.of(size)
  const bytes = Buffer.alloc(size <= 0xffff ? 3 : 5)
  if (size <= 0xffff) {
    bytes[0] = 0xfd
    bytes.writeUInt16LE(size, 1)
  } else {
    bytes[0] = 0xfe
    bytes.writeUInt32LE(size, 1)
  }
  return bytes
}

/**
 * The integer at `offset` and the offset behind it.
 *
 * @throws ChainError `malformed` when the bytes end before it or it needs more than 32 bits.
 */
export function readCompactSize(bytes: Buffer, offset: number): [value: number, next: number] {
  const first = bytes[offset]
  const width = first === 0xfd ? 2 : first === 0xfe ? 4 : 0
  if (first === undefined || first === 0xff || offset + 1 + width > bytes.length) {
    throw new ChainError('malformed', 'a length is missing or out of range')
  }
  return width === 0 ? [first, offset + 1] : [bytes.readUIntLE(offset + 1, width), offset + 1 + width]
}
