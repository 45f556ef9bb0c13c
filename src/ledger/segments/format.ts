/**
 * The bytes of a segment file, version 1: an immutable sorted table of entries (docs/formats.md).
 *
 *     header    8   "CSOSEG01"
 *     blocks        brotli (RFC 7932) each, of entries in key order
 *     index         a row for each block: offset(6) length(4) CRC-32 of its bytes(4) length of its first key(2) first key
 *     filter        lines of 64 bytes (filter.ts)
 *     trailer 128   see `Trailer`
 *
 * An entry in a block: how many bytes its key shares with the key before it, length of the rest of the key, length
 * of the value (each a LEB128), rest of the key, value. Nothing is shared with another block.
 */
import { crc32 } from 'node:zlib'
import { LedgerError } from '../errors.ts'
import type { Entry } from '../storage.ts'

export const segmentHeader: Buffer = Buffer.from('CSOSEG01')
export const trailerBytes = 128
/** A point read undoes one block. */
export const blockBytes = 32 << 10

export interface Trailer {
  /** First and last position whose events it holds. */
  first: number
  last: number
  entries: number
  /** Bytes of all keys and values. */
  rawBytes: number
  indexOffset: number
  indexBytes: number
  indexChecksum: number
  blocks: number
  filterOffset: number
  filterBytes: number
  filterChecksum: number
  /** Parts that are in the filter. */
  filterParts: number
  /** SHA-256 of all bytes of the file before the trailer. */
  sha256: Buffer
}

const numbers = [
  ['first', 0, 6],
  ['last', 6, 6],
  ['entries', 12, 6],
  ['rawBytes', 18, 6],
  ['indexOffset', 24, 6],
  ['indexBytes', 30, 6],
  ['indexChecksum', 36, 4],
  ['blocks', 40, 4],
  ['filterOffset', 44, 6],
  ['filterBytes', 50, 6],
  ['filterChecksum', 56, 4],
  ['filterParts', 60, 6],
] as const satisfies readonly (readonly [keyof Trailer, number, number])[]
const shaAt = 66
const checksumAt = trailerBytes - 4

export function encodeTrailer(trailer: Trailer): Buffer {
  const bytes = Buffer.alloc(trailerBytes)
  for (const [name, at, length] of numbers) bytes.writeUIntBE(trailer[name], at, length)
  trailer.sha256.copy(bytes, shaAt)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, checksumAt)), checksumAt)
  return bytes
}

/** Undefined where a byte of it is not as it was written. */
export function decodeTrailer(bytes: Buffer): Trailer | undefined {
  if (bytes.length !== trailerBytes) return undefined
  if (crc32(bytes.subarray(0, checksumAt)) !== bytes.readUInt32BE(checksumAt)) return undefined
  const read = Object.fromEntries(numbers.map(([name, at, length]) => [name, bytes.readUIntBE(at, length)]))
  return { ...read, sha256: bytes.subarray(shaAt, shaAt + 32) } as Trailer
}

/** Puts entries, which come in key order, one behind the other. */
export class BlockEncoder {
  #bytes = Buffer.allocUnsafe(2 * blockBytes)
  #length = 0
  #lastKey: Buffer | undefined
  firstKey: Buffer | undefined

  get isFull(): boolean {
    return this.#length >= blockBytes
  }

  add(key: Buffer, value: Buffer): void {
    const shared = this.#lastKey ? sharedBytes(this.#lastKey, key) : 0
    this.firstKey ??= key
    this.#lastKey = key
    this.#reserve(key.length + value.length + 3 * longestNumber)
    this.#number(shared)
    this.#number(key.length - shared)
    this.#number(value.length)
    this.#length += key.copy(this.#bytes, this.#length, shared)
    this.#length += value.copy(this.#bytes, this.#length)
  }

  /** The block so far; the next entry begins a new one. */
  finish(): Buffer {
    const block = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    this.#lastKey = undefined
    this.firstKey = undefined
    return block
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#length + more))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }

  #number(value: number): void {
    let rest = value
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#length++] = (rest & 0x7f) | 0x80
    this.#bytes[this.#length++] = rest
  }
}
const longestNumber = 5

function sharedBytes(a: Buffer, b: Buffer): number {
  const most = Math.min(a.length, b.length)
  let count = 0
  while (count < most && a[count] === b[count]) count++
  return count
}

/** @throws LedgerError damaged */
export function decodeBlock(bytes: Buffer): Entry[] {
  const entries: Entry[] = []
  let at = 0
  const number = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined || shift > 28) throw new LedgerError('damaged', 'a block is malformed')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
  }
  let before: Buffer = Buffer.alloc(0)
  while (at < bytes.length) {
    const shared = number()
    const rest = number()
    const length = number()
    if (shared > before.length || at + rest + length > bytes.length)
      throw new LedgerError('damaged', 'a block is malformed')
    const key = Buffer.allocUnsafe(shared + rest)
    before.copy(key, 0, 0, shared)
    bytes.copy(key, shared, at, at + rest)
    at += rest
    entries.push([key, bytes.subarray(at, at + length)])
    at += length
    before = key
  }
  return entries
}
