/**
 * Writes the rows of `lifetimes.ts` behind the events: never on the way of a request, and read by nobody who needs an
 * answer soon. Its place moves on in the batch of the rows that it stands for. Dying anywhere leaves rows of some events
 * behind the place, which are written again and are the same or nearer to the truth.
 *
 * While the server runs it takes a second's worth of events at a time. A ledger without a place is followed from its
 * beginning.
 */
import { annexKey, encodePosition, rowKey } from '../ledger/layout.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { StorageBatch } from '../ledger/storage.ts'
import type { Event, EventType, Recorded } from '../oauth/events.ts'
import { lifeRows, lifetimeOf, lifetimesPlace, noteKey, notesUntil, streamOfNote } from './lifetimes.ts'
import { type FollowedLedger, LogFollower } from './log-follower.ts'
import { decodeLoaded, evolveLoaded, kindOfStream, stateRowKey } from './rows.ts'
import type { States, StreamKind } from './state-codec.ts'

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

/** About 3 ms. */
const changesAtOnce = 256

export class LifetimeFollower {
  readonly #ledger: FollowedLedger & Pick<Ledger<Event>, 'maintain'>
  readonly #log: LogFollower
  readonly #intervalMs: number
  #isStopped = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    ledger: FollowedLedger & Pick<Ledger<Event>, 'maintain'>,
    { onError, intervalMs = 1000, restFactor = 3 }: FollowerOptions,
  ) {
    this.#ledger = ledger
    this.#intervalMs = intervalMs
    this.#log = new LogFollower(ledger, {
      place: lifetimesPlace,
      types: followedTypes,
      atOnce: changesAtOnce,
      take: (events, place, untilMs) => this.#take(events, place, untilMs),
      onError: (error) => {
        if (!this.#isStopped) onError(error)
      },
      restFactor,
    })
  }

  start(): void {
    this.#timer = setInterval(() => void this.run(), this.#intervalMs)
    void this.run()
  }

  /** Does what there is to do; what fails is done by the next call. */
  run(): Promise<void> {
    return this.#log.run()
  }

  /** Resolves when nothing is under way any more. What has not been taken is taken after the next start. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    if (!this.#log.isBehind) await this.run()
    this.#isStopped = true
    await this.#log.stop()
  }

  /** Writes the rows of events, the place behind them with it. */
  async #take(events: readonly Recorded[], place: number, untilMs: number): Promise<void> {
    await this.#lookAgain(untilMs)
    if (this.#isStopped) return
    const changes = new Changes()
    for (const recorded of events) this.#file(changes, recorded.stream, this.#stateAfter(recorded), untilMs)
    changes.put(annexKey(lifetimesPlace), encodePosition(place))
    await this.#write(changes)
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
