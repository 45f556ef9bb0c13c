/**
 * Writes the rows of `lifetimes.ts` behind the events: never on the way of a request, and read by nobody who needs an
 * answer soon. Its place is durable, in the annex, and moves on in the batch of the rows that it stands for. Dying
 * anywhere leaves rows of some events behind the place, which are written again and are the same or nearer to the truth.
 *
 * While the server runs the events come from `committed$`, a second's worth at a time; after a restart, after a failure,
 * and where more come than it takes, from the log. A ledger without a place is followed from its beginning.
 */
import type { Subscription } from 'rxjs'
import { annexKey, decodePosition, encodePosition, rowKey } from '../ledger/layout.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { readRecords } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageBatch } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import { type Event, type EventType, eventLayouts, type Recorded } from '../oauth/events.ts'
import { lifeRows, lifetimeOf, lifetimesPlace, noteKey, notesUntil, streamOfNote } from './lifetimes.ts'
import { decodeLoaded, evolveLoaded, kindOfStream, stateRowKey } from './rows.ts'
import type { States, StreamKind } from './state-codec.ts'

type FollowedLedger = Pick<Ledger<Event>, 'storage' | 'size' | 'committed$' | 'maintain'>

export interface FollowerOptions {
  onError(error: unknown): void
  /** Between two looks at what has come. */
  intervalMs?: number
  /** How much longer than it worked it rests while it is behind, so that requests have the processor. */
  restFactor?: number
}

/** What begins a lifetime, and what ends it before its time. A rotation changes no row. */
const followedTypes: ReadonlySet<EventType> = new Set<EventType>([
  'token.issued',
  'grant.revoked',
  'session.started',
  'session.ended',
])
const followedCodes: ReadonlySet<number> = new Set([...followedTypes].map((type) => eventLayouts[type].code))

/** About 3 ms. */
const changesAtOnce = 256
/** Records that are read at a time from the log, and so many more that the place is noted at least. */
const recordsAtOnce = 2048
/** Events that may wait in memory. */
const mostWaiting = 8192

export class LifetimeFollower {
  readonly #ledger: FollowedLedger
  readonly #options: Required<FollowerOptions>
  readonly #subscription: Subscription
  #waiting: Recorded[] = []
  /** All events before this position are in the rows, and the place says so. */
  #place: number
  /** Position behind the last event that was heard of. */
  #heard: number
  #lastMs = 0
  #isBehind = true
  #isStopped = false
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(ledger: FollowedLedger, { onError, intervalMs = 1000, restFactor = 3 }: FollowerOptions) {
    this.#ledger = ledger
    this.#options = { onError, intervalMs, restFactor }
    const place = ledger.storage.get(annexKey(lifetimesPlace))
    this.#place = place ? Math.min(decodePosition(place), ledger.size) : 0
    this.#heard = ledger.size
    this.#subscription = ledger.committed$.subscribe((events) => this.#hear(events))
  }

  start(): void {
    this.#timer = setInterval(() => void this.run(), this.#options.intervalMs)
    void this.run()
  }

