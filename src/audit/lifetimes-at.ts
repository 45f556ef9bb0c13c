/** Which grants and sessions may have been valid at a moment, by the rows of their lifetimes and the events behind them. */
import { annexKey, decodePosition } from '../ledger/layout.ts'
import { readRanges, readRecords } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { Range, StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import type { Event } from '../oauth/events.ts'
import {
  type LifeKind,
  lifetimesPlace,
  openRange,
  ownerOf,
  rangesAt,
  readLifeRow,
} from '../projections/lifetimes.ts'

export interface LifetimeQuestion {
  atMs: number
  /** Events that had happened by then. */
  events: number
  /** Only of this user or client, or of who shares a checksum with it. */
  subject?: string | undefined
  client?: string | undefined
  /** Leaves sessions out. */
  grantsOnly: boolean
  /** Goes through the log, as if there were no rows. */
  wholeLog?: boolean | undefined
}

/**
 * Names of their streams, some more than once and some that were over; none that was valid is missing. Time and memory
 * depend on what was valid, and on the events that the rows do not know of yet: those are gone through.
 *
 * @throws LedgerError damaged or unavailable
 */
export async function* streamsAt(reader: StorageReader, question: LifetimeQuestion): AsyncGenerator<string> {
  const { events } = question
  if (events === 0) return
  // Read before the rows: they may be further by now, which takes nothing away that was valid at that moment.
  const stored = question.wholeLog ? undefined : await reader.get(annexKey(lifetimesPlace))
  const place = Math.min(stored ? decodePosition(stored) : 0, events)
  if (place > 0) yield* indexed(reader, question)
  for await (const [, bytes] of readRecords(reader, place, events)) {
    const { stream, type, body } = decodeRecord(bytes)
    if (isAsked(decodeEvent(type, body), question)) yield stream
  }
}

async function* indexed(
  reader: StorageReader,
  { subject, client, grantsOnly, atMs }: LifetimeQuestion,
): AsyncGenerator<string> {
  const atSeconds = Math.floor(atMs / 1000)
  const id = subject ?? client
  const owner = id === undefined ? undefined : ownerOf(id)
  const ofGrants: LifeKind = subject === undefined ? 'c' : 'u'
  const kinds: LifeKind[] = grantsOnly ? [ofGrants] : [ofGrants, 's']
  const ranges: Range[] = []
  for (const kind of kinds) {
    let firstOpen: Buffer | undefined
    for await (const [key] of reader.entries({ ...openRange(kind), limit: 1 })) firstOpen = key
    ranges.push(...rangesAt(kind, atSeconds, owner, firstOpen))
  }
  for await (const entry of readRanges(reader, ranges)) {
    const row = readLifeRow(entry)
    if (row && row.startSeconds <= atSeconds && atSeconds < row.endSeconds) yield row.stream
  }
}

/** Whether something valid begins with the event that may be asked for, and may have lasted until then. */
function isAsked(event: Event, { subject, client, grantsOnly, atMs }: LifetimeQuestion): boolean {
  switch (event.type) {
    case 'session.started':
      return (
        !grantsOnly && event.subject === (subject ?? event.subject) && event.expiresAtSeconds * 1000 > atMs
      )
    case 'token.issued':
      return (
        event.clientId === (client ?? event.clientId) &&
        (subject === undefined || event.subject === subject) &&
        (event.refreshTokenHash !== null || event.accessExpiresAtSeconds * 1000 > atMs)
      )
    default:
      return false
  }
}
