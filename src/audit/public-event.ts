/**
 * The stable public form of an event: what every audit output shows, one JSON object an event.
 *
 *     {"position": 9, "time": "2026-11-02T10:15:00.123Z", "type": "token.issued", "stream": "grant:...",
 *      "version": 2, ... the event's own fields, in the order of its record}
 *
 * Hashes are base64url, times of the fields are seconds since 1970, what does not apply is null, or left out where
 * the table calls it optional. Fields are only ever added, at the end. Hashes of passwords and secrets never appear;
 * what names a person (`username`, `address`, `userAgent`; of a user `claims`, an object) only where disclosed, and only
 * while it is not erased.
 */
import { type EventType, eventLayouts, type Recorded } from '../oauth/events.ts'

export interface PublicEvent {
  position: number
  /** ISO 8601, UTC, with milliseconds. */
  time: string
  type: EventType
  stream: string
  version: number
  [field: string]: unknown
}

export interface Disclosure {
  /** Shows what names a person. */
  disclose?: boolean
}

/** The fields of side records that may be shown; all others are secrets. */
const personal: ReadonlySet<string> = new Set(['username', 'address', 'userAgent', 'claims'])

export function publicEvent(recorded: Recorded, { disclose = false }: Disclosure = {}): PublicEvent {
  const { position, timeMs, stream, version, event } = recorded
  const result: PublicEvent = {
    position,
    time: new Date(timeMs).toISOString(),
    type: event.type,
    stream,
    version,
  }
  const fields = event as unknown as Record<string, unknown>
  for (const column of eventLayouts[event.type].fields) {
    const name = /^\w+/.exec(column)![0]
    if (fields[name] !== undefined || !column.endsWith('?')) result[name] = fields[name] ?? null
  }
  if (disclose) Object.assign(result, personalFields(recorded))
  return result
}

/** What names a person in the event's side record, as far as it is still there. */
export function personalFields({ event }: Recorded): Record<string, unknown> {
  const side = 'side' in event ? (event.side as Record<string, unknown>) : {}
  return Object.fromEntries(
    Object.entries(side).filter(([name, value]) => personal.has(name) && value !== undefined),
  )
}
