/**
 * CBOR (RFC 8949) of JSON-like values: what nearly every event and state is made of (short arrays, ASCII text,
 * integers below 2^32, byte strings) by code for just that, the rest by cbor-x. Both write the same bytes and read
 * the same values; cbor-x alone took four times as long (docs/performance.md).
 *
 * Writing goes into one scratch buffer that is never visible outside a call of `encodeWith`.
 */
import { Decoder, Encoder } from 'cbor-x'
import { bytesOfHash, hashBytes, readHash } from './hash-text.ts'

const options = {
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  variableMapSize: true,
} as const
const encoder = new Encoder(options)
const decoder = new Decoder(options)

/** Major types of RFC 8949 section 3.1, in the upper three bits. */
const major = { unsigned: 0x00, bytes: 0x40, text: 0x60, array: 0x80 } as const
const simple = { false: 0xf4, true: 0xf5, null: 0xf6 } as const

let scratch = Buffer.allocUnsafeSlow(1 << 14)
let end = 0

/** The bytes that `write` writes, behind `reserved` bytes for the caller to fill in. Not to be nested. */
export function encodeWith(write: () => void, reserved = 0): Buffer {
  end = reserved
  write()
  const bytes = Buffer.allocUnsafe(end)
  scratch.copy(bytes, 0, 0, end)
  return bytes
}

function reserve(count: number): void {
  if (end + count <= scratch.length) return
  const larger = Buffer.allocUnsafeSlow(2 * (end + count))
  scratch.copy(larger, 0, 0, end)
  scratch = larger
}

/** A head in its shortest form (RFC 8949 section 4.2.1). */
function writeHead(type: number, value: number): void {
  reserve(5)
  if (value < 24) scratch[end++] = type | value
  else if (value < 0x100) {
    scratch[end++] = type | 24
    scratch[end++] = value
  } else if (value < 0x1_0000) {
    scratch[end++] = type | 25
    scratch[end++] = value >>> 8
    scratch[end++] = value
  } else {
    scratch[end++] = type | 26
    scratch[end++] = value >>> 24
    scratch[end++] = value >>> 16
    scratch[end++] = value >>> 8
    scratch[end++] = value
  }
}

export const writeArrayHead = (length: number): void => writeHead(major.array, length)

function writeText(text: string): void {
  const { length } = text
  writeHead(major.text, length)
  reserve(length)
  const start = end
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) {
      // The head counts bytes: begin again.
      end = start - headBytes(length)
      writeBytes(Buffer.from(text), major.text)
      return
    }
    scratch[end++] = code
  }
}

const headBytes = (value: number): number => (value < 24 ? 1 : value < 0x100 ? 2 : value < 0x1_0000 ? 3 : 5)

function writeBytes(bytes: Uint8Array, type: number): void {
  writeHead(type, bytes.length)
  reserve(bytes.length)
  scratch.set(bytes, end)
  end += bytes.length
}

/** A hash in base64url as the bytes it stands for. */
export function writeHash(hash: string): void {
  reserve(2 + hashBytes)
  if (readHash(hash, scratch, end + 2)) {
    scratch[end] = major.bytes | 24
    scratch[end + 1] = hashBytes
    end += 2 + hashBytes
  } else writeBytes(bytesOfHash(hash), major.bytes)
}

export function writeItem(value: unknown): void {
  if (typeof value === 'string') writeText(value)
  else if (typeof value === 'number' && value >>> 0 === value && !Object.is(value, -0))
    writeHead(major.unsigned, value)
  else if (value === null || typeof value === 'boolean') {
    reserve(1)
    scratch[end++] = value === null ? simple.null : value ? simple.true : simple.false
  } else if (Array.isArray(value)) {
    writeArrayHead(value.length)
    for (const item of value) writeItem(item)
  } else {
    const bytes = encoder.encode(value)
    reserve(bytes.length)
    scratch.set(bytes, end)
    end += bytes.length
  }
}

/** The CBOR encoding of any JSON-like value. */
export const encodeCbor = (value: unknown): Buffer => encodeWith(() => writeItem(value))

