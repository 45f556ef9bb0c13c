/**
 * The ledger: append, read, follow.
 *
 * An append is checked and encoded at once, in the order of the calls; its bytes join the batch that is being
 * filled while the one before is on its way to the disk (group commit). When a batch is on disk, `committed$`
 * emits its events, then the callers' promises resolve: nothing is visible before it is durable.
 *
 * If the process dies before the batch is written, nothing of it is there: LevelDB applies a batch whole or
 * not at all. If a write fails, every append that waits fails with it, and the ledger is opened anew from what
 * the disk really holds, by the same code that opens it at start.
 */
import { hash, randomFillSync } from 'node:crypto'
import QuickLRU from 'quick-lru'
import { type Observable, Subject } from 'rxjs'
import type { EventCodec, Projection, RecordedEvent, Rows } from './codec.ts'
import { LedgerError } from './errors.ts'
import { annexKey, decodePosition, encodePosition, eventKey, rowKey, sideKey, streamKey } from './layout.ts'
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
  /** Entries of the annex that are stored in the same batch, by name. */
  annex?: Readonly<Record<string, Buffer>>
  /**
   * The stream's name holds 128 bits or more that were drawn at random for this append: there can be no such stream,
   * and it is not looked for on the disk.
   */
  isNewStream?: boolean
  /** What the projection came to at the expected version, where the decision has loaded it: not to be read again. */
  before?: unknown
}

interface PendingBatch<E> {
  batch: StorageBatch
  events: RecordedEvent<E>[]
  /** Streams that it appends to, and the versions they will be at. */
  versions: [stream: string, version: number][]
  /** Streams and unique rows that wait for this batch; nobody else may append to them until it is on disk. */
  reserved: string[]
  waiting: { resolve: () => void; reject: (error: unknown) => void }[]
}

const noAbsentRows: readonly Buffer[] = []
const noPositions: readonly number[] = []
const noOptions: AppendOptions = {}
/** Of so many streams that were appended to last, the version is known without a look on the disk. */
const keptVersions = 10_000
/** Fewer appends than these are not worth an fsync of their own. */
const fewAppends = 16
/** How long after a failed write the next try may be. */
const retryAfterMs = 1000

export class Ledger<E> {
  readonly storage: Storage
  readonly committed$: Observable<readonly RecordedEvent<E>[]>
  readonly #committed = new Subject<readonly RecordedEvent<E>[]>()
  readonly #codec: EventCodec<E>
  readonly #project: Projection<E>
  #tree: TreeWriter
  #lastTimeMs: number
  #durableFrontier: Buffer
  #filling: PendingBatch<E> | undefined
  #writing: Promise<void> | undefined
  #scheduled = false
  #batchesDone = 0
  /**
   * How many appends that wait are a batch, though more of this turn may come: half of those that wait at a time, so
   * that one half is encoded while the other is written.
   */
  #enoughAppends = Number.POSITIVE_INFINITY
  /** Streams on disk and the number of their events. What is not here may be there. */
  readonly #versions = new QuickLRU<string, number>({ maxSize: keptVersions })
  readonly #reserved = new Set<string>()
  #failure: LedgerError | undefined
  #retryAtMs = 0
  #closed = false

  /** @throws LedgerError damaged */
  constructor(storage: Storage, codec: EventCodec<E>, project: Projection<E>) {
    this.storage = storage
    this.#codec = codec
    this.#project = project
    this.committed$ = this.#committed.asObservable()
    this.#tree = TreeWriter.load(storage)
    this.#durableFrontier = this.#tree.frontierBytes()
    this.#lastTimeMs = this.#readLastTimeMs(this.size)
  }