  /** Does what there is to do; what fails is done by the next call. */
  run(): Promise<void> {
    this.#running ??= this.#follow()
      .catch((error: unknown) => {
        this.#fallBehind()
        if (!this.#isStopped) this.#options.onError(error)
      })
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  /** Resolves when nothing is under way any more. What has not been taken is taken after the next start. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    if (!this.#isBehind) await this.run()
    this.#isStopped = true
    this.#subscription.unsubscribe()
    await this.#running
  }

  #hear(events: readonly Recorded[]): void {
    const last = events.at(-1)
    if (!last) return
    this.#heard = last.position + 1
    this.#lastMs = last.timeMs
    if (this.#isBehind) return
    for (const recorded of events) if (followedTypes.has(recorded.event.type)) this.#waiting.push(recorded)
    if (this.#waiting.length > mostWaiting) this.#fallBehind()
  }

  #fallBehind(): void {
    this.#isBehind = true
    this.#waiting = []
  }

  async #follow(): Promise<void> {
    if (this.#isBehind) await this.#catchUp()
    while (!this.#isStopped && !this.#isBehind && this.#place < this.#heard) {
      const [heard, lastMs] = [this.#heard, this.#lastMs]
      const taken = this.#waiting.splice(0, changesAtOnce)
      // The last time that was heard may be later than that of what is taken: more notes are looked at than need be.
      await this.#take(taken, this.#waiting.length === 0 ? heard : taken.at(-1)!.position + 1, lastMs)
    }
  }

  /** By the log. */
  async #catchUp(): Promise<void> {
    const ledger = this.#ledger
    while (!this.#isStopped) {
      const size = ledger.size
      if (this.#place >= size) break
      const beganMs = performance.now()
      const end = Math.min(this.#place + recordsAtOnce, size)
      let events: Recorded[] = []
      let lastMs = 0
      for await (const [position, bytes] of readRecords(ledger.storage, this.#place, end)) {
        const { timeMs, stream, version, type, body } = decodeRecord(bytes)
        lastMs = timeMs
        if (!followedCodes.has(type)) continue
        events.push({ position, timeMs, stream, version, event: decodeEvent(type, body) })
        if (events.length < changesAtOnce) continue
        await this.#take(events, position + 1, timeMs)
        events = []
      }
      await this.#take(events, end, lastMs)
      const restMs = (performance.now() - beganMs) * this.#options.restFactor
      if (ledger.size - this.#place > recordsAtOnce) await this.#rest(restMs)
    }
    // No turn of the event loop lies between the last look at the size and this.
    this.#isBehind = false
  }

  /**
   * Writes the rows of events, the place behind them with it.
   *
   * @param untilMs not before the last of them, nor before any other event in front of the place
   */
  async #take(events: readonly Recorded[], place: number, untilMs: number): Promise<void> {
    await this.#lookAgain(untilMs)
    if (this.#isStopped) return
    const changes = new Changes()
    for (const recorded of events) this.#file(changes, recorded.stream, this.#stateAfter(recorded), untilMs)
    changes.put(annexKey(lifetimesPlace), encodePosition(place))
    await this.#write(changes)
    this.#place = place
  }

  /** Open rows whose time has come, all of them before the place moves behind it. */
  async #lookAgain(untilMs: number): Promise<void> {
    const range = { ...notesUntil(Math.floor(untilMs / 1000)), limit: changesAtOnce }
    for (;;) {
      const notes: Buffer[] = []
      for await (const [note] of this.#ledger.storage.entries(range)) notes.push(note)
      if (notes.length === 0 || this.#isStopped) return
      const changes = new Changes()
      for (const note of notes) {
        const stream = streamOfNote(note)
        changes.del(note)
        this.#file(changes, stream, this.#load(stream), untilMs)
      }
      await this.#write(changes)
    }
  }

  /** Writes what is known of a stream, in place of what was known of it before. */
  #file(changes: Changes, stream: string, state: States[StreamKind] | undefined, untilMs: number): void {
    const life = lifetimeOf(stream, state)
    if (!life) return
    const { endSeconds, unendedSeconds } = life
    const isOpen = life.mayGrow && endSeconds * 1000 > untilMs
    const rows = lifeRows(life, isOpen ? undefined : endSeconds)
    const former = lifeRows(life, life.isRefreshable ? undefined : unendedSeconds)
    for (const [index, [key, value]] of rows.entries()) {
      const [formerKey] = former[index]!
      if (!formerKey.equals(key)) changes.del(formerKey)
      changes.put(key, value)
    }
    if (isOpen) changes.put(noteKey(endSeconds, stream), nothing)
  }

  /**
   * The state as it is on disk. A token that cannot be refreshed is all that is known of its stream for as long as
   * nothing ends it, and an end comes as an event of its own: such a state is not read.
   */
  #stateAfter(recorded: Recorded): States[StreamKind] | undefined {
    const { stream, version, event } = recorded
    const isWhole =
      version === 0 &&
      (event.type === 'session.started' || (event.type === 'token.issued' && event.refreshTokenHash === null))
    if (!isWhole) return this.#load(stream)
    return evolveLoaded<StreamKind>(kindOfStream(stream), { state: undefined, version }, recorded).state
  }

  #load(stream: string): States[StreamKind] | undefined {
    return decodeLoaded(kindOfStream(stream), this.#ledger.storage.get(rowKey(stateRowKey(stream)))).state
  }

  #write(changes: Changes): Promise<void> {
    return this.#ledger.maintain((batch) => changes.addTo(batch))
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms))
  }
}

/** What is to be written, whole before the first of it joins a batch of the ledger. */
class Changes {
  readonly #all: [key: Buffer, value: Buffer | undefined][] = []

  put(key: Buffer, value: Buffer): void {
    this.#all.push([key, value])
  }

  del(key: Buffer): void {
    this.#all.push([key, undefined])
  }

  addTo(batch: StorageBatch): void {
    for (const [key, value] of this.#all) value ? batch.put(key, value) : batch.del(key)
  }
}

const nothing = Buffer.alloc(0)
