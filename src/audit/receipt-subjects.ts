import { readStream } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { type Event, hashesOf, type Recorded, streamOf } from '../oauth/events.ts'
import { streamOfTokenHash } from './history.ts'
import { hashOfToken } from './token-hash.ts'

const codec = { encode: encodeEvent, decode: decodeEvent }

export interface TokenEvents {
  /** Whose token it is; undefined for the cookie of a session. */
  client: { clientId: string; clientVersion: number } | undefined
  issued: number
  /** What ended it, as far as it has ended before its time: rotation, revocation, removal of its client or user. */
  ended: number[]
}

/** Undefined for what is no token of this ledger. @throws LedgerError damaged, unavailable */
export const eventsOfToken = async (
  reader: StorageReader,
  token: string,
): Promise<TokenEvents | undefined> => {
  const hash = await hashOfToken(reader, token)
  return hash === undefined ? undefined : eventsOfTokenHash(reader, hash)
}

/** The same by SHA-256 of the token, base64url. @throws LedgerError damaged, unavailable */
export async function eventsOfTokenHash(
  reader: StorageReader,
  hash: string,
): Promise<TokenEvents | undefined> {
  const stream = await streamOfTokenHash(reader, hash)
  if (stream === undefined) return undefined
  let issued: Recorded | undefined
  let first: Recorded | undefined
  let isReplaced = false
  const ended: number[] = []
  for await (const recorded of readStream(reader, codec, stream)) {
    first ??= recorded
    if (!issued) {
      if (hashesOf(recorded.event).includes(hash)) issued = recorded
    } else if (endsGrant(recorded.event) || (!isReplaced && replaces(issued.event, recorded.event))) {
      isReplaced ||= !endsGrant(recorded.event)
      ended.push(recorded.position)
    }
  }
  if (!first || !issued) return undefined
  const removed = await Promise.all([removalOfClient(reader, first), removalOfUser(reader, first)])
  for (const position of removed)
    if (position !== undefined && position > issued.position) ended.push(position)
  const { event } = first
  return {
    client:
      'clientVersion' in event ? { clientId: event.clientId, clientVersion: event.clientVersion } : undefined,
    issued: issued.position,
    ended: ended.sort((a, b) => a - b),
  }
}

const endsGrant = ({ type }: Event): boolean => type === 'grant.revoked' || type === 'session.ended'

/** Rotation ends the tokens before it, its first use a code. */
const replaces = (issued: Event, { type }: Event): boolean =>
  issued.type === 'code.issued' ? type === 'code.redeemed' : type === 'token.refreshed'

async function removalOfClient(reader: StorageReader, { event }: Recorded): Promise<number | undefined> {
  if (!('clientVersion' in event)) return undefined
  for await (const { position, version, event: later } of readStream(
    reader,
    codec,
    streamOf.client(event.clientId),
  ))
    if (version > event.clientVersion && later.type === 'client.removed') return position
  return undefined
}

async function removalOfUser(reader: StorageReader, { event }: Recorded): Promise<number | undefined> {
  if (!('subject' in event) || event.subject === null) return undefined
  for await (const { position, event: later } of readStream(reader, codec, streamOf.user(event.subject)))
    if (later.type !== 'user.registered') return position
  return undefined
}
