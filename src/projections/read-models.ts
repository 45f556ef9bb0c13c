/**
 * Look-ups of the durable read models, through a bounded cache that the committed events keep true: every
 * event of a cached stream takes its state one step on, by the same `evolve` that wrote the row. Only what was
 * looked up is kept: tokens that nobody asks about would fill memory with garbage that lives long.
 */
import QuickLRU from 'quick-lru'
import type { Observable } from 'rxjs'
import type { Recorded } from '../oauth/events.ts'
import {
  decodeLoaded,
  evolveLoaded,
  kindOfStream,
  type Loaded,
  stateRowKey,
  tokenRowKey,
  usernameRowKey,
} from './rows.ts'
import type { States, StreamKind } from './state-codec.ts'

export interface RowSource {
  /** @throws LedgerError unavailable: a failed storage is never "not found" */
  row(key: Buffer): Buffer | undefined
  /** Values of the rows whose key begins with this. */
  rows(prefix: Buffer): AsyncIterable<Buffer>
  readonly committed$: Observable<readonly Recorded[]>
}

export class ReadModels {
  readonly #source: RowSource
  readonly #states: QuickLRU<string, Loaded<States[StreamKind]>>
  readonly #streamsByHash: QuickLRU<string, string>
  #hits = 0
  #misses = 0

  /** @param entries how many states, and how many hashes, are kept in memory at most */
  constructor(source: RowSource, entries: number) {
    this.#source = source
    // It holds up to twice its size: those of late and those before them.
    const maxSize = Math.ceil(entries / 2)
    this.#states = new QuickLRU({ maxSize })
    this.#streamsByHash = new QuickLRU({ maxSize })
    source.committed$.subscribe((events) => {
      for (const recorded of events) this.#follow(recorded)
    })
  }

  /** The state of a stream as it is on disk. */
  load<K extends StreamKind>(kind: K, stream: string): Loaded<States[K]> {
    const cached = this.#states.get(stream)
    if (cached) {
      this.#hits++
      return cached as Loaded<States[K]>
    }
    this.#misses++
    const loaded = decodeLoaded(kind, this.#source.row(stateRowKey(stream)))
    if (loaded.state) this.#states.set(stream, loaded)
    return loaded
  }

  /** The stream that a code, token or cookie belongs to, by its hash. */
  streamOf(hash: string): string | undefined {
    const cached = this.#streamsByHash.get(hash)
    if (cached !== undefined) return cached
    const stream = this.#source.row(tokenRowKey(hash))?.toString()
    if (stream !== undefined) this.#streamsByHash.set(hash, stream)
    return stream
  }

  /** Number of events of a stream. */
  versionOf(stream: string): number {
    return this.load(kindOfStream(stream), stream).version
  }

  /** All states of one kind, by name of their streams. */
  async *list<K extends StreamKind>(kind: K): AsyncGenerator<States[K]> {
    for await (const row of this.#source.rows(stateRowKey(`${kind}:`))) {
      const { state } = decodeLoaded(kind, row)
      if (state) yield state
    }
  }

  subjectOf(username: string): string | undefined {
    return this.#source.row(usernameRowKey(username))?.toString()
  }

  /** Streams and hashes that are no longer there. */
  forget(streams: Iterable<string>, hashes: Iterable<string>): void {
    for (const stream of streams) this.#states.delete(stream)
    for (const hash of hashes) this.#streamsByHash.delete(hash)
  }

  /** Look-ups of states that the cache answered, and those that went to the disk. */
  get cacheCounts(): { hits: number; misses: number } {
    return { hits: this.#hits, misses: this.#misses }
  }

  #follow(recorded: Recorded): void {
    const { stream, version } = recorded
    const kind = kindOfStream(stream)
    const before = this.#states.peek(stream)
    if (before?.version === version) this.#states.set(stream, evolveLoaded(kind, before, recorded))
    else this.#states.delete(stream)
  }
}
