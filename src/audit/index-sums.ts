/**
 * Whether the stream index and the records name the same events, in constant memory and any order: both sides are
 * summed up as fingerprints under a key drawn for this verification. Equal sums mean equal sets, but for one chance in
 * 2^64 that nobody can aim at. Sums of parts add up, so that threads can share the work. Which entry differs they do
 * not tell (`IndexCheck` does).
 */
import { randomBytes } from 'node:crypto'
import { recordName } from '../ledger/record.ts'
import { type HalfSipKey, halfSipHash } from './half-siphash.ts'

/** Low and high 32 bits. */
export type Sum = readonly [low: number, high: number]

const positionBytes = 8
const versionBytes = 4
/** Room for a position and any key of the index (a stream name has at most 255 bytes), and for a word more. */
const scratchWords = 70

export function drawSumKey(): HalfSipKey {
  const bytes = randomBytes(8)
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)]
}

export class IndexSums {
  readonly #key: HalfSipKey
  readonly #words = new Int32Array(scratchWords)
  readonly #scratch = new Uint8Array(this.#words.buffer, 0, (scratchWords - 1) * 4)
  readonly #digest = new Int32Array(2)
  /** The records' sum less the index': zero once both have been gone through. */
  readonly #sum = new Int32Array(2)

  constructor(key: HalfSipKey) {
    this.#key = key
  }

  get sum(): Sum {
    return [this.#sum[0]!, this.#sum[1]!]
  }

  get isZero(): boolean {
    return this.#sum[0] === 0 && this.#sum[1] === 0
  }

  add([low, high]: Sum): void {
    this.#sum[0]! += low
    this.#sum[1]! += high
  }

  /** Takes a record whose header is in order. */
  expect(record: Buffer): void {
    const scratch = this.#scratch
    let end = 0
    for (let i = 0; i < positionBytes; i++) scratch[end++] = record[recordName.position + i]!
    const stop = recordName.stream + record[recordName.streamLength]!
    for (let i = recordName.stream; i < stop; i++) scratch[end++] = record[i]!
    scratch[end++] = 0
    for (let i = 0; i < versionBytes; i++) scratch[end++] = record[recordName.version + i]!
    halfSipHash(this.#key, this.#words, end, this.#digest)
    this.#sum[0]! += this.#digest[0]!
    this.#sum[1]! += this.#digest[1]!
  }

  /** Takes an entry of the index, `s stream 00 version` to position. */
  found(key: Buffer, position: Buffer): void {
    const scratch = this.#scratch
    let end = 0
    for (let i = 0; i < positionBytes; i++) scratch[end++] = position[i]!
    // No record has a longer name: what is cut off here leaves a sum that no record has.
    for (let i = 1; i < key.length && end < scratch.length; i++) scratch[end++] = key[i]!
    halfSipHash(this.#key, this.#words, end, this.#digest)
    this.#sum[0]! -= this.#digest[0]!
    this.#sum[1]! -= this.#digest[1]!
  }
}
