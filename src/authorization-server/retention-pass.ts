/**
 * One look at everything that may be dropped, and the drop: step 1 of `retain.ts`. Times at which to look again at
 * streams that are not over yet are noted, and how far the log has been looked through. Dying between a drop and its
 * notes leaves streams to be looked at again, which are not there any more.
 */
import type { LedgerError } from '../ledger/errors.ts'
import {
  annexKey,
  cursorKey,
  decodeLater,
  decodePosition,
  encodePosition,
  laterKey,
  ownRange,
} from '../ledger/layout.ts'
import type { ConcernedStream } from '../ledger/ledger.ts'
import type { Sealer } from '../ledger/segments/sealer.ts'
import type { SegmentedBatch, SegmentedStorage } from '../ledger/segments/segmented-storage.ts'
import { streamOf } from '../oauth/events.ts'
import { payloadsDropped, type RetentionKind, sideRecordsDropped } from '../oauth/retention.ts'
import { lifetimesPlace } from '../projections/lifetimes.ts'
import {
  type Dropped,
  type DroppedStream,
  loneSidesOf,
  lookAgainAt,
  payloadsOf,
  readBeginnings,
  readStored,
  type StoredStream,
  sidesOf,
} from '../projections/retention.ts'
import type { AuthorizationContext } from './context.ts'

export interface RetainOptions {
  /** Changes nothing and counts what would go. */
  isDry?: boolean
  /**
   * Streams are first looked at when their beginning is so much older than the age: most of them are over by then, and
   * need no note.
   */
  lagMs?: number
}

export interface Retained {
  /** Records that went, and how many streams they were all of. */
  payloads: number
  streams: number
  sideRecords: number
  /** Bytes of their entries, before compression. */
  bytes: number
}

/** How far a run has come, in positions; of none where there is none. */
export interface RetentionProgress {
  looked: number
  total: number
}

export interface RetainerOptions {
  context: Pick<AuthorizationContext, 'ledger' | 'models' | 'now'>
  storage: SegmentedStorage
  sealer: Sealer
  /** Events that are looked at in one step. */
  eventsAtOnce?: number
}

/** Of the annex' names: bytes of what was dropped by events from this position on may be in the files. */
export const droppingPrefix = 'dropping/'
/** About 10 ms. */
const defaultEventsAtOnce = 1024
/** Positions that one event names, but for a stream that has more; about 5 ms. */
const droppedAtOnce = 512
const notesAtOnce = 512
const streamsAtOnce = 16
/** A stream that somebody appends to again and again is not over. */
const mostAttempts = 5

const nothing = Buffer.alloc(0)

/** A run of the policy: what its passes, one for each kind, have in common. */
interface RetentionRun extends RetainOptions {
  /** Side records that would go with payloads are not counted with them. */
  leavesSides: boolean
  /** What has gone so far, in all passes. */
  retained: Retained
  /** Lets requests run between two steps. */
  breathe(): Promise<void>
  /** Hears how far the pass has come. */
  tell(progress: RetentionProgress): void
}

export class RetentionPass {
  readonly #context: RetainerOptions['context']
  readonly #storage: SegmentedStorage
  readonly #eventsAtOnce: number
  readonly #shared: RetentionRun
  readonly #kind: RetentionKind
  readonly #ageSeconds: number
  readonly #beforeMs: number

  constructor(
    { context, storage, eventsAtOnce = defaultEventsAtOnce }: RetainerOptions,
    shared: RetentionRun,
    kind: RetentionKind,
    ageSeconds: number,
  ) {
    this.#context = context
    this.#storage = storage
    this.#eventsAtOnce = eventsAtOnce
    this.#shared = shared
    this.#kind = kind
    this.#ageSeconds = ageSeconds
    this.#beforeMs = context.now() - ageSeconds * 1000
  }

