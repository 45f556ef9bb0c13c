/**
 * Erasure of a user: what names the person goes, the hashed records and all proofs stay.
 *
 * The event, the read-model rows, the side records and a note in the annex that the erasure is under way change in
 * one batch: after a crash there is either all of it or nothing. What comes after, side records that were being
 * written at that moment and the bytes in LevelDB's files, is done before the note goes. Dying before that leaves
 * the note, and the next opening does the same again (`finishErasures`).
 */
import { deleteAnnex, listAnnex } from '../ledger/annex.ts'
import { annexKey, rowKey, sideKey } from '../ledger/layout.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Event, type EventOf, type Recorded, streamOf } from '../oauth/events.ts'
import { erasingPrefix, personalSides } from '../projections/personal-sides.ts'
import { stateRowKey, usernameRowKey } from '../projections/rows.ts'
import type { AuthorizationContext } from './context.ts'

export interface Erasure {
  recorded: Recorded
  /** Whether the bytes are gone from the ledger's files; false where a long read still holds them, or rewriting failed. */
  isForgotten: boolean
}

/** @throws LedgerError conflict or unavailable */
export async function eraseUser(
  context: AuthorizationContext,
  event: EventOf<'user.erased'>,
  version: number,
): Promise<Erasure> {
  const { ledger, limits, models, now } = context
  const stream = streamOf.user(event.subject)
  const username = models.load('user', stream).state?.username
  const note = erasingPrefix + event.subject
  const attempts =
    username === undefined
      ? ledger.storage.get(annexKey(note))?.toString()
      : limits.streamOf('user', username)
  const [recorded] = await ledger.append(stream, version, [event as Event], now(), {
    erase: await personalSides(ledger.storage, event.subject, attempts),
    annex: { [note]: Buffer.from(attempts ?? '') },
  })
  // A session that was being started when this began is on disk now; none can start any more.
  await ledger.settled()
  // The event stands whatever becomes of this.
  const isForgotten = await finish(ledger, event.subject, attempts, username).catch(() => false)
  return { recorded: recorded!, isForgotten }
}

/** Positions in a stream whose events have a side record, or had one. */
export function sidesOfStream({ ledger }: AuthorizationContext, stream: string): number[] {
  const positions: number[] = []
  for (let version = 0, record = ledger.record(stream, 0); record; record = ledger.record(stream, ++version))
    if (record.commitment) positions.push(record.position)
  return positions
}

/**
 * Does what is left of erasures that a death or a failing disk cut off, before anything is served.
 *
 * @throws LedgerError unavailable
 */
export async function finishErasures(ledger: Ledger<Event>): Promise<void> {
  const left: [subject: string, attempts: string][] = []
  for await (const [name, attempts] of listAnnex(ledger.storage, erasingPrefix))
    left.push([name.slice(erasingPrefix.length), attempts.toString()])
  for (const [subject, attempts] of left) await finish(ledger, subject, attempts, undefined)
}

/** @returns whether nothing is left in the files; then the note goes */
async function finish(
  ledger: Ledger<Event>,
  subject: string,
  attempts: string | undefined,
  username: string | undefined,
): Promise<boolean> {
  const { storage } = ledger
  const positions = await personalSides(storage, subject, attempts)
  const remaining = positions.filter((position) => storage.get(sideKey(position)))
  if (remaining.length > 0) await ledger.eraseSides(remaining)
  const usernames = username === undefined ? everyUsername : [usernameRowKey(username)]
  const rows = [stateRowKey(streamOf.user(subject)), ...usernames]
  const isForgotten = await storage.forget([...positions.map(sideKey), ...rows.map(rowKey)])
  if (isForgotten) await deleteAnnex(storage, erasingPrefix + subject)
  return isForgotten
}

/** The first and the last key that the row of a name could have: the name itself is no longer known. */
const everyUsername = [0x00, 0xff].map((byte) => {
  const key = usernameRowKey('')
  return key.fill(byte, 1)
})
