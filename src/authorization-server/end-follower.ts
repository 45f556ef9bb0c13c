/**
 * Follows the ends of the log: does what follows from each, and notes what is owed to clients, before its place
 * in the log moves on. A process that died behind an end does the rest after its restart. Every end may be followed
 * twice; the second time there is nothing left to do.
 */
import type { Subscription } from 'rxjs'
import { putAnnex } from '../ledger/annex.ts'
import { annexKey, decodePosition, encodePosition } from '../ledger/layout.ts'
import type { Recorded } from '../oauth/events.ts'
import { endTypes } from '../projections/ends.ts'
import { LogFollower } from '../projections/log-follower.ts'
import type { AuthorizationContext } from './context.ts'
import { followEnd } from './end.ts'

export interface EndListener {
  /** Entries that join the annex in the batch in which the place moves on. */
  owedBy(end: Recorded): Promise<Record<string, Buffer>>
  /** Something is owed, and durable. */
  onOwed(): void
  onError(error: unknown): void
}

const placeName = 'ends'
const mostAtOnce = 50
/** So many events without an end, and the place is noted all the same: a restart reads no more than these. */
const notedEvery = 10_000

export class EndFollower {
  readonly #context: AuthorizationContext
  readonly #listener: EndListener
  readonly #log: LogFollower
  readonly #subscription: Subscription
  /** The place on the disk. */
  #noted: number

  private constructor(context: AuthorizationContext, listener: EndListener, place: number) {
    this.#context = context
    this.#listener = listener
    this.#noted = place
    const { ledger } = context
    this.#log = new LogFollower(ledger, {
      place: placeName,
      types: endTypes,
      atOnce: mostAtOnce,
      take: (ends, to) => this.#take(ends, to),
      onError: listener.onError,
    })
    this.#subscription = ledger.committed$.subscribe(() => {
      if (this.#log.waiting > 0 || ledger.size - this.#noted >= notedEvery) void this.run()
    })
  }

  /** A ledger that nobody has followed yet is followed from its present end. @throws LedgerError unavailable */
  static async open(context: AuthorizationContext, listener: EndListener): Promise<EndFollower> {
    const { storage, size } = context.ledger
    const place = storage.get(annexKey(placeName))
    if (!place) await putAnnex(storage, { [placeName]: encodePosition(size) })
    return new EndFollower(context, listener, place ? Math.min(decodePosition(place), size) : size)
  }

  /** Follows what there is to follow; after a failure the caller asks again. */
  run(): Promise<void> {
    return this.#log.run()
  }

  /** Resolves when nothing is under way any more, and the place is noted. */
  async stop(): Promise<void> {
    this.#subscription.unsubscribe()
    await this.#log.stop()
    const { place } = this.#log
    if (place > this.#noted) await this.#note(place, {}).catch(this.#listener.onError)
  }

  async #take(ends: readonly Recorded[], place: number): Promise<void> {
    const owed: Record<string, Buffer> = {}
    for (const end of ends) {
      await followEnd(this.#context, end)
      Object.assign(owed, await this.#listener.owedBy(end))
    }
    const isOwed = Object.keys(owed).length > 0
    // A revoked grant takes nothing along: following it again costs nothing.
    const isWorthIt = ends.some(({ event }) => event.type !== 'grant.revoked')
    if (isOwed || isWorthIt || place - this.#noted >= notedEvery) await this.#note(place, owed)
    if (isOwed) this.#listener.onOwed()
  }

  async #note(place: number, owed: Record<string, Buffer>): Promise<void> {
    await putAnnex(this.#context.ledger.storage, { ...owed, [placeName]: encodePosition(place) })
    this.#noted = place
  }
}
