/**
 * Whether two sets of entries are the same, in constant memory and in any order: each side is summed up as
 * keyed fingerprints in buckets by key. Equal sums mean equal sets, but for one chance in 2^64 that nobody
 * can aim at, since the key is drawn anew each time. Where buckets differ, a second pass over just these
 * names the entries.
 */
import { hash, randomBytes } from 'node:crypto'

const bucketCount = 4096
const saltBytes = 16
const headerBytes = saltBytes + 2
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
  /** Buckets in which the sets differ, not more than the second pass should hold. */
  differing(): ReadonlySet<number> | Promise<ReadonlySet<number>>
}

export class EntryComparison implements Comparison {
  readonly #scratch = Buffer.alloc(1 << 16)
  readonly #expected: Sums = new Uint32Array(2 * bucketCount)
  readonly #found: Sums = new Uint32Array(2 * bucketCount)

  constructor(salt: Buffer = randomBytes(saltBytes)) {
    salt.copy(this.#scratch, 0, 0, saltBytes)
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

  differing(): ReadonlySet<number> {
    const buckets = new Set<number>()
    for (let i = 0; i < this.#found.length && buckets.size < mostBucketsNamed; i++)
      if (this.#found[i] !== this.#expected[i]) buckets.add(i >> 1)
    return buckets
  }

  #add(sums: Sums, key: Buffer, value: Buffer, sign: 1 | -1): void {
    const end = headerBytes + key.length + value.length
    const bytes = end <= this.#scratch.length ? this.#scratch : Buffer.alloc(end)
    if (bytes !== this.#scratch) this.#scratch.copy(bytes, 0, 0, saltBytes)
    bytes.writeUInt16BE(key.length, saltBytes)
    bytes.set(key, headerBytes)
    bytes.set(value, headerBytes + key.length)
    const digest = hash('sha256', bytes.subarray(0, end), 'binary')
    const at = 2 * bucketOf(key)
    // Uint32Array keeps the sums modulo 2^32.
    sums[at]! += sign * word(digest, 0)
    sums[at + 1]! += sign * word(digest, 4)
  }
}

const word = (digest: string, at: number): number =>
  ((digest.charCodeAt(at) << 24) |
    (digest.charCodeAt(at + 1) << 16) |
    (digest.charCodeAt(at + 2) << 8) |
    digest.charCodeAt(at + 3)) >>>
  0

/** FNV-1a: only to spread keys; who fills one bucket makes only the second pass dearer. */
export function bucketOf(key: Buffer): number {
  let sum = 0x811c9dc5
  for (let i = 0; i < key.length; i++) sum = Math.imul(sum ^ key[i]!, 0x01000193)
  return (sum ^ (sum >>> 12)) & (bucketCount - 1)
}
