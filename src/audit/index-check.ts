/**
 * The stream index: each event is named once, under its stream and version, and versions have no gaps. One
 * scan in key order shows gaps; that entries and records are the same set, a comparison in constant memory.
 */
import {
  decodePosition,
  encodePosition,
  isIndexEntry,
  isSameStream,
  rangeOf,
  streamKey,
  streamOfKey,
  versionOfKey,
} from '../ledger/layout.ts'
import { readRecords } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import type { Drops } from './drops.ts'
import { bucketOf, EntryComparison } from './entry-comparison.ts'
import { listsOf } from './entry-cursor.ts'
import type { Faults } from './fault.ts'
import { type LateStreams, lateLaws } from './late-events.ts'

interface Gap {
  position: number
  stream: string
  detail: string
}

const mostGaps = 1000

export class IndexCheck {
  readonly #reader: StorageReader
  readonly #faults: Faults
  readonly #isDamaged: (position: number) => boolean
  readonly #size: number
  readonly #drops: Drops
  readonly #comparison = new EntryComparison()
  readonly #gaps: Gap[] = []
  readonly #late: LateStreams
  #isRight = true

  constructor(
    reader: StorageReader,
    faults: Faults,
    size: number,
    isDamaged: (position: number) => boolean,
    drops: Drops,
  ) {
    this.#reader = reader
    this.#faults = faults
    this.#size = size
    this.#isDamaged = isDamaged
    this.#drops = drops
    this.#late = lateLaws(reader, faults, { size, isDamaged })
  }

  /** Whether the records are just what it names; known once it is finished. */
  get isRight(): boolean {
    return this.#isRight
  }

  /** Takes a record that is in order. */
  expect(_: Buffer, stream: string, version: number, position: number): void {
    this.#comparison.expect(streamKey(stream, version), encodePosition(position))
  }

  /**
   * @param sizeNow tells how far the log has come: entries up to there may be new
   * @param onProgress is told how many entries were gone through
   */
  async finish(
    sizeNow: () => Promise<number>,
    onProgress: (done: number, total: number) => void,
  ): Promise<void> {
    const newest = await this.#scan(onProgress)
    if (newest && newest.position >= (await sizeNow()))
      this.#faults.add(
        null,
        'index_unexpected',
        `the stream index names ${described(newest.key)}, ` +
          `position ${newest.position}, behind the end of the log`,
      )
    const differing = this.#comparison.differing()
    this.#isRight = differing.size === 0 && this.#gaps.length === 0
    // Streams with a fault that explains their gaps.
    const blamed = new Set<string>()
    if (differing.size > 0 && !this.#faults.isFull) await this.#name(differing, blamed)
    for (const { position, stream, detail } of this.#gaps)
      if (!blamed.has(stream)) this.#faults.add(position, 'stream_version', detail)
  }

  /** @returns the entry that points farthest behind the events that are verified, if there is one */
  async #scan(
    onProgress: (done: number, total: number) => void,
  ): Promise<{ key: Buffer; position: number } | undefined> {
    let done = 0
    let newest: { key: Buffer; position: number } | undefined
    let before: { key: Buffer; position: number } | undefined
    for await (const entries of listsOf(this.#reader, rangeOf('stream'))) {
      for (const [key, value] of entries) {
        if (!isIndexEntry(key, value)) {
          this.#faults.add(null, 'index_unexpected', `a malformed entry with the key ${key.toString('hex')}`)
          continue
        }
        const position = decodePosition(value)
        this.#checkOrder(key, position, before)
        before = { key, position }
        if (position < this.#size) this.#comparison.found(key, value)
        else if (!newest || position > newest.position) newest = before
      }
      await this.#late.take(entries)
      done += entries.length
      onProgress(Math.min(done, this.#size), this.#size)
    }
    return newest
  }

  #checkOrder(key: Buffer, position: number, before?: { key: Buffer; position: number }): void {
    const version = versionOfKey(key)
    const former = before && isSameStream(key, before.key) ? before : undefined
    const expected = former ? versionOfKey(former.key) + 1 : 0
    const isOrdered = !former || former.position < position
    if (!former) this.#checkNotDropped(key, position)
    if ((version === expected && isOrdered) || this.#gaps.length >= mostGaps) return
    const stream = streamOfKey(key)
    const detail =
      version === expected
        ? `version ${version} of stream ${stream} stands before the version before it`
        : `stream ${stream} goes on with version ${version} where ${expected} is next`
    this.#gaps.push({ position, stream, detail })
  }

  /** Takes the first entry of a stream that is there. */
  #checkNotDropped(key: Buffer, position: number): void {
    const droppedAt = this.#drops.droppedBehind(streamOfKey(key), position)
    if (droppedAt !== undefined)
      this.#faults.add(
        position,
        'drop_partial',
        `stream ${streamOfKey(key)} was dropped at ${droppedAt}, but not all of it`,
      )
  }

  /** The second pass: names the entries of the buckets that differ. */
  async #name(differing: ReadonlySet<number>, blamed: Set<string>): Promise<void> {
    const expected = new Map<string, number>()
    for await (const [position, bytes] of readRecords(this.#reader, 0, this.#size)) {
      if (this.#isDamaged(position)) continue
      const record = tryDecode(bytes)
      if (!record) continue
      const key = streamKey(record.stream, record.version)
      if (!differing.has(bucketOf(key))) continue
      const name = key.toString('latin1')
      const first = expected.get(name)
      if (first === undefined) expected.set(name, position)
      else
        this.#faults.add(
          position,
          'stream_version',
          `version ${record.version} of stream ${record.stream} stands at position ${first} already`,
        )
    }
    for await (const [key, value] of this.#reader.entries(rangeOf('stream'))) {
      if (!isIndexEntry(key, value) || !differing.has(bucketOf(key))) continue
      const name = key.toString('latin1')
      const there = decodePosition(value)
      const right = expected.get(name)
      expected.delete(name)
      if (right === there) continue
      if (right !== undefined) {
        this.#faults.add(right, 'index_altered', `the stream index says ${there} for the event at ${right}`)
        blamed.add(streamOfKey(key))
      } else if (there < this.#size && !this.#isDamaged(there))
        this.#faults.add(
          there,
          'index_unexpected',
          `the stream index names ${described(key)}, which is not there`,
        )
    }
    for (const [name, position] of expected) {
      const key = Buffer.from(name, 'latin1')
      this.#faults.add(position, 'index_missing', `the stream index does not name ${described(key)}`)
      blamed.add(streamOfKey(key))
    }
  }
}

const described = (key: Buffer) => `version ${versionOfKey(key)} of stream ${streamOfKey(key)}`

function tryDecode(bytes: Buffer) {
  try {
    return decodeRecord(bytes)
  } catch {
    return undefined
  }
}