  /** Number of events on disk; the next position. */
  get size(): number {
    return Number(this.#durableFrontier.readBigUInt64BE(0))
  }

  /** Frontier of the tree of the events on disk, as src/tree serialises it. */
  get frontier(): Buffer {
    return this.#durableFrontier
  }

  /** Whether the last write came through, or none has been tried since the storage was opened again. */
  get isWritable(): boolean {
    return !this.#closed && this.#failure === undefined
  }

  /** The row as it is on disk. @throws LedgerError unavailable */
  row(key: Buffer): Buffer | undefined {
    this.#assertReadable()
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
    this.#assertReadable()
    const position = this.storage.get(streamKey(stream, version))
    return position && this.recordAt(decodePosition(position))
  }

  /** The hashed record at a position, as it is on disk. @throws LedgerError unavailable */
  recordAt(position: number): EventRecord | undefined {
    this.#assertReadable()
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
      const unavailable = this.#unavailable()
      if (unavailable) return unavailable
      this.#check(stream, expectedVersion, options)
      const { recorded, writes, records } = this.#encode(stream, expectedVersion, events, nowMs, options)
      // From here on nothing throws: the batch holds all of the append or nothing.
      this.#filling ??= { batch: this.storage.batch(), events: [], versions: [], reserved: [], waiting: [] }
      const pending = this.#filling
      for (const { key, value } of writes) value ? pending.batch.put(key, value) : pending.batch.del(key)
      for (const position of options.erase ?? noPositions) pending.batch.del(sideKey(position))
      if (options.annex)
        for (const [name, value] of Object.entries(options.annex)) pending.batch.put(annexKey(name), value)
      for (const record of records) this.#tree.append(record, pending.batch)
      this.#lastTimeMs = recorded.at(-1)?.timeMs ?? this.#lastTimeMs
      for (const event of recorded) pending.events.push(event)
      pending.versions.push([stream, expectedVersion + events.length])
      this.#reserve(pending, stream)
      for (const row of options.absentRows ?? noAbsentRows) this.#reserve(pending, reservationOf(row))
      const done = new Promise<readonly RecordedEvent<E>[]>((resolve, reject) => {
        pending.waiting.push({ resolve: () => resolve(recorded), reject })
      })
      this.#schedule()
      return done
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
  maintain(change: (batch: StorageBatch, isReserved: (stream: string) => boolean) => void): Promise<void> {
    const unavailable = this.#unavailable()
    if (unavailable) return unavailable
    this.#filling ??= { batch: this.storage.batch(), events: [], versions: [], reserved: [], waiting: [] }
    const { batch, waiting } = this.#filling
    change(batch, (stream) => this.#reserved.has(stream))
    this.#schedule()
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject })
    })
  }

  /** Resolves when all that was appended until now is on disk, or has failed. */
  async settled(): Promise<void> {
    const last = this.#batchesDone + (this.#writing ? 1 : 0) + (this.#filling ? 1 : 0)
    while (this.#batchesDone < last) await (this.#writing ?? new Promise((resolve) => setImmediate(resolve)))
  }

  /** Erases side records without an event. @throws LedgerError unavailable */
  async eraseSides(positions: readonly number[]): Promise<void> {
    this.#assertReadable()
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
    if (this.#closed) return
    this.#closed = true
    await this.settled()
    this.#committed.complete()
    await this.storage.close()
  }

  #rowEntries(prefix: Buffer): AsyncIterable<[key: Buffer, value: Buffer]> {
    this.#assertReadable()
    const from = rowKey(prefix)
    return this.storage.entries({ gte: from, lt: Buffer.concat([from, Buffer.from([0xff])]) })
  }

  #check(stream: string, expectedVersion: number, options: AppendOptions): void {
    const conflict = (why: string) =>
      new LedgerError('conflict', `stream ${stream} is not at version ${expectedVersion}: ${why}`)
    if (this.#reserved.has(stream)) throw conflict('another append is on its way')
    const known = this.#versions.get(stream)
    if (known !== undefined) {
      if (known !== expectedVersion)
        throw conflict(known < expectedVersion ? 'it is shorter' : 'it is longer')
    } else if (!options.isNewStream || expectedVersion > 0) {
      if (expectedVersion > 0 && !this.storage.get(streamKey(stream, expectedVersion - 1)))
        throw conflict('it is shorter')
      if (this.storage.get(streamKey(stream, expectedVersion))) throw conflict('it is longer')
    }
    for (const row of options.absentRows ?? noAbsentRows)
      if (this.#reserved.has(reservationOf(row)) || this.storage.get(rowKey(row)))
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

  #reserve(pending: PendingBatch<E>, name: string): void {
    this.#reserved.add(name)
    pending.reserved.push(name)
  }

  /** Waits one turn of the event loop, so that all requests of this turn share one fsync, or until there are enough. */
  #schedule(): void {
    if (this.#writing) return
    if (this.#filling && this.#filling.waiting.length >= this.#enoughAppends) {
      this.#flush()
      return
    }
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const pending = this.#filling
    if (!pending || this.#writing) return
    this.#filling = undefined
    const frontier = this.#tree.finishBatch(pending.batch)
    this.#writing = pending.batch.write().then(
      () => {
        this.#writing = undefined
        this.#batchesDone++
        this.#durableFrontier = frontier
        for (const [stream, version] of pending.versions) this.#versions.set(stream, version)
        this.#release(pending)
        if (pending.events.length > 0) this.#committed.next(pending.events)
        for (const { resolve } of pending.waiting) resolve()
        const waited = pending.waiting.length + (this.#filling?.waiting.length ?? 0)
        this.#enoughAppends = Math.max(Math.ceil(waited / 2), fewAppends)
        if (this.#filling) this.#schedule()
      },
      async (cause) => {
        // Stored or not: nobody knows until the ledger is read again.
        const failure = new LedgerError('unavailable', 'the ledger could not be written', { cause })
        this.#failure = failure
        this.#retryAtMs = performance.now() + retryAfterMs
        const lost = [pending, ...(this.#filling ? [this.#filling] : [])]
        this.#filling = undefined
        await this.#recover()
        this.#writing = undefined
        this.#batchesDone += lost.length
        for (const batch of lost) {
          this.#release(batch)
          for (const { reject } of batch.waiting) reject(failure)
        }
        if (this.#filling) this.#flush()
      },
    )
  }

  #release(pending: PendingBatch<E>): void {
    for (const name of pending.reserved) this.#reserved.delete(name)
  }

  /** Opens the storage again and takes position, time and tree from it, as at start-up. */
  async #recover(): Promise<void> {
    try {
      await this.storage.reopen()
      const tree = TreeWriter.load(this.storage)
      if (tree.size < this.size)
        throw new LedgerError('damaged', `the ledger had ${this.size} events, but now ${tree.size}`)
      // Stored, but not acknowledged: those who follow must hear of it all the same, before anything else.
      const unheard: RecordedEvent<E>[] = []
      for await (const event of readEvents(this.storage, this.#codec, this.size, tree.size))
        unheard.push(event)
      this.#lastTimeMs = this.#readLastTimeMs(tree.size)
      this.#versions.clear()
      // From here on nothing throws: a recovery that fails is done again from where it began.
      this.#tree = tree
      this.#durableFrontier = tree.frontierBytes()
      this.#failure = undefined
      if (unheard.length > 0) this.#committed.next(unheard)
    } catch (cause) {
      this.#failure = new LedgerError('unavailable', 'the ledger could not be opened again', { cause })
    }
  }

  /** A rejection while the ledger is closed or failed; the first call after a pause tries to recover. */
  #unavailable(): Promise<never> | undefined {
    if (this.#closed) return Promise.reject(new LedgerError('closed', 'the ledger is closed'))
    if (!this.#failure) return undefined
    if (!this.#writing && performance.now() >= this.#retryAtMs) {
      this.#retryAtMs = performance.now() + retryAfterMs
      this.#writing = this.#recover().then(() => {
        this.#writing = undefined
        // Counts as a batch for those who wait until it is settled.
        this.#batchesDone++
        if (this.#filling) this.#flush()
      })
    }
    return Promise.reject(this.#failure)
  }

  #assertReadable(): void {
    if (this.#closed) throw new LedgerError('closed', 'the ledger is closed')
    if (this.#failure) throw this.#failure
  }

  #readLastTimeMs(size: number): number {
    if (size === 0) return 0
    const record = this.storage.get(eventKey(size - 1))
    if (!record) throw new LedgerError('damaged', `the record at position ${size - 1} is missing`)
    return decodeRecord(record).timeMs
  }
}

const reservationOf = (row: Buffer): string => `row ${row.toString('latin1')}`

/** What one append writes: each key once, with what the last of its events made of it. */
class AppendWrites implements Rows {
  readonly all: { key: Buffer; value: Buffer | undefined }[] = []
  readonly #storage: Storage
  /** How many of `all` are of the events before the present one. */
  #earlier = 0

  constructor(storage: Storage) {
    this.#storage = storage
  }

  nextEvent(): void {
    this.#earlier = this.all.length
  }

  /** Of a row, as `put` and `del`. */
  get(key: Buffer): Buffer | undefined {
    const full = rowKey(key)
    const written = this.all.findLast((write) => write.key.equals(full))
    return written ? written.value : this.#storage.get(full)
  }

  put(key: Buffer, value: Buffer): void {
    this.#replace(rowKey(key), value)
  }

  del(key: Buffer): void {
    this.#replace(rowKey(key), undefined)
  }

  set(key: Buffer, value: Buffer | undefined): void {
    this.all.push({ key, value })
  }

  #replace(key: Buffer, value: Buffer | undefined): void {
    for (let i = 0; i < this.#earlier; i++) {
      const write = this.all[i]!
      if (!write.key.equals(key)) continue
      write.value = value
      return
    }
    this.set(key, value)
  }
}
