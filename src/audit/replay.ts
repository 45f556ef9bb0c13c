/** The log as a stream of events in their public form, in memory that does not grow with it. */
import { LedgerError } from '../ledger/errors.ts'
import { leafReader, logSize, readRecords, readSide } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import { Drops } from './drops.ts'
import { eventsUntil } from './moment.ts'
import { type Disclosure, type PublicEvent, publicEvent } from './public-event.ts'

export interface ReplayOptions extends Disclosure {
  /** First position; 0 where left out. */
  from?: number | undefined
  /** Last moment; the end of the log, as it is now, where left out. */
  untilMs?: number | undefined
}

/** The place of an event whose record the retention policy dropped. */
export interface DroppedEvent {
  position: number
  /** base64: all that is left of it. */
  leafHash: string
  dropped: true
}

/**
 * The events in the order of the log. Nothing is verified but that none is left out without an event that says so.
 *
 * @throws LedgerError damaged, where a record is missing or cannot be read; unavailable
 */
export async function* replay(
  reader: StorageReader,
  { from = 0, untilMs, disclose = false }: ReplayOptions = {},
): AsyncGenerator<PublicEvent | DroppedEvent> {
  const { payloads } = await Drops.read(reader)
  const to = untilMs === undefined ? await logSize(reader) : await eventsUntil(reader, untilMs)
  const leafAt = leafReader(reader)
  const dropped = async (position: number): Promise<DroppedEvent> => {
    const leafHash = (await leafAt(position)).toString('base64')
    return { position, leafHash, dropped: true }
  }
  let expected = from
  for await (const [position, bytes] of readRecords(reader, from, to)) {
    for (; expected < position && payloads.has(expected); expected++) yield await dropped(expected)
    if (position !== expected) break
    const record = decodeRecord(bytes)
    // Side records are read only where they are shown: each is a read of its own.
    const side = disclose && record.commitment ? await readSide(reader, position) : undefined
    yield publicEvent({ ...record, event: decodeEvent(record.type, record.body, side) }, { disclose })
    expected++
  }
  for (; expected < to && payloads.has(expected); expected++) yield await dropped(expected)
  if (expected < to) throw new LedgerError('damaged', `the record at position ${expected} is missing`)
}
