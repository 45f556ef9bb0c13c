/**
 * The state of each stream before an event, in bounded memory: recent streams are kept, others folded again
 * from their own records, which stand before the event and have been verified already.
 */
import { decodePosition, eventKey, sideKey, streamKey } from '../ledger/layout.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import type { Recorded } from '../oauth/events.ts'
import { evolveLoaded, kindOfStream, type Loaded } from '../projections/rows.ts'
import type { States, StreamKind } from '../projections/state-codec.ts'
import type { Reference } from './laws.ts'
import { Recent } from './recent.ts'

type AnyState = Loaded<States[StreamKind]>

/** A stream with a damaged event before: nothing can be said about its state. */
export const unknownState = 'unknown'
export type StateBefore = AnyState | typeof unknownState

export const noEvents: AnyState = { state: undefined, version: 0 }
/** And up to as many again. */
const keptStreams = 20_000
const keptReferences = 50_000
const saltBytes = 32

interface KeptStream {
  before: StateBefore
  last: Recorded
}

const stateAfter = ({ before, last }: KeptStream): StateBefore =>
  before === unknownState ? before : evolveLoaded(kindOfStream(last.stream), before, last)

/** Nearly all that is referred to begins its stream. */
const nameOf = ({ stream, version }: Reference): string => (version === 0 ? stream : `${stream}\0${version}`)

/** Nothing but a revocation can follow on a token that cannot be refreshed, nothing at all on the end of a grant. */
export const mayGoOn = ({ event }: Recorded): boolean =>
  event.type === 'token.issued' ? event.refreshTokenHash !== null : event.type !== 'grant.revoked'

interface StatesOptions {
  isDamaged: (position: number) => boolean
  isIndexRight: boolean
}

export class StreamStates {
  readonly #reader: StorageReader
  readonly #isDamaged: (position: number) => boolean
  readonly #isIndexRight: boolean
  readonly #kept = new Recent<KeptStream>(keptStreams)
  readonly #references = new Recent<number>(keptReferences)

  /**
   * @param isIndexRight whether the index can be taken to name what was gone through: it is compared as a whole, and
   * nothing is said about events where it is wrong
   */
  constructor(
    reader: StorageReader,
    { isDamaged = () => false, isIndexRight = false }: Partial<StatesOptions> = {},
  ) {
    this.#reader = reader
    this.#isDamaged = isDamaged
    this.#isIndexRight = isIndexRight
  }

  /** The state that the event was appended to; a promise only where it is not in memory. */
  before({ stream, version }: Recorded): StateBefore | Promise<StateBefore> {
    return this.at(stream, version)
  }

  /** The state of a stream after so many of its events, which have been gone through. */
  at(stream: string, version: number): StateBefore | Promise<StateBefore> {
    if (version === 0) return noEvents
    const kept = this.#kept.get(stream)
    return kept?.last.version === version - 1 ? stateAfter(kept) : this.#fold(stream, version)
  }

  /** Goes on by one event; the step is taken when its outcome is asked for. */
  evolve(before: StateBefore, last: Recorded): void {
    if (mayGoOn(last)) this.#kept.set(last.stream, { before, last })
    else if (last.version > 0) this.#kept.delete(last.stream)
    // The code that follows on a session names it.
    if (this.#isIndexRight && last.event.type === 'session.started')
      this.#references.set(last.stream, last.position)
  }

  /** Whether the index knows the event that is referred to, and before this position. */
  stands(reference: Reference, position: number): boolean | Promise<boolean> {
    const at = this.#references.get(nameOf(reference))
    return at === undefined ? this.#lookUp(reference, position) : at < position
  }

  #lookUp(reference: Reference, position: number): boolean | Promise<boolean> {
    const found = this.#reader.get(streamKey(reference.stream, reference.version))
    const decide = (entry: Buffer | undefined) => {
      if (entry?.length !== 8) return false
      const at = decodePosition(entry)
      this.#references.set(nameOf(reference), at)
      return at < position
    }
    return found instanceof Promise ? found.then(decide) : decide(found)
  }

  async #fold(stream: string, version: number): Promise<StateBefore> {
    let loaded = noEvents
    for (let at = 0; at < version; at++) {
      const recorded = await this.#read(stream, at)
      if (!recorded) return unknownState
      loaded = evolveLoaded(kindOfStream(stream), loaded, recorded)
    }
    return loaded
  }

  async #read(stream: string, version: number): Promise<Recorded | undefined> {
    const entry = await this.#reader.get(streamKey(stream, version))
    if (entry?.length !== 8) return undefined
    const position = decodePosition(entry)
    const bytes = this.#isDamaged(position) ? undefined : await this.#reader.get(eventKey(position))
    if (!bytes) return undefined
    try {
      const record = decodeRecord(bytes)
      if (record.stream !== stream || record.version !== version) return undefined
      const side = record.commitment && (await this.#reader.get(sideKey(position)))?.subarray(saltBytes)
      const event = decodeEvent(record.type, record.body, side)
      return { position, timeMs: record.timeMs, stream, version, event }
    } catch {
      return undefined
    }
  }
}
