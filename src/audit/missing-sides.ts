/**
 * Side records that are committed to and not there: an event must account for each. Those of a person go when the person is
 * erased; those of a user's stream also when another takes their place, with a new password or a new link. All others
 * go by retention alone, which says itself what it dropped (`drops.ts`).
 */
import { isDamage } from '../ledger/errors.ts'
import { readStream } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { type Event, type Recorded, streamOf } from '../oauth/events.ts'
import { Recent } from './recent.ts'

const codec = { encode: encodeEvent, decode: decodeEvent }
const keptUsers = 1000
/** What was being appended when an erasure began is behind it in the log, and erased with it. */
const underWayMs = 60_000

/** What a user's stream says of side records. */
interface Erasing {
  isErased: boolean
  /** Position of the last side record that took the place of those before; -1 without one. */
  replacedAt: number
  /** A record of the stream cannot be read, which is a fault of its own. */
  isUnknown: boolean
}

/** A failed login whose address is not there. Its stream is under a keyed name: whose it was, no auditor can tell. */
export interface ErasedLock {
  position: number
  timeMs: number
}

export class MissingSides {
  readonly #reader: StorageReader
  readonly #users = new Recent<Erasing>(keptUsers)
  #lastLock: ErasedLock | undefined

  constructor(reader: StorageReader) {
    this.#reader = reader
  }

  /** The newest failed login without its address. */
  get lastLock(): ErasedLock | undefined {
    return this.#lastLock
  }

  /** Takes what was found elsewhere, behind what was found here. */
  goOn(lock: ErasedLock | undefined): void {
    this.#lastLock = lock ?? this.#lastLock
  }

  /** Takes an event without its side record. @returns whether an event accounts for that, as far as can be said yet */
  async isAccountedFor({ event, position, timeMs }: Recorded): Promise<boolean> {
    if (event.type === 'login.locked') {
      this.#lastLock = { position, timeMs }
      return true
    }
    const subject = subjectOf(event)
    if (subject === undefined) return false
    const { isErased, replacedAt, isUnknown } = await this.#erasing(subject)
    return isErased || isUnknown || (event.type !== 'session.started' && replacedAt > position)
  }

  /** @param lastErasureMs when the last person of the log was erased; undefined where nobody was */
  lockNotAccountedFor(lastErasureMs: number | undefined): ErasedLock | undefined {
    const lock = this.#lastLock
    return lock && (lastErasureMs === undefined || lock.timeMs > lastErasureMs + underWayMs)
      ? lock
      : undefined
  }

  async #erasing(subject: string): Promise<Erasing> {
    const known = this.#users.get(subject)
    if (known) return known
    const erasing: Erasing = { isErased: false, replacedAt: -1, isUnknown: false }
    try {
      for await (const { event, position } of readStream(this.#reader, codec, streamOf.user(subject))) {
        if (event.type === 'user.erased') erasing.isErased = true
        else if (event.type === 'user.password_changed' || event.type === 'user.linked')
          erasing.replacedAt = position
      }
    } catch (error) {
      if (!isDamage(error) && !(error instanceof RangeError)) throw error
      erasing.isUnknown = true
    }
    this.#users.set(subject, erasing)
    return erasing
  }
}

function subjectOf(event: Event): string | undefined {
  switch (event.type) {
    case 'user.registered':
    case 'user.password_changed':
    case 'user.linked':
    case 'session.started':
      return event.subject
    default:
      return undefined
  }
}