let source: Uint8Array = scratch
/** The same, for its methods. */
let sourceBuffer: Buffer = scratch
let at = 0
/** What is read is not of the simple kinds that are read here. */
let isOther = false

/** The value in `bytes`; throws on anything that is not one CBOR item. */
export function decodeCbor(bytes: Uint8Array): unknown {
  beginReading(bytes)
  const value = readItem()
  return isWhollyRead() ? value : decodeOther(bytes)
}

/** What is not of the simple kinds. Throws on anything that is not one CBOR item. */
export const decodeOther = (bytes: Uint8Array): unknown => decoder.decode(bytes)

/** Item after item is read from these bytes until `isWhollyRead` is asked. Not to be nested. */
export function beginReading(bytes: Uint8Array): void {
  source = bytes
  sourceBuffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  at = 0
  isOther = false
}

/** Whether all bytes were read and what was read is right; otherwise it is nothing, and `decodeOther` may read it. */
export const isWhollyRead = (): boolean => !isOther && at === source.length

export function readItem(): unknown {
  const head = source[at++]
  if (head === undefined) return other()
  if (head >= simple.false) {
    if (head > simple.null) return other()
    return head === simple.null ? null : head === simple.true
  }
  const value = readCount(head)
  switch (head & 0xe0) {
    case major.unsigned:
      return value
    case major.text:
      return readText(value)
    case major.bytes:
      if (at + value > source.length) return other()
      at += value
      return source.subarray(at - value, at)
    case major.array:
      return readArray(value)
    default:
      return other()
  }
}

/** The number in or behind a head. */
function readCount(head: number): number {
  const low = head & 0x1f
  if (low < 24) return low
  const size = low === 24 ? 1 : low === 25 ? 2 : low === 26 ? 4 : 0
  if (size === 0 || at + size > source.length) {
    other()
    return 0
  }
  let value = 0
  for (let i = 0; i < size; i++) value = value * 0x100 + source[at++]!
  return value
}

/** Goes on behind a null, where one is next. */
export function skipNull(): boolean {
  if (source[at] !== simple.null) return false
  at++
  return true
}

/** Number of the items of an array, which are to be read next; 0 where it is none, or one of more than `most`. */
export function readArrayHead(most = Number.POSITIVE_INFINITY): number {
  const head = source[at++] ?? 0
  const length = readCount(head)
  // Each item has at least one byte: no length that the bytes cannot have.
  if ((head & 0xe0) === major.array && length <= most && at + length <= source.length) return length
  other()
  return 0
}

/** A hash as base64url, where `writeHash` wrote it. */
export function readHashText(): string | undefined {
  if (source[at] !== (major.bytes | 24) || source[at + 1] !== hashBytes) return other()
  const start = at + 2
  at = start + hashBytes
  return at > source.length ? other() : sourceBuffer.toString('base64url', start, at)
}

function other(): undefined {
  isOther = true
  return undefined
}

function readArray(length: number): unknown[] | undefined {
  // Each item has at least one byte: no length that the bytes cannot have.
  if (at + length > source.length) return other()
  const items: unknown[] = []
  for (let i = 0; i < length && !isOther; i++) items.push(readItem())
  return items
}

/** Texts that come again and again, such as names of clients and scopes, are the same string each time. */
const keptTexts: (string | undefined)[] = new Array(1 << 12)
const longestKept = 64

function readText(length: number): string | undefined {
  const stop = at + length
  if (stop > source.length) return other()
  let sum = length
  for (let i = at; i < stop; i++) {
    const byte = source[i]!
    if (byte > 0x7f) return other()
    sum = Math.imul(sum ^ byte, 0x01000193)
  }
  const place = (sum ^ (sum >>> 15)) & (keptTexts.length - 1)
  const kept = keptTexts[place]
  const start = at
  at = stop
  if (kept?.length === length && isText(kept, start)) return kept
  const text = sourceBuffer.toString('latin1', start, stop)
  if (length <= longestKept) keptTexts[place] = text
  return text
}

function isText(text: string, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== source[start + i]) return false
  return true
}
