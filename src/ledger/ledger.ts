/**
 * The ledger: append, read, follow.
 *
 * An append is checked and encoded at once, in the order of the calls; its bytes join a batch of many
 * (group-commit.ts). When the batch is on disk, `committed$` emits its events, then the callers' promises resolve:
 * nothing is visible before it is durable. If a write fails, every append that waits fails with it, and the ledger
 * takes position, time and tree from what the disk really holds.
 */
import { hash, randomFillSync } from 'node:crypto'
import QuickLRU from 'quick-lru'
import type { Observable } from 'rxjs'
import { putAnnexEntry } from './annex.ts'
import { AppendWrites } from './append-writes.ts'
import type { EventCodec, Projection, RecordedEvent } from './codec.ts'
import { LedgerError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import { decodePosition, encodePosition, eventKey, rowKey, sideKey, streamKey } from './layout.ts'
import { readEvents } from './reader.ts'
import { decodeRecord, type EventRecord, encodeRecord } from './record.ts'
import type { Storage, StorageBatch } from './storage.ts'
import { TreeWriter } from './tree-writer.ts'

export interface AppendOptions {
  /** Rows that must not be there yet, also not in a batch under way: unique names. */
  absentRows?: readonly Buffer[]
  /** Salt of the side records, 32 bytes; fresh random bytes if left out. */
  salt?: Buffer
  /** Positions whose side records are erased in the same batch, so that the event and what it says are one. */
  erase?: readonly number[]
  /** Entries of the annex that are stored in the same batch, by name; undefined takes one away. */
  annex?: Readonly<Record<string, Buffer | undefined>>
  /**
   * The stream's name holds 128 bits or more that were drawn at random for this append: there can be no such stream,
   * and it is not looked for on the disk.
   */
  isNewStream?: boolean
  /** Other streams that the batch concerns; nobody appends to them meanwhile. */
  others?: readonly ConcernedStream[]
  /** Changes of the same batch that are no events. */
  also?: (batch: StorageBatch) => void
  /** What the projection came to at the expected version, where the decision has loaded it: not to be read again. */
  before?: unknown
}

/** A stream whose entries an append changes or takes away without adding to it. */
export interface ConcernedStream {
  stream: string
  /** What it must be at. */
  version: number
}

const noAbsentRows: readonly Buffer[] = []
const noPositions: readonly number[] = []
const noStreams: readonly ConcernedStream[] = []
const noOptions: AppendOptions = {}
/** Of so many streams that were appended to last, the version is known without a look on the disk. */
const keptVersions = 10_000

export class Ledger<E> {
  readonly storage: Storage
  readonly committed$: Observable<readonly RecordedEvent<E>[]>
  readonly #commit: GroupCommit<E>
  readonly #codec: EventCodec<E>
  readonly #project: Projection<E>
  #tree: TreeWriter
  #lastTimeMs: number
  #durableFrontier: Buffer
  /** Streams on disk and the number of their events. What is not here may be there. */
  readonly #versions = new QuickLRU<string, number>({ maxSize: keptVersions })

  /** @throws LedgerError damaged */
  constructor(storage: Storage, codec: EventCodec<E>, project: Projection<E>) {
    this.storage = storage
    this.#codec = codec
    this.#project = project
    this.#commit = new GroupCommit(storage, {
      finish: (batch, events) => this.#finish(batch, events),
      reload: () => this.#reload(),
    })
    this.committed$ = this.#commit.committed$
    this.#tree = TreeWriter.load(storage)
    this.#durableFrontier = this.#tree.frontierBytes()
    this.#lastTimeMs = this.#readLastTimeMs(this.size)
  }

  /** Number of events on disk; the next position. */
  get size(): number {
    return Number(this.#durableFrontier.readBigUInt64BE(0))
  }

  /** Time of the last event that was appended; none that follows bears an earlier one. */
  get lastTimeMs(): number {
    return this.#lastTimeMs
  }

  /** Frontier of the tree of the events on disk, as src/tree serialises it. */
  get frontier(): Buffer {
    return this.#durableFrontier
  }

  /** Whether the last write came through, or none has been tried since the storage was opened again. */
  get isWritable(): boolean {
    return this.#commit.isWritable
  }

  /** The row as it is on disk. @throws LedgerError unavailable */
  row(key: Buffer): Buffer | undefined {
    this.#commit.assertReadable()
    return this.storage.get(rowKey(key))
  }

  /** Values of the rows whose key begins with `prefix`, which is ASCII, in key order. @throws LedgerError unavailable */
  async *rows(prefix: Buffer): AsyncGenerator<Buffer> {
    for await (const [, row] of this.#rowEntries(prefix)) yield row
  }

  /** Keys of the rows whose key begins with `prefix`, in order. @throws LedgerError unavailable */
  async *rowKeys(prefix: Buffer): AsyncGenerator<Buffer> {
    for await (const [key] of this.#rowEntries(prefix)) yield key.subarray(1)
  }

  /** The hashed record of an event, by its stream and version there, as it is on disk. @throws LedgerError unavailable */
  record(stream: string, version: number): EventRecord | undefined {
    this.#commit.assertReadable()
    const position = this.storage.get(streamKey(stream, version))
    return position && this.recordAt(decodePosition(position))
  }

  /** The hashed record at a position, as it is on disk. @throws LedgerError unavailable */
  recordAt(position: number): EventRecord | undefined {
    this.#commit.assertReadable()
    const record = this.storage.get(eventKey(position))
    return record && decodeRecord(record)
  }

  /**
   * Appends events to a stream that must be at `expectedVersion` (its number of events), all or nothing.
   *
   * Resolves with the events at their places once they are on disk. Times never run backwards: an event is
   * given `nowMs` or the time of the event before it, whichever is later.
   *
   * @throws LedgerError conflict, exists, unavailable or closed
   */
  append(
    stream: string,
    expectedVersion: number,
    events: readonly E[],
    nowMs: number,
    options: AppendOptions = noOptions,
  ): Promise<readonly RecordedEvent<E>[]> {
    try {
      const refusal = this.#commit.refusal()
      if (refusal) throw refusal
      this.#check(stream, expectedVersion, options)
      const { recorded, writes, records } = this.#encode(stream, expectedVersion, events, nowMs, options)
      const { batch } = this.#commit
      // From here on nothing throws: the batch holds all of the append or nothing.
      for (const { key, value } of writes) value ? batch.put(key, value) : batch.del(key)
      for (const position of options.erase ?? noPositions) batch.del(sideKey(position))
      if (options.annex)
        for (const [name, value] of Object.entries(options.annex)) putAnnexEntry(batch, name, value)
      options.also?.(batch)
      for (const record of records) this.#tree.append(record, batch)
      this.#lastTimeMs = recorded.at(-1)?.timeMs ?? this.#lastTimeMs
      this.#commit.reserve(stream)
      for (const other of options.others ?? noStreams) {
        this.#commit.reserve(other.stream)
        this.#versions.delete(other.stream)
      }
      for (const row of options.absentRows ?? noAbsentRows) this.#commit.reserve(reservationOf(row))
      return this.#commit.join(recorded)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Puts changes that are no events into the next batch; resolves when they are on disk. `isReserved` tells of which
   * streams an append is on its way, so that what the disk has of them is not the last word.
   *
   * @throws LedgerError unavailable or closed
   */
  async maintain(
    change: (batch: StorageBatch, isReserved: (stream: string) => boolean) => void,
  ): Promise<void> {
    const refusal = this.#commit.refusal()
    if (refusal) throw refusal
    change(this.#commit.batch, (stream) => this.#commit.isReserved(stream))
    await this.#commit.join([])
  }

  /** Resolves when all that was appended until now is on disk, or has failed. */
  settled(): Promise<void> {
    return this.#commit.settled()
  }

  /** Erases side records without an event. @throws LedgerError unavailable */
  async eraseSides(positions: readonly number[]): Promise<void> {
    this.#commit.assertReadable()
    const batch = this.storage.batch()
    for (const position of positions) batch.del(sideKey(position))
    try {
      await batch.write()
    } catch (cause) {
      throw new LedgerError('unavailable', 'the ledger could not be written', { cause })
    }
  }

  /** Waits for what is under way, then closes. Appends fail from now on. */
  async close(): Promise<void> {
    if (await this.#commit.close()) await this.storage.close()
  }

  #rowEntries(prefix: Buffer): AsyncIterable<[key: Buffer, value: Buffer]> {
    this.#commit.assertReadable()
    const from = rowKey(prefix)
    return this.storage.entries({ gte: from, lt: Buffer.concat([from, Buffer.from([0xff])]) })
  }

  #check(stream: string, expectedVersion: number, options: AppendOptions): void {
    const conflict = (why: string) =>
      new LedgerError('conflict', `stream ${stream} is not at version ${expectedVersion}: ${why}`)
    if (this.#commit.isReserved(stream)) throw conflict('another append is on its way')
    const known = this.#versions.get(stream)
    if (known !== undefined) {
      if (known !== expectedVersion)
        throw conflict(known < expectedVersion ? 'it is shorter' : 'it is longer')
    } else if (!options.isNewStream || expectedVersion > 0) {
      if (expectedVersion > 0 && !this.storage.get(streamKey(stream, expectedVersion - 1)))
        throw conflict('it is shorter')
      if (this.storage.get(streamKey(stream, expectedVersion))) throw conflict('it is longer')
    }
    for (const other of options.others ?? noStreams) {
      const isAt =
        !this.#commit.isReserved(other.stream) &&
        this.storage.get(streamKey(other.stream, other.version)) === undefined &&
        this.storage.get(streamKey(other.stream, other.version - 1)) !== undefined
      if (!isAt)
        throw new LedgerError('conflict', `stream ${other.stream} is not at version ${other.version}`)
    }
    for (const row of options.absentRows ?? noAbsentRows)
      if (this.#commit.isReserved(reservationOf(row)) || this.storage.get(rowKey(row)))
        throw new LedgerError('exists', 'a name that must be unique is taken')
  }

  #encode(
    stream: string,
    expectedVersion: number,
    events: readonly E[],
    nowMs: number,
    { salt, before }: AppendOptions,
  ) {
    const writes = new AppendWrites(this.storage)
    const records: Buffer[] = []
    const recorded: RecordedEvent<E>[] = []
    let state = before
    for (const [index, event] of events.entries()) {
      writes.nextEvent()
      const position = this.#tree.size + index
      const version = expectedVersion + index
      const timeMs = Math.max(nowMs, this.#lastTimeMs)
      const { code, body, side } = this.#codec.encode(event)
      const sideRecord = side && Buffer.concat([salt ?? randomFillSync(Buffer.alloc(32)), side])
      const commitment = sideRecord && hash('sha256', sideRecord, 'buffer')
      const record = encodeRecord({ position, timeMs, type: code, stream, version, body, commitment })
      const result = { position, timeMs, stream, version, event }
      records.push(record)
      writes.set(eventKey(position), record)
      writes.set(streamKey(stream, version), encodePosition(position))
      if (sideRecord) writes.set(sideKey(position), sideRecord)
      state = this.#project(result, writes, state)
      recorded.push(result)
    }
    return { recorded, records, writes: writes.all }
  }

  #finish(batch: StorageBatch, events: readonly RecordedEvent<E>[]): () => void {
    const frontier = this.#tree.finishBatch(batch)
    return () => {
      this.#durableFrontier = frontier
      for (const { stream, version } of events) this.#versions.set(stream, version + 1)
    }
  }

  async #reload(): Promise<readonly RecordedEvent<E>[]> {
    const tree = TreeWriter.load(this.storage)
    if (tree.size < this.size)
      throw new LedgerError('damaged', `the ledger had ${this.size} events, but now ${tree.size}`)
    const unheard: RecordedEvent<E>[] = []
    for await (const event of readEvents(this.storage, this.#codec, this.size, tree.size)) unheard.push(event)
    this.#lastTimeMs = this.#readLastTimeMs(tree.size)
    this.#versions.clear()
    this.#tree = tree
    this.#durableFrontier = tree.frontierBytes()
    return unheard
  }

  #readLastTimeMs(size: number): number {
    if (size === 0) return 0
    const record = this.storage.get(eventKey(size - 1))
    if (!record) throw new LedgerError('damaged', `the record at position ${size - 1} is missing`)
    return decodeRecord(record).timeMs
  }
}

const reservationOf = (row: Buffer): string => `row ${row.toString('latin1')}`
