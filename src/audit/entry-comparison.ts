/**
 * Whether two sets of entries are the same, in constant memory and in any order: the difference of both sides is summed
 * up as keyed fingerprints in buckets by key. Sums of nothing but zero mean equal sets, but for one chance in 2^64 that
 * nobody can aim at, since the key is drawn anew each time. Where a bucket is not zero, a second pass over just these
 * names the entries. Sums under one key add up, so that threads can share the work.
 */
import { type HalfSipKey, halfSipHash } from './half-siphash.ts'
import { drawSumKey } from './index-sums.ts'

const bucketCount = 4096
const wordBytes = 4
/** Buckets looked into by the second pass, so that its memory is at most 1/64 of both sets. */
const mostBucketsNamed = bucketCount / 64

/** Two words a bucket. */
export type EntrySums = Uint32Array<ArrayBuffer>

export class EntryComparison {
  readonly #key: HalfSipKey
  readonly #scratch = new Message(1 << 16)
  readonly #fingerprint = new Uint32Array(2)
  /** What was expected less what was found. */
  readonly sums: EntrySums = new Uint32Array(2 * bucketCount)

  constructor(key: HalfSipKey = drawSumKey()) {
    this.#key = key
  }

  expect(key: Buffer, value: Buffer): void {
    this.#add(key, value, 1)
  }

  /** Takes back what was expected. */
  unexpect(key: Buffer, value: Buffer): void {
    this.#add(key, value, -1)
  }

  found(key: Buffer, value: Buffer): void {
    this.#add(key, value, -1)
  }

  /** Takes the sums of another comparison under the same key. */
  add(sums: EntrySums): void {
    for (let i = 0; i < sums.length; i++) this.sums[i]! += sums[i]!
  }

  /**
   * Buckets in which the sets differ.
   *
   * @param most no more than these are told; where left out, what a second pass in memory should hold
   */
  differing(most = mostBucketsNamed): ReadonlySet<number> {
    const buckets = new Set<number>()
    for (let i = 0; i < this.sums.length && buckets.size < most; i++)
      if (this.sums[i] !== 0) buckets.add(i >> 1)
    return buckets
  }

  #add(key: Buffer, value: Buffer, sign: 1 | -1): void {
    const length = wordBytes + key.length + value.length
    const { words, bytes } = length < this.#scratch.bytes.length ? this.#scratch : new Message(length + 1)
    words[0] = key.length
    bytes.set(key, wordBytes)
    bytes.set(value, wordBytes + key.length)
    halfSipHash(this.#key, words, length, this.#fingerprint)
    const at = 2 * bucketOf(key)
    // Uint32Array keeps the sums modulo 2^32.
    this.sums[at]! += sign * this.#fingerprint[0]!
    this.sums[at + 1]! += sign * this.#fingerprint[1]!
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

/** FNV-1a: only to spread keys; who fills one bucket makes only the second pass dearer. */
export function bucketOf(key: Buffer): number {
  let sum = 0x811c9dc5
  for (let i = 0; i < key.length; i++) sum = Math.imul(sum ^ key[i]!, 0x01000193)
  return (sum ^ (sum >>> 12)) & (bucketCount - 1)
}
