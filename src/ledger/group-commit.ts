/**
 * Group commit: what is appended joins the batch that is being filled while the one before is on its way to the disk,
 * so that many share one fsync. When a batch is on disk, `committed$` emits its events, then those who wait for it are
 * told: nothing is visible before it is durable.
 *
 * If the process dies before the batch is written, nothing of it is there: LevelDB applies a batch whole or not at all.
 * If a write fails, all who wait fail with it, and the ledger is taken anew from what the disk really holds.
 */
import { type Observable, Subject } from 'rxjs'
import type { RecordedEvent } from './codec.ts'
import { LedgerError } from './errors.ts'
import type { Storage, StorageBatch } from './storage.ts'

/** What the ledger itself does when a batch begins its way to the disk, and when one has failed. */
export interface BatchEnds<E> {
  /**
   * Puts into the batch what changes once a batch.
   *
   * @returns what lets it be seen that the batch is on disk; called when it is
   */
  finish(batch: StorageBatch, events: readonly RecordedEvent<E>[]): () => void
  /**
   * Takes everything from the storage, which was opened again, as at start-up. Resolves with the events that are
   * stored though nobody was told. Where it fails, nothing has changed.
   *
   * @throws LedgerError
   */
  reload(): Promise<readonly RecordedEvent<E>[]>
}

interface Group<E> {
  batch: StorageBatch
  events: RecordedEvent<E>[]
  /** Streams and unique rows that wait for this batch; nobody else may append to them until it is on disk. */
  reserved: string[]
  waiting: { resolve: () => void; reject: (error: unknown) => void }[]
}

/** Fewer appends than these are not worth an fsync of their own. */
const fewAppends = 16
/** How long after a failed write the next try may be. */
const retryAfterMs = 1000

export class GroupCommit<E> {
  readonly committed$: Observable<readonly RecordedEvent<E>[]>
  readonly #committed = new Subject<readonly RecordedEvent<E>[]>()
  readonly #storage: Storage
  readonly #ends: BatchEnds<E>
  readonly #reserved = new Set<string>()
  #filling: Group<E> | undefined
  #writing: Promise<void> | undefined
  #scheduled = false
  #batchesDone = 0
  /**
   * How many appends that wait are a batch, though more of this turn may come: half of those that wait at a time, so
   * that one half is encoded while the other is written.
   */
  #enoughAppends = Number.POSITIVE_INFINITY
  #failure: LedgerError | undefined
  #retryAtMs = 0
  #closed = false

  constructor(storage: Storage, ends: BatchEnds<E>) {
    this.#storage = storage
    this.#ends = ends
    this.committed$ = this.#committed.asObservable()
  }

  get isWritable(): boolean {
    return !this.#closed && this.#failure === undefined
  }

  /** @throws LedgerError closed or unavailable */
  assertReadable(): void {
    if (this.#closed) throw new LedgerError('closed', 'the ledger is closed')
    if (this.#failure) throw this.#failure
  }

  /** Why nothing can be written while the ledger is closed or failed; the first call after a pause tries to recover. */
  refusal(): LedgerError | undefined {
    if (this.#closed) return new LedgerError('closed', 'the ledger is closed')
    if (this.#failure && !this.#writing && performance.now() >= this.#retryAtMs) {
      const failure = this.#failure
      this.#retryAtMs = performance.now() + retryAfterMs
      this.#writing = this.#recover().then(() => {
        this.#writing = undefined
        // Counts as a batch for those who wait until it is settled.
        this.#batchesDone++
        if (this.#filling) this.#flush()
      })
      return failure
    }
    return this.#failure
  }

  /** Whether a stream or a unique row waits for a batch that is not on disk yet. */
  isReserved(name: string): boolean {
    return this.#reserved.has(name)
  }

  /** The batch that is being filled; what is put there is written once somebody has joined. @throws LedgerError unavailable */
  get batch(): StorageBatch {
    return this.#open().batch
  }

  /** Nobody else may append to this stream or take this unique row until the batch is on disk. */
  reserve(name: string): void {
    this.#reserved.add(name)
    this.#open().reserved.push(name)
  }

  /** Resolves with these events when the batch that is being filled, with them among its own, is on disk. */
  join(events: readonly RecordedEvent<E>[]): Promise<readonly RecordedEvent<E>[]> {
    const group = this.#open()
    for (const event of events) group.events.push(event)
    const done = new Promise<readonly RecordedEvent<E>[]>((resolve, reject) => {
      group.waiting.push({ resolve: () => resolve(events), reject })
    })
    this.#schedule()
    return done
  }

  /** Resolves when all that has joined until now is on disk, or has failed. */
  async settled(): Promise<void> {
    const last = this.#batchesDone + (this.#writing ? 1 : 0) + (this.#filling ? 1 : 0)
    while (this.#batchesDone < last) await (this.#writing ?? new Promise((resolve) => setImmediate(resolve)))
  }

  /** Waits for what is under way. @returns false where it was closed before */
  async close(): Promise<boolean> {
    if (this.#closed) return false
    this.#closed = true
    await this.settled()
    this.#committed.complete()
    return true
  }

  #open(): Group<E> {
    this.#filling ??= { batch: this.#storage.batch(), events: [], reserved: [], waiting: [] }
    return this.#filling
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
    const group = this.#filling
    if (!group || this.#writing) return
    this.#filling = undefined
    const show = this.#ends.finish(group.batch, group.events)
    this.#writing = group.batch.write().then(
      () => {
        this.#writing = undefined
        this.#batchesDone++
        show()
        this.#release(group)
        if (group.events.length > 0) this.#committed.next(group.events)
        for (const { resolve } of group.waiting) resolve()
        const waited = group.waiting.length + (this.#filling?.waiting.length ?? 0)
        this.#enoughAppends = Math.max(Math.ceil(waited / 2), fewAppends)
        if (this.#filling) this.#schedule()
      },
      async (cause) => {
        // Stored or not: nobody knows until the ledger is read again.
        const failure = new LedgerError('unavailable', `the append failed: ${(cause as Error).message}`, {
          cause,
        })
        this.#failure = failure
        this.#retryAtMs = performance.now() + retryAfterMs
        const lost = [group, ...(this.#filling ? [this.#filling] : [])]
        this.#filling = undefined
        await this.#recover()
        this.#writing = undefined
        this.#batchesDone += lost.length
        for (const it of lost) {
          this.#release(it)
          for (const { reject } of it.waiting) reject(failure)
        }
        if (this.#filling) this.#flush()
      },
    )
  }

  #release({ reserved }: Group<E>): void {
    for (const name of reserved) this.#reserved.delete(name)
  }

  /** A recovery that fails is done again from where it began. */
  async #recover(): Promise<void> {
    try {
      await this.#storage.reopen()
      const unheard = await this.#ends.reload()
      this.#failure = undefined
      // Stored, but not acknowledged: those who follow must hear of it all the same, before anything else.
      if (unheard.length > 0) this.#committed.next(unheard)
    } catch (cause) {
      this.#failure = new LedgerError(
        'unavailable',
        `after a failed append the ledger could not be opened again: ${(cause as Error).message}`,
        { cause },
      )
    }
  }
}
