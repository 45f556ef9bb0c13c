/**
 * What the log says that retention dropped. The events stand behind what they name, so they are read first, by the
 * index; each of them is verified as all others when the log is gone through.
 */
import { eventKey, rangeOf, rowKey } from '../ledger/layout.ts'
import { readStream } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { streamOf } from '../oauth/events.ts'
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
interface Drop {
  position: number
  kind: RetentionKind
  timeMs: number
  ageSeconds: number
  /** Position behind the last that went. */
  to: number
}

export class Drops {
  readonly payloads = new PositionSet()
  readonly sides = new PositionSet()
  readonly #drops: Drop[] = []
  /** Digests of dropped streams, ascending, and by place where the events stand that name them. */
  #digests = new BigUint64Array(0)
  #namedAt = new Float64Array(0)

  /** @param faults hears of what cannot be believed @throws LedgerError unavailable */
  static async read(reader: StorageReader, faults?: Faults): Promise<Drops> {
    const drops = new Drops()
    const named: [digest: bigint, position: number][] = []
    for (const kind of ['payloads', 'side_records'] as const) await drops.#read(reader, kind, named, faults)
    named.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    drops.#digests = BigUint64Array.from(named, ([digest]) => digest)
    drops.#namedAt = Float64Array.from(named, ([, position]) => position)
    return drops
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
    for (const { position, kind, timeMs, ageSeconds, to } of this.#drops) {
      const range = { gte: rangeOf('event').gte, lt: eventKey(to), reverse: true, limit: 1 }
      for await (const [, bytes] of reader.entries(range)) {
        const newestMs = timeOf(bytes)
        if (newestMs !== undefined && newestMs > timeMs - ageSeconds * 1000)
          faults.add(
            position,
            'drop_early',
            `the event at ${position} dropped ${kind === 'payloads' ? 'records' : 'side records'} up to position ${to - 1}, which were not ${ageSeconds} s old`,
          )
      }
    }
  }

  async #read(
    reader: StorageReader,
    kind: RetentionKind,
    named: [bigint, number][],
    faults: Faults | undefined,
  ): Promise<void> {
    const covered = kind === 'payloads' ? this.payloads : this.sides
    try {
      for await (const { position, timeMs, event } of readStream(reader, codec, streamOf.retention(kind))) {
        // What breaks a law is told of when the log is gone through.
        if (!isDrop(event) || dropFault(event)) continue
        const runs = droppedRuns(event)
        if (event.to > position || runs.some((run) => covered.hasSome(run))) {
          const why = event.to > position ? 'does not stand before it' : 'was dropped before'
          faults?.add(position, 'drop_malformed', `the event at ${position} drops what ${why}`)
          continue
        }
        for (const run of runs) covered.add(run)
        this.#drops.push({ position, kind, timeMs, ageSeconds: event.ageSeconds, to: event.to })
        if (event.type === 'payloads.dropped')
          for (const digest of digestsOf(event)) named.push([digest, position])
      }
    } catch (error) {
      // A record that is missing or cannot be read is a fault of its own; what it may have said is not believed.
      const { code } = error as { code?: string }
      if (code !== 'damaged' && !(error instanceof RangeError)) throw error
    }
  }
}

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

/** The position of the event that dropped the record at a position; undefined where none did. */
export async function dropOf(reader: StorageReader, position: number): Promise<number | undefined> {
  for await (const drop of readStream(reader, codec, streamOf.retention('payloads')))
    if (
      isDrop(drop.event) &&
      position >= drop.event.from &&
      position < drop.event.to &&
      droppedRuns(drop.event).some(({ from, to }) => position >= from && position < to)
    )
      return drop.position
  return undefined
}
