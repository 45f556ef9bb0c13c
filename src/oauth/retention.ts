/** What retention has dropped, of payloads or of side records: the fold of the events that say so. */
import { hash } from 'node:crypto'
import { countOf, decodeRuns, encodeRuns, type PositionRun, runsOf } from './dropped-positions.ts'
import type { EventOf, Recorded } from './events.ts'

export type RetentionKind = 'payloads' | 'side_records'

export interface Retention {
  /** Records, or side records. */
  count: number
  /** Streams whose payloads went; 0 for side records. */
  streams: number
  /** All of it was of streams that were over before this time. */
  endedBeforeSeconds: number
}

export type DropEvent = EventOf<'payloads.dropped'> | EventOf<'side_records.dropped'>

export function evolveRetention(
  state: Retention | undefined,
  { event, timeMs }: Recorded,
): Retention | undefined {
  if (!isDrop(event)) return state
  const before = state ?? { count: 0, streams: 0, endedBeforeSeconds: 0 }
  return {
    count: before.count + event.count,
    streams: before.streams + (event.type === 'payloads.dropped' ? digestsOf(event).length : 0),
    endedBeforeSeconds: Math.max(
      before.endedBeforeSeconds,
      Math.ceil(timeMs / 1000) - Math.min(event.ageSeconds, Math.ceil(timeMs / 1000)),
    ),
  }
}

export const isDrop = (event: { type: string }): event is DropEvent =>
  event.type === 'payloads.dropped' || event.type === 'side_records.dropped'

/** Begins SHA-256 of the stream's name: whoever knows the name can tell whether the stream was dropped. */
export const streamDigest = (stream: string): bigint => hash('sha256', stream, 'buffer').readBigUInt64BE(0)
const digestBytes = 8

const described = (positions: readonly number[]) => ({
  from: positions[0]!,
  to: positions.at(-1)! + 1,
  count: positions.length,
  positions: encodeRuns(runsOf(positions)),
})

/** @param positions ascending, at least one */
export const payloadsDropped = (
  positions: readonly number[],
  streams: readonly string[],
  ageSeconds: number,
): EventOf<'payloads.dropped'> => {
  const digests = BigUint64Array.from(streams, streamDigest).sort()
  const bytes = Buffer.alloc(digests.length * digestBytes)
  for (const [i, digest] of digests.entries()) bytes.writeBigUInt64BE(digest, i * digestBytes)
  return {
    type: 'payloads.dropped',
    ...described(positions),
    ageSeconds,
    streams: bytes.toString('base64url'),
  }
}

/** @param positions ascending, at least one */
export const sideRecordsDropped = (
  positions: readonly number[],
  ageSeconds: number,
): EventOf<'side_records.dropped'> => ({
  type: 'side_records.dropped',
  ...described(positions),
  ageSeconds,
})

/** @throws RangeError where the event contradicts itself */
export function droppedRuns({ from, to, count, positions }: DropEvent): PositionRun[] {
  const runs = decodeRuns(positions)
  if (runs[0]?.from !== from || runs.at(-1)?.to !== to || countOf(runs) !== count)
    throw new RangeError('the list of positions is not the one that the event sums up')
  return runs
}

/** What is wrong with the event by itself. */
export function dropFault(event: DropEvent): string | undefined {
  try {
    droppedRuns(event)
  } catch (error) {
    return (error as Error).message
  }
  if (event.type !== 'payloads.dropped') return undefined
  const digests = digestsOf(event)
  const isWhole = Buffer.from(event.streams, 'base64url').length === digests.length * digestBytes
  const isAscending = digests.every((digest, i) => i === 0 || digests[i - 1]! <= digest)
  return isWhole && isAscending && digests.length > 0 && digests.length <= event.count
    ? undefined
    : 'the list of streams is malformed'
}

/** Digests of the names of the streams, in stored order. */
export function digestsOf({ streams }: EventOf<'payloads.dropped'>): bigint[] {
  const bytes = Buffer.from(streams, 'base64url')
  const digests: bigint[] = []
  for (let at = 0; at + digestBytes <= bytes.length; at += digestBytes)
    digests.push(bytes.readBigUInt64BE(at))
  return digests
}
