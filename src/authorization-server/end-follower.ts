/**
 * Follows the ends of the log: does what follows from each, and notes what is owed to clients, before its place
 * in the log moves on. The place is durable, in the annex, so that a process that died behind an end does the rest
 * after its restart. Every end may be followed twice; the second time there is nothing left to do.
 *
 * While the server runs the ends come from `committed$`; after a restart, and after a failure, from the log.
 */
import type { Subscription } from 'rxjs'
import { putAnnex } from '../ledger/annex.ts'
import { annexKey, decodePosition, encodePosition } from '../ledger/layout.ts'
import { readEvents } from '../ledger/reader.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import type { Recorded } from '../oauth/events.ts'
import { isEnd } from '../projections/ends.ts'
import type { AuthorizationContext } from './context.ts'
import { followEnd } from './end.ts'

export interface EndListener {
  /** Entries that join the annex in the batch in which the place moves on. */
  owedBy(end: Recorded): Promise<Record<string, Buffer>>
  /** Something is owed, and durable. */
  onOwed(): void
  onError(error: unknown): void
}

const codec = { encode: encodeEvent, decode: decodeEvent }
const placeName = 'ends'
const mostAtOnce = 50
/** So many events without an end, and the place is noted all the same: a restart reads no more than these. */
const notedEvery = 10_000

export class EndFollower {
  readonly #context: AuthorizationContext
  readonly #listener: EndListener
  readonly #subscription: Subscription
  #waiting: Recorded[] = []
  /** All ends before this position have been followed. */
  #done = 0
  /** The place on the disk. */
  #noted = 0
  /** Events up to here have been seen; those between `#done` and here that are ends wait. */
  #seen: number
  #isBehind = true
  #running: Promise<void> | undefined
  #isStopped = false

  private constructor(context: AuthorizationContext, listener: EndListener) {
    this.#context = context
    this.#listener = listener
    this.#seen = context.ledger.size
    this.#subscription = context.ledger.committed$.subscribe((events) => {
      const last = events.at(-1)
      if (!last) return
      this.#seen = last.position + 1
      if (!this.#isBehind) this.#waiting.push(...events.filter(isEnd))
      if (this.#waiting.length > 0 || this.#seen - this.#noted >= notedEvery) void this.run()
    })
  }

  /** A ledger that nobody has followed yet is followed from its present end. @throws LedgerError unavailable */
  static async open(context: AuthorizationContext, listener: EndListener): Promise<EndFollower> {
    const { storage, size } = context.ledger
    if (!storage.get(annexKey(placeName))) await putAnnex(storage, { [placeName]: encodePosition(size) })
    return new EndFollower(context, listener)
  }

  /** Follows what there is to follow; after a failure the caller asks again, and place and log are read again. */
  run(): Promise<void> {
    this.#running ??= this.#follow()
      .catch((error: unknown) => {
        this.#isBehind = true
        this.#waiting = []
        this.#listener.onError(error)
      })
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  /** Resolves when nothing is under way any more, and the place is noted. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#subscription.unsubscribe()
    await this.#running
    if (this.#done > this.#noted) await this.#note({}).catch(this.#listener.onError)
  }

  async #follow(): Promise<void> {
    if (this.#isBehind) await this.#catchUp()
    while (this.#waiting.length > 0 && !this.#isStopped) await this.#take(this.#waiting.splice(0, mostAtOnce))
    if (this.#isStopped || this.#waiting.length > 0) return
    this.#done = Math.max(this.#done, this.#seen)
    if (this.#done - this.#noted >= notedEvery) await this.#note({})
  }

  /** By the log, up to an end that does not move; what is committed meanwhile is found by the next look. */
  async #catchUp(): Promise<void> {
    const { ledger } = this.#context
    // Whether a write that failed was stored, and what was owed with it, only the disk knows.
    const stored = ledger.storage.get(annexKey(placeName))
    this.#noted = Math.min(stored ? decodePosition(stored) : 0, ledger.size)
    this.#done = this.#noted
    while (!this.#isStopped) {
      const size = ledger.size
      if (this.#done >= size) break
      let batch: Recorded[] = []
      for await (const recorded of readEvents(ledger.storage, codec, this.#done, size)) {
        if (this.#isStopped) return
        if (!isEnd(recorded)) continue
        batch.push(recorded)
        if (batch.length < mostAtOnce) continue
        await this.#take(batch)
        batch = []
      }
      await this.#take(batch)
      this.#done = size
    }
    // No turn of the event loop lies between the last look at the size and this.
    this.#isBehind = false
  }

  async #take(ends: readonly Recorded[]): Promise<void> {
    const last = ends.at(-1)
    if (!last) return
    const owed: Record<string, Buffer> = {}
    for (const end of ends) {
      await followEnd(this.#context, end)
      Object.assign(owed, await this.#listener.owedBy(end))
    }
    this.#done = Math.max(this.#done, last.position + 1)
    const isOwed = Object.keys(owed).length > 0
    if (isOwed || ends.some(({ event }) => event.type !== 'grant.revoked')) await this.#note(owed)
    if (isOwed) this.#listener.onOwed()
  }

  async #note(owed: Record<string, Buffer>): Promise<void> {
    const place = this.#done
    await putAnnex(this.#context.ledger.storage, { ...owed, [placeName]: encodePosition(place) })
    this.#noted = place
  }
}
