/**
 * Follows the events of some types behind the log, from a place that is durable, in the annex: none is left out, whenever
 * the process dies. One may be taken twice, so taking it again must come to the same.
 *
 * While the process runs the events come from `committed$`; after a start, after a failure, and where more come than
 * it takes, from the log.
 */
import type { Subscription } from 'rxjs'
import { annexKey, decodePosition } from '../ledger/layout.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { readRecords } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import { type Event, type EventType, eventLayouts, type Recorded } from '../oauth/events.ts'

export type FollowedLedger = Pick<Ledger<Event>, 'storage' | 'size' | 'committed$'>

export interface Following {
  /** Annex entry: position(8), before which all has been taken. Without it the log is followed from its beginning. */
  place: string
  types: ReadonlySet<EventType>
  /** Most events that are taken at a time. */
  atOnce: number
  /**
   * Does what follows from events, then stores the place behind them, or leaves that to a later call.
   *
   * @param events all of these types between the last place and this one, in order; there may be none. Of those from the
   * log, what side records hold is left out.
   * @param untilMs not before the time of any event in front of the place
   */
  take(events: readonly Recorded[], place: number, untilMs: number): Promise<void>
  onError(error: unknown): void
  /** How much longer than it worked it rests while it is behind, so that requests have the processor. */
  restFactor?: number
}

/** Records that are read at a time from the log, and so many more that the place moves on at least. */
const recordsAtOnce = 512
/** Events that may wait in memory. */
const mostWaiting = 8192

export class LogFollower {
  readonly #ledger: FollowedLedger
  readonly #following: Following
  readonly #codes: ReadonlySet<number>
  readonly #subscription: Subscription
  #waiting: Recorded[] = []
  #place = 0
  /** Position behind the last event that was heard of. */
  #heard: number
  #lastMs = 0
  #isBehind = true
  #isStopped = false
  #running: Promise<void> | undefined

  constructor(ledger: FollowedLedger, following: Following) {
    this.#ledger = ledger
    this.#following = following
    this.#codes = new Set([...following.types].map((type) => eventLayouts[type].code))
    this.#heard = ledger.size
    this.#subscription = ledger.committed$.subscribe((events) => this.#hear(events))
  }

  /** All events before this position have been taken; on the disk there may be an earlier one. */
  get place(): number {
    return this.#place
  }

  /** Whether events are to be taken from the log. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  /** Number of events that were heard of and have not been taken. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Takes what there is to take; after a failure the next call reads place and log again. */
  run(): Promise<void> {
    this.#running ??= this.#follow()
      .catch((error: unknown) => {
        this.#fallBehind()
        this.#following.onError(error)
      })
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  /** Resolves when nothing is under way any more. What has not been taken is taken after the next start. */
  async stop(): Promise<void> {
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
    const { types } = this.#following
    for (const recorded of events) if (types.has(recorded.event.type)) this.#waiting.push(recorded)
    if (this.#waiting.length > mostWaiting) this.#fallBehind()
  }

  #fallBehind(): void {
    this.#isBehind = true
    this.#waiting = []
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped && (this.#isBehind || this.#place < this.#heard))
      if (this.#isBehind) await this.#catchUp()
      else await this.#takeWaiting()
  }

  async #takeWaiting(): Promise<void> {
    const [heard, lastMs] = [this.#heard, this.#lastMs]
    const taken = this.#waiting.splice(0, this.#following.atOnce)
    // The last time that was heard may be later than that of what is taken.
    const end = this.#waiting.length === 0 ? heard : taken.at(-1)!.position + 1
    // What a failed write had stored is heard of after it can be read.
    await this.#take(taken, Math.max(this.#place, end), lastMs)
  }

  /** By the log. */
  async #catchUp(): Promise<void> {
    const ledger = this.#ledger
    const { place, atOnce, restFactor = 0 } = this.#following
    // Whether a write that failed was stored, and what with it, only the disk knows.
    const stored = ledger.storage.get(annexKey(place))
    this.#place = stored ? Math.min(decodePosition(stored), ledger.size) : 0
    while (this.#place < ledger.size) {
      const beganMs = performance.now()
      const end = Math.min(this.#place + recordsAtOnce, ledger.size)
      let events: Recorded[] = []
      let lastMs = 0
      for await (const [position, bytes] of readRecords(ledger.storage, this.#place, end)) {
        if (this.#isStopped) return
        const { timeMs, stream, version, type, body } = decodeRecord(bytes)
        lastMs = timeMs
        if (!this.#codes.has(type)) continue
        events.push({ position, timeMs, stream, version, event: decodeEvent(type, body) })
        if (events.length < atOnce) continue
        await this.#take(events, position + 1, timeMs)
        events = []
      }
      await this.#take(events, end, lastMs)
      if (this.#isStopped) return
      const restMs = (performance.now() - beganMs) * restFactor
      if (restMs > 0 && ledger.size - this.#place > recordsAtOnce) await rest(restMs)
    }
    // No turn of the event loop lies between the last look at the size and this.
    this.#isBehind = false
  }

  async #take(events: readonly Recorded[], place: number, untilMs: number): Promise<void> {
    await this.#following.take(events, place, untilMs)
    this.#place = place
  }
}

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
