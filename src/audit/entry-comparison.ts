/**
 * Whether two sets of entries are the same, in constant memory and in any order: each side is summed up as
 * keyed fingerprints in buckets by key. Equal sums mean equal sets, but for one chance in 2^64 that nobody
 * can aim at, since the key is drawn anew each time. Where buckets differ, a second pass over just these
 * names the entries.
 */
import { randomBytes } from 'node:crypto'
import { type HalfSipKey, halfSipHash } from './half-siphash.ts'

const bucketCount = 4096
const wordBytes = 4
/** Buckets looked into by the second pass, so that its memory is at most 1/64 of both sets. */
const mostBucketsNamed = bucketCount / 64

type Sums = Uint32Array

export interface Comparison {
  expect(key: Buffer, value: Buffer): void
  /** Takes back what was expected. */
  unexpect(key: Buffer, value: Buffer): void
  found(key: Buffer, value: Buffer): void
  /** Where too much is on its way: to be waited for now and then. */
  relieved?(): Promise<void> | undefined
  /** Buckets in which the sets differ, not more than a second pass in memory should hold. */
  differing(): ReadonlySet<number> | Promise<ReadonlySet<number>>
}

export class EntryComparison implements Comparison {
  readonly #key: HalfSipKey
  readonly #scratch = new Message(1 << 16)
  readonly #fingerprint = new Uint32Array(2)
  readonly #expected: Sums = new Uint32Array(2 * bucketCount)
  readonly #found: Sums = new Uint32Array(2 * bucketCount)

  constructor(key: HalfSipKey = randomKey()) {
    this.#key = key
  }

  expect(key: Buffer, value: Buffer): void {
    this.#add(this.#expected, key, value, 1)
  }

  unexpect(key: Buffer, value: Buffer): void {
    this.#add(this.#expected, key, value, -1)
  }

  found(key: Buffer, value: Buffer): void {
    this.#add(this.#found, key, value, 1)
  }

  /** @param most no more of them are told than this */
  differing(most = mostBucketsNamed): ReadonlySet<number> {
    const buckets = new Set<number>()
    for (let i = 0; i < this.#found.length && buckets.size < most; i++)
      if (this.#found[i] !== this.#expected[i]) buckets.add(i >> 1)
    return buckets
  }

  #add(sums: Sums, key: Buffer, value: Buffer, sign: 1 | -1): void {
    const length = wordBytes + key.length + value.length
    const { words, bytes } = length < this.#scratch.bytes.length ? this.#scratch : new Message(length + 1)
    words[0] = key.length
    bytes.set(key, wordBytes)
    bytes.set(value, wordBytes + key.length)
    halfSipHash(this.#key, words, length, this.#fingerprint)
    const at = 2 * bucketOf(key)
    // Uint32Array keeps the sums modulo 2^32.
    sums[at]! += sign * this.#fingerprint[0]!
    sums[at + 1]! += sign * this.#fingerprint[1]!
  }
}

/** Room for a message, as words and as bytes. */
class Message {
  readonly words: Int32Array
  readonly bytes: Uint8Array

  constructor(byteCount: number) {
    this.words = new Int32Array(Math.ceil(byteCount / wordBytes))
    this.bytes = new Uint8Array(this.words.buffer)
  }
}

const randomKey = (): HalfSipKey => {
  const bytes = randomBytes(2 * wordBytes)
  return [bytes.readInt32LE(), bytes.readInt32LE(wordBytes)]
}

/** FNV-1a: only to spread keys; who fills one bucket makes only the second pass dearer. */
export function bucketOf(key: Buffer): number {
  let sum = 0x811c9dc5
  for (let i = 0; i < key.length; i++) sum = Math.imul(sum ^ key[i]!, 0x01000193)
  return (sum ^ (sum >>> 12)) & (bucketCount - 1)
}
