/**
 * What the log says that retention dropped. The events stand behind what they name, so they are read first, by the
 * index; each of them is verified as all others when the log is gone through.
 */
import { eventKey, rangeOf, rowKey } from '../ledger/layout.ts'
import { readStream } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { countOf, type PositionRun } from '../oauth/dropped-positions.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { type Recorded, streamOf } from '../oauth/events.ts'
import {
  digestsOf,
  dropFault,
  droppedRuns,
  isDrop,
  type Retention,
  type RetentionKind,
  streamDigest,
} from '../oauth/retention.ts'
import { decodeLoaded, stateRowKey } from '../projections/rows.ts'
import type { Faults } from './fault.ts'
import { PositionSet } from './position-set.ts'

export type { Retention }

const codec = { encode: encodeEvent, decode: decodeEvent }

/** A drop as the event at this position tells of it. */
export interface Drop {
  position: number
  kind: RetentionKind
  timeMs: number
  ageSeconds: number
  /** Position behind the last that went. */
  to: number
  /** How many went, of those that are asked for. */
  count: number
}

export class Drops {
  readonly payloads = new PositionSet()
  readonly sides = new PositionSet()
  readonly #drops: Drop[] = []
  /** Digests of dropped streams, ascending, and by place where the events stand that name them. */
  #digests = new BigUint64Array(0)
  #namedAt = new Float64Array(0)

  /** @param faults hears of what cannot be believed @throws LedgerError unavailable */
  static read(reader: StorageReader, faults?: Faults): Promise<Drops> {
    return Drops.of(dropEvents(reader, ['payloads', 'side_records']), faults)
  }

  /**
   * @param events those of one kind in the order of the log
   * @param within of no other positions it is asked whether they were dropped
   */
  static async of(events: AsyncIterable<Recorded>, faults?: Faults, within?: PositionRun): Promise<Drops> {
    const drops = new Drops()
    const named: [digest: bigint, position: number][] = []
    for await (const recorded of events) drops.#add(recorded, named, faults, within)
    named.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    drops.#digests = BigUint64Array.from(named, ([digest]) => digest)
    drops.#namedAt = Float64Array.from(named, ([, position]) => position)
    return drops
  }

  /** In the order in which they were read. */
  get all(): readonly Drop[] {
    return this.#drops
  }

  /** Whether any streams were dropped. */
  get nameStreams(): boolean {
    return this.#digests.length > 0
  }

  /** Where the last event stands that says that the stream was dropped; undefined where none does. */
  droppedAt(stream: string): number | undefined {
    if (this.#digests.length === 0) return undefined
    const digest = streamDigest(stream)
    let [low, high] = [0, this.#digests.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#digests[middle]! < digest) low = middle + 1
      else high = middle
    }
    let last: number | undefined
    for (; this.#digests[low] === digest; low++) last = Math.max(last ?? 0, this.#namedAt[low]!)
    return last
  }

  /**
   * The same where what stands at this position is of the stream and should have gone. Behind the event a name may be
   * used again.
   */
  droppedBehind(stream: string, position: number): number | undefined {
    const at = this.droppedAt(stream)
    return at !== undefined && position < at ? at : undefined
  }

  /**
   * Whether each drop left out what was not yet as old as its policy says. Times never run backwards, so the last
   * record that is left before the last position that went tells how old that was at most.
   */
  async checkAges(reader: StorageReader, faults: Faults): Promise<void> {
    for (const drop of this.#drops) {
      const range = { gte: rangeOf('event').gte, lt: eventKey(drop.to), reverse: true, limit: 1 }
      for await (const [, bytes] of reader.entries(range)) {
        const newestMs = timeOf(bytes)
        const early = newestMs === undefined ? undefined : earlyDrop(drop, newestMs)
        if (early) faults.add(drop.position, 'drop_early', early)
      }
    }
  }

  #add(
    { position, timeMs, event }: Recorded,
    named: [bigint, number][],
    faults: Faults | undefined,
    within: PositionRun | undefined,
  ): void {
    // What breaks a law is told of when the log is gone through.
    if (!isDrop(event) || dropFault(event)) return
    const isWhole = event.type === 'payloads.dropped'
    const covered = isWhole ? this.payloads : this.sides
    const runs = within ? droppedRuns(event).flatMap((run) => common(run, within)) : droppedRuns(event)
    if (event.to > position || runs.some((run) => covered.hasSome(run))) {
      const why = event.to > position ? 'does not stand before it' : 'was dropped before'
      faults?.add(position, 'drop_malformed', `the event at ${position} drops what ${why}`)
      return
    }
    for (const run of runs) covered.add(run)
    const { ageSeconds, to } = event
    const kind = isWhole ? 'payloads' : 'side_records'
    this.#drops.push({ position, kind, timeMs, ageSeconds, to, count: countOf(runs) })
    if (isWhole) for (const digest of digestsOf(event)) named.push([digest, position])
  }
}

/** A record that is missing or cannot be read is a fault of its own; what it may have said is not believed. */
async function* dropEvents(reader: StorageReader, kinds: readonly RetentionKind[]): AsyncGenerator<Recorded> {
  for (const kind of kinds)
    try {
      yield* readStream(reader, codec, streamOf.retention(kind))
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== 'damaged' && !(error instanceof RangeError)) throw error
    }
}

/** The positions that are in both. */
function common(one: PositionRun, other: PositionRun): PositionRun[] {
  const run = { from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) }
  return run.from < run.to ? [run] : []
}

/** What is wrong with a drop before whose end this is the time of the newest record that is left. */
export const earlyDrop = (
  { position, kind, timeMs, ageSeconds, to }: Drop,
  newestMs: number,
): string | undefined =>
  newestMs > timeMs - ageSeconds * 1000
    ? `the event at ${position} dropped ${kind === 'payloads' ? 'records' : 'side records'} up to position ${to - 1}, which were not ${ageSeconds} s old`
    : undefined

function timeOf(bytes: Buffer): number | undefined {
  try {
    return decodeRecord(bytes).timeMs
  } catch {
    return undefined
  }
}

/** The sums of what was dropped, as the read models know them; zeros where nothing was. */
export async function retentionOf(reader: StorageReader, kind: RetentionKind): Promise<Retention> {
  const row = await reader.get(rowKey(stateRowKey(streamOf.retention(kind))))
  return decodeLoaded('retention', row).state ?? { count: 0, streams: 0, endedBeforeSeconds: 0 }
}

/** In words: what may be missing from any history. */
export const describeDropped = ({ count, endedBeforeSeconds }: Retention): string =>
  `The retention policy has dropped ${count} records of what was over before ${new Date(endedBeforeSeconds * 1000).toISOString()}.`

/** Where the events stand that dropped records of a range, and which of it. */
export async function* dropsWithin(
  reader: StorageReader,
  range: PositionRun,
): AsyncGenerator<{ position: number; runs: PositionRun[] }> {
  for await (const { position, event } of dropEvents(reader, ['payloads'])) {
    if (!isDrop(event) || common(event, range).length === 0 || dropFault(event)) continue
    const runs = droppedRuns(event).flatMap((run) => common(run, range))
    if (runs.length > 0) yield { position, runs }
  }
}