  async run(): Promise<void> {
    if (this.#beforeMs <= 0) return
    await this.#walk()
    if (!this.#shared.isDry) await this.#followNotes()
  }

  /** Looks at the streams that begin where nobody has looked yet. */
  async #walk(): Promise<void> {
    const { ledger } = this.#context
    const { isDry = false, lagMs = 0 } = this.#shared
    // Payloads go from segments only: LevelDB holds the recent ones without a gap.
    const total = this.#kind === 'payloads' && !isDry ? this.#storage.segments.end : ledger.size
    const cursor = this.#storage.hot.get(cursorKey(this.#kind))
    for (let from = isDry || !cursor ? 0 : decodePosition(cursor); from < total; ) {
      this.#shared.tell({ looked: from, total })
      const to = Math.min(from + this.#eventsAtOnce, total)
      const beginnings = await readBeginnings(this.#storage, this.#kind, from, to, this.#beforeMs - lagMs)
      const { streams, loneSides, end, isLast } = beginnings
      const notes = await this.#settle(streams)
      const lone = loneSidesOf(this.#storage, loneSides)
      if (lone) {
        await this.#write([lone])
        this.#count([lone])
      }
      if (!isDry && end > from) {
        await this.#note([], notes)
        const batch = this.#storage.hot.batch()
        batch.put(cursorKey(this.#kind), encodePosition(end))
        await batch.write()
      }
      if (isLast) return
      from = end
      await this.#shared.breathe()
    }
  }

  /** Looks again at those whose time has come. */
  async #followNotes(): Promise<void> {
    const lt = laterKey(this.#beforeMs + 1, '', this.#kind)
    for (let gte = ownRange(this.#kind).gte; ; ) {
      const due: Buffer[] = []
      for await (const [key] of this.#storage.hot.entries({ gte, lt, limit: notesAtOnce })) due.push(key)
      const last = due.at(-1)
      if (!last) return
      const streams: StoredStream[] = []
      for (const key of due) {
        const stored = await readStored(this.#storage, decodeLater(key).stream)
        if (stored) streams.push(stored)
        if (streams.length % streamsAtOnce === 0) await this.#shared.breathe()
      }
      await this.#note(due, await this.#settle(streams))
      gte = Buffer.concat([last, Buffer.of(0)])
      await this.#shared.breathe()
    }
  }

  /** @returns when to look again at those that stay */
  async #settle(streams: readonly StoredStream[]): Promise<Buffer[]> {
    const notes: Buffer[] = []
    let ready: DroppedStream[] = []
    let positions = 0
    for (const [i, stored] of streams.entries()) {
      const dropped = await this.#look(stored, notes)
      if (!dropped) continue
      ready.push(dropped)
      positions += dropped.positions.length
      if (positions >= droppedAtOnce) {
        await this.#drop(ready, notes)
        ready = []
        positions = 0
      }
      if (i % streamsAtOnce === 0) await this.#shared.breathe()
    }
    if (ready.length > 0) await this.#drop(ready, notes)
    return notes
  }

  /** @returns what may go, if anything */
  async #look(stored: StoredStream, notes: Buffer[]): Promise<DroppedStream | undefined> {
    const isWanted = this.#kind === 'payloads' || stored.committed.length > 0
    if (!isWanted) return undefined
    let againMs = await lookAgainAt(this.#storage, stored, this.#kind, this.#beforeMs)
    if (againMs === undefined && this.#kind === 'payloads' && !this.#isSettled(stored))
      againMs = this.#beforeMs
    if (againMs !== undefined) {
      notes.push(laterKey(againMs, stored.stream, this.#kind))
      return undefined
    }
    if (this.#kind === 'side_records') return sidesOf(this.#storage, stored)
    return payloadsOf(this.#storage, this.#shared.leavesSides ? { ...stored, committed: [] } : stored)
  }

  /** Whether all of its events are in segments, and whoever follows the log has seen them. */
  #isSettled({ events }: StoredStream): boolean {
    const last = events.at(-1)!.position
    const place = this.#storage.get(annexKey(lifetimesPlace))
    const isFollowed = place === undefined || last < decodePosition(place)
    return this.#shared.isDry === true || (isFollowed && last < this.#storage.segments.end)
  }

  /** A row that follows the events may have been on its way: nothing will come behind what is settled now. */
  async #removeLate(dropped: readonly Dropped[]): Promise<void> {
    const { ledger } = this.#context
    await ledger.settled()
    const late = dropped.flatMap(({ lifetimes }) => lifetimes).filter((key) => this.#storage.hot.get(key))
    if (late.length > 0)
      await ledger.maintain((batch) => {
        for (const key of late) (batch as SegmentedBatch).drop(key)
      })
  }

  async #drop(ready: DroppedStream[], notes: Buffer[]): Promise<void> {
    let left = ready
    for (let attempt = 0; left.length > 0; attempt++) {
      if (await this.#append(left)) {
        if (!this.#shared.isDry) await this.#removeLate(left)
        return this.#count(left)
      }
      // Somebody appended to one of the streams: what is over now is decided anew.
      await this.#context.ledger.settled()
      const again: DroppedStream[] = []
      for (const { stream } of left) {
        const stored = await readStored(this.#storage, stream)
        const dropped = stored && attempt < mostAttempts && (await this.#look(stored, notes))
        if (dropped) again.push(dropped)
        else if (attempt >= mostAttempts) notes.push(laterKey(this.#beforeMs, stream, this.#kind))
      }
      left = again
    }
  }

  #count(dropped: readonly Dropped[]): void {
    const positions = dropped.reduce((sum, it) => sum + it.positions.length, 0)
    this.#shared.retained.bytes += dropped.reduce((sum, it) => sum + it.bytes, 0)
    if (this.#kind === 'side_records') this.#shared.retained.sideRecords += positions
    else {
      this.#shared.retained.payloads += positions
      this.#shared.retained.streams += dropped.length
      this.#shared.retained.sideRecords += dropped.reduce((sum, it) => sum + it.sideKeys.length, 0)
    }
  }

  /** @returns false where one of the streams is not any more as it was looked at */
  async #append(dropped: readonly DroppedStream[]): Promise<boolean> {
    try {
      await this.#write(dropped, dropped)
    } catch (error) {
      if ((error as LedgerError).code === 'conflict') return false
      throw error
    }
    return true
  }

  /** @param others streams that must be as they were looked at */
  async #write(dropped: readonly Dropped[], others: readonly ConcernedStream[] = []): Promise<void> {
    if (this.#shared.isDry) return
    const { ledger, models, now } = this.#context
    const isWhole = this.#kind === 'payloads'
    const positions = dropped.flatMap((it) => it.positions).sort((a, b) => a - b)
    const streams = others.map(({ stream }) => stream)
    const event = isWhole
      ? payloadsDropped(positions, streams, this.#ageSeconds)
      : sideRecordsDropped(positions, this.#ageSeconds)
    const own = streamOf.retention(this.#kind)
    const before = models.load('retention', own)
    const note = droppingPrefix + this.#kind
    await ledger.append(own, before.version, [event], now(), {
      before,
      others,
      // All from this event on; one that is there already stands for more.
      ...(!this.#storage.get(annexKey(note)) && { annex: { [note]: encodePosition(ledger.size) } }),
      also: (batch) => {
        for (const { keys, sideKeys, state } of dropped) {
          for (const key of keys) (batch as SegmentedBatch).drop(key)
          for (const key of sideKeys) batch.del(key)
          // A segment may hold the former one, with what the side record said.
          if (state) (batch as SegmentedBatch).drop(state[0])
          if (state) (batch as SegmentedBatch).hot.put(...state)
        }
      },
    })
    models.forget(
      streams,
      dropped.flatMap(({ hashes }) => hashes),
    )
  }

  async #note(followed: readonly Buffer[], notes: readonly Buffer[]): Promise<void> {
    const batch = this.#storage.hot.batch()
    for (const key of followed) batch.del(key)
    for (const key of notes) batch.put(key, nothing)
    await batch.write()
  }
}
