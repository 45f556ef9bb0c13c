/** Where a user's side records lie, for who erases them and for who checks that they are gone. */
import { decodePosition, rowKey, streamKey } from '../ledger/layout.ts'
import { readRecord } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { streamOf } from '../oauth/events.ts'
import { historyRowPrefix } from './rows.ts'

/**
 * Of the annex' names; the subject follows. An erasure that is under way: its event is stored, and what comes after
 * it may not be done. The value is the name of the stream of failed logins, which names nobody; empty without one.
 */
export const erasingPrefix = 'erasing/'

/**
 * Positions of whatever has a side record that is the person's, or had one: registration, sessions, failed logins.
 *
 * @param attempts name of the stream of failed logins, where it is known
 * @throws LedgerError damaged or unavailable
 */
export async function personalSides(
  reader: StorageReader,
  subject: string,
  attempts?: string,
): Promise<number[]> {
  const positions: number[] = []
  for (const stream of [streamOf.user(subject), ...(attempts ? [attempts] : [])])
    for await (const [, position] of reader.entries({
      gte: streamKey(stream, 0),
      lt: streamKey(stream, 0xffff_ffff),
    }))
      positions.push(decodePosition(position))
  const prefix = rowKey(historyRowPrefix('u', subject))
  for await (const [key] of reader.entries({
    gte: prefix,
    lt: Buffer.concat([prefix, Buffer.alloc(9, 0xff)]),
  }))
    if (key.length === prefix.length + 8) positions.push(decodePosition(key, prefix.length))
  const committed: number[] = []
  for (const position of positions)
    if ((await readRecord(reader, position)).record.commitment) committed.push(position)
  return committed
}
