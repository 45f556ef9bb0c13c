/**
 * Erasure of a user: what names the person goes, the hashed records and all proofs stay.
 *
 * The event, the read-model rows and the side records change in one batch: after a crash there is either all of
 * it or nothing. That LevelDB drops the bytes comes after; dying before that leaves them in its files until the
 * erasure is asked for again.
 */
import { rowKey, sideKey } from '../ledger/layout.ts'
import { type Event, type EventOf, type Recorded, streamOf } from '../oauth/events.ts'
import { stateRowKey, usernameRowKey } from '../projections/rows.ts'
import type { AuthorizationContext } from './context.ts'
import { indexedStreams } from './indexed-streams.ts'

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
  const { ledger, models, now } = context
  const stream = streamOf.user(event.subject)
  const username = models.load('user', stream).state?.username
  const before = await sidesOf(context, event.subject, username)
  const [recorded] = await ledger.append(stream, version, [event as Event], now(), { erase: before })
  // A session that was being started when this began is on disk now; none can start any more.
  await ledger.settled()
  const after = (await sidesOf(context, event.subject, username)).filter(
    (position) => !before.includes(position),
  )
  if (after.length > 0) await ledger.eraseSides(after)
  const keys = [
    ...[...before, ...after].map(sideKey),
    rowKey(stateRowKey(stream)),
    ...(username === undefined ? [] : [rowKey(usernameRowKey(username))]),
  ]
  // The event stands whatever becomes of this.
  const isForgotten = await ledger.storage.forget(keys).catch(() => false)
  return { recorded: recorded!, isForgotten }
}

/** Positions of whatever has a side record that is the person's, or had one: registration, sessions, failed logins. */
async function sidesOf(
  context: AuthorizationContext,
  subject: string,
  username: string | undefined,
): Promise<number[]> {
  const positions = sidesOfStream(context, streamOf.user(subject))
  if (username !== undefined)
    positions.push(...sidesOfStream(context, context.limits.streamOf('user', username)))
  for await (const record of indexedStreams(context, 'u', subject))
    if (record.commitment) positions.push(record.position)
  return positions
}

/** Positions in a stream whose events have a side record, or had one. */
export function sidesOfStream({ ledger }: AuthorizationContext, stream: string): number[] {
  const positions: number[] = []
  for (let version = 0, record = ledger.record(stream, 0); record; record = ledger.record(stream, ++version))
    if (record.commitment) positions.push(record.position)
  return positions
}
