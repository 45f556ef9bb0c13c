/**
 * Events that come late in their streams. Where the log is gone through by position, the state of a stream that nothing
 * has happened to for long is folded anew: right for the few events that most streams have, but with a refresh token that
 * is rotated for months the time would grow by the square of its rotations. So there only the first events of a stream
 * are followed, and those behind them here: stream by stream, by the index, each read once more.
 */
import {
  decodeIndexEntry,
  eventKey,
  type IndexEntry,
  isIndexEntry,
  rangeOf,
  sideKey,
  versionOfKey,
} from '../ledger/layout.ts'
import { readAll } from '../ledger/reader.ts'
import { decodeRecord, type EventRecord } from '../ledger/record.ts'
import type { Entry, StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import type { Recorded } from '../oauth/events.ts'
import { type AnyLoaded, evolveLoaded, kindOfStream } from '../projections/rows.ts'
import type { StreamKind } from '../projections/state-codec.ts'
import { listsOf } from './entry-cursor.ts'
import type { Faults } from './fault.ts'
import { brokenLaw, misplacement } from './laws.ts'
import type { RowComparison } from './row-comparison.ts'
import { type StateBefore, StreamStates, unknownState } from './stream-states.ts'

/** So many events of a stream are followed where they stand in the log. */
export const earlyEvents = 8

/** Other streams rest on these or share rows with them: they are followed in the order of the log, however long. */
const alwaysInOrder: ReadonlySet<StreamKind> = new Set<StreamKind>(['client', 'user', 'invitation'])

export const isLate = ({ stream, version }: { stream: string; version: number }): boolean =>
  version >= earlyEvents && !alwaysInOrder.has(kindOfStream(stream))

export interface LateFollower {
  /** The state of a stream after its early events. */
  recall(stream: string, version: number): StateBefore | Promise<StateBefore>
  /** An event, and the state that it was appended to. */
  event?(recorded: Recorded, before: AnyLoaded): void
  /** The last state of a stream that was recalled. */
  leave?(stream: string, loaded: AnyLoaded): void
}

export interface LateOptions {
  /** Events behind it are passed over. */
  size: number
  isDamaged?: (position: number) => boolean
}

const saltBytes = 32

/** Where an event cannot be read, or is not the one that the index names, its stream is followed no further. */
export class LateStreams {
  readonly #reader: StorageReader
  readonly #follower: LateFollower
  readonly #options: LateOptions
  #followed = 0
  #stream = ''
  #loaded: StateBefore = unknownState

  constructor(reader: StorageReader, follower: LateFollower, options: LateOptions) {
    this.#reader = reader
    this.#follower = follower
    this.#options = options
  }

  /** How many late events were gone through. */
  get followed(): number {
    return this.#followed
  }

  /** Takes entries of the index in their order; a promise only where there are late ones. */
  take(entries: readonly Entry[]): Promise<void> | undefined {
    const late = entries
      .filter(([key, value]) => isIndexEntry(key, value) && versionOfKey(key) >= earlyEvents)
      .map(decodeIndexEntry)
      .filter((entry) => entry.position < this.#options.size && isLate(entry))
    return late.length > 0 ? this.#follow(late) : undefined
  }

  /** Nothing comes any more. */
  finish(): void {
    if (this.#loaded !== unknownState) this.#follower.leave?.(this.#stream, this.#loaded)
    this.#loaded = unknownState
  }

  async #follow(names: readonly IndexEntry[]): Promise<void> {
    const events = await this.#read(names)
    this.#followed += names.length
    for (const [i, { stream }] of names.entries()) {
      if (stream !== this.#stream) {
        this.finish()
        this.#stream = stream
        this.#loaded = await this.#follower.recall(stream, earlyEvents)
      }
      const [before, recorded] = [this.#loaded, events[i]]
      if (before === unknownState || recorded?.version !== before.version) {
        this.#loaded = unknownState
        continue
      }
      this.#follower.event?.(recorded, before)
      this.#loaded = evolveLoaded(kindOfStream(stream), before, recorded)
    }
  }

  async #read(names: readonly IndexEntry[]): Promise<(Recorded | undefined)[]> {
    const { isDamaged = () => false } = this.#options
    const stored = await readAll(
      this.#reader,
      names.map(({ position }) => eventKey(position)),
    )
    const records = names.map((name, i) => (isDamaged(name.position) ? undefined : recordOf(name, stored[i])))
    const sided = records.filter((record) => record?.commitment)
    const sides = await readAll(
      this.#reader,
      sided.map((record) => sideKey(record!.position)),
    )
    const sideOf = new Map(sided.map((record, i) => [record, sides[i]?.subarray(saltBytes)]))
    return records.map((record) => record && eventOf(record, sideOf.get(record)))
  }
}

/**
 * Holds them against the laws of the protocol.
 *
 * @param rows gets what they come to
 */
export function lateLaws(
  reader: StorageReader,
  faults: Faults,
  options: LateOptions,
  rows?: RowComparison,
): LateStreams {
  const states = new StreamStates(reader, options)
  const fold: LateFollower = rows?.fold(reader) ?? { recall: (stream, version) => states.at(stream, version) }
  return new LateStreams(
    reader,
    {
      ...fold,
      event(recorded, before) {
        fold.event?.(recorded, before)
        const { event, stream } = recorded
        // Of what is misplaced is told where it stands.
        const broken = misplacement(event, stream) ? undefined : brokenLaw(before.state, recorded)
        if (broken) faults.add(recorded.position, 'protocol', `${event.type}: ${broken}`)
      },
    },
    options,
  )
}

/**
 * All late events of the log.
 *
 * @param onProgress is told how many there were
 */
export async function followLate(
  reader: StorageReader,
  follower: LateFollower,
  options: LateOptions,
  onProgress?: (done: number) => void,
): Promise<void> {
  const streams = new LateStreams(reader, follower, options)
  for await (const entries of listsOf(reader, rangeOf('stream'))) {
    await streams.take(entries)
    onProgress?.(streams.followed)
  }
  streams.finish()
}

/** Undefined where it is another one. */
function recordOf(
  { stream, version, position }: IndexEntry,
  bytes: Buffer | undefined,
): EventRecord | undefined {
  try {
    const record = bytes && decodeRecord(bytes)
    const isNamed = record?.stream === stream && record.version === version && record.position === position
    return isNamed ? record : undefined
  } catch {
    return undefined
  }
}

function eventOf(record: EventRecord, side: Buffer | undefined): Recorded | undefined {
  const { position, timeMs, stream, version, type, body } = record
  try {
    return { position, timeMs, stream, version, event: decodeEvent(type, body, side) }
  } catch {
    return undefined
  }
}
