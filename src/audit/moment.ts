/** Moments as people give them, and where they lie in the log. */
import { eventKey } from '../ledger/layout.ts'
import { logSize } from '../ledger/reader.ts'
import { decodeRecord, type EventRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'

/** A text that is no moment. */
export class MomentError extends Error {
  override readonly name = 'MomentError'
  readonly code = 'malformed'
}

const isoMoment = /^(\d{4})-(\d{2})-(\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/
/** From 1973 on: fewer digits would be seconds or a year, and mean another time than was thought. */
const milliseconds = /^\d{12,15}$/

/**
 * ISO 8601 with a time zone, a date alone being its first moment in UTC; or milliseconds since 1970.
 *
 * @throws MomentError
 */
export function parseMoment(text: string): number {
  if (milliseconds.test(text)) return Number(text)
  const [, year, month, day] = isoMoment.exec(text) ?? []
  const timeMs = year === undefined ? Number.NaN : Date.parse(text)
  // Date.parse takes a 30th of February for the 1st or 2nd of March.
  if (!Number.isNaN(timeMs) && Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate())
    return timeMs
  throw new MomentError(
    `"${text}" is no moment: expected ISO 8601 with a time zone, such as 2026-11-02T10:15:00Z, or milliseconds since 1970`,
  )
}

/**
 * How many events had happened by then, the moment itself included: a few reads, since times never run backwards. Where
 * records were dropped behind the last one that tells its time, those do not count.
 */
export async function eventsUntil(reader: StorageReader, timeMs: number): Promise<number> {
  let before = 0
  let behind = await logSize(reader)
  while (before < behind) {
    const middle = Math.floor((before + behind) / 2)
    const next = await recordFrom(reader, middle, behind)
    if (next && next.timeMs <= timeMs) before = next.position + 1
    else behind = middle
  }
  return before
}

/** The first record from a position on and before another. */
async function recordFrom(reader: StorageReader, from: number, to: number): Promise<EventRecord | undefined> {
  const bytes = await reader.get(eventKey(from))
  if (bytes) return decodeRecord(bytes)
  for await (const [, next] of reader.entries({ gte: eventKey(from), lt: eventKey(to), limit: 1 }))
    return decodeRecord(next)
  return undefined
}
