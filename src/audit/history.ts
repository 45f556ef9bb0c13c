import { decodePosition, rowKey } from '../ledger/layout.ts'
import {
  positionsOfStream,
  rangeOfStream,
  readEventsAt,
  readRanges,
  readRecord,
  readRecordsAt,
  restoreEvent,
} from '../ledger/reader.ts'
import type { EventRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { type Recorded, streamOf } from '../oauth/events.ts'
import { historyRowPrefix, tokenRowKey } from '../projections/rows.ts'
import { hashOfToken } from './token-hash.ts'
import { bearersOf, subjectOf } from './user-names.ts'

const codec = { encode: encodeEvent, decode: decodeEvent }
/** Streams that are asked for at a time. */
const streamsAtOnce = 256

/** Whose history is asked for. */
export type HistorySubject =
  /** The text of an access token, refresh token, code or session cookie, live or not. */
  | { token: string }
  | { grant: string }
  /** A session, with the grants that were approved in it. */
  | { session: string }
  /** Any stream by its name, such as `consent:<subject>:<client>`. */
  | { stream: string }
  /** The user who bears the name; where nobody does, all who bore it and were not erased. */
  | { username: string }
  | { subject: string }
  | { client: string }

/**
 * All events of a stream, a session, a user or a client, in the order of the log: for a user the registration,
 * sessions, consents and grants, for a client the registrations and grants. Undefined where the log knows of none.
 *
 * @throws LedgerError damaged, where an index row leads to no record; unavailable
 */
export async function historyOf(
  reader: StorageReader,
  about: HistorySubject,
): Promise<AsyncGenerator<Recorded> | undefined> {
  const positions = await positionsOf(reader, about)
  if (positions.length === 0) return undefined
  positions.sort((a, b) => a - b)
  return readEventsAt(reader, codec, positions)
}

async function positionsOf(reader: StorageReader, about: HistorySubject): Promise<number[]> {
  if ('token' in about) {
    const hash = await hashOfToken(reader, about.token)
    const stream = hash === undefined ? undefined : await streamOfTokenHash(reader, hash)
    return stream === undefined ? [] : positionsOfStream(reader, stream)
  }
  if ('grant' in about) return positionsOfStream(reader, streamOf.grant(about.grant))
  if ('stream' in about) return positionsOfStream(reader, about.stream)
  if ('session' in about) return positionsOfSession(reader, about.session)
  if ('client' in about)
    return [
      ...(await positionsOfStream(reader, streamOf.client(about.client))),
      ...(await positionsOfRows(reader, 'c', about.client)),
    ]
  const positions: number[] = []
  for (const subject of 'subject' in about ? [about.subject] : await subjectsOf(reader, about.username))
    positions.push(
      ...(await positionsOfStream(reader, streamOf.user(subject))),
      ...(await positionsOfRows(reader, 'u', subject)),
    )
  return positions
}

async function subjectsOf(reader: StorageReader, username: string): Promise<string[]> {
  const present = await subjectOf(reader, username)
  if (present !== undefined) return [present]
  const former: string[] = []
  for await (const subject of bearersOf(reader, username)) former.push(subject)
  return former
}

/** The stream of the grant or session that a token belongs to, by SHA-256 of the token, base64url. */
export const streamOfTokenHash = async (reader: StorageReader, hash: string): Promise<string | undefined> =>
  (await reader.get(rowKey(tokenRowKey(hash))))?.toString()

async function positionsOfSession(reader: StorageReader, session: string): Promise<number[]> {
  const own = await positionsOfStream(reader, streamOf.session(session))
  if (own[0] === undefined) return []
  const { event } = await restoreEvent(reader, codec, (await readRecord(reader, own[0])).record)
  if (event.type !== 'session.started') return own
  const isOfSession = (first: EventRecord) => {
    const event = decodeEvent(first.type, first.body)
    return event.type === 'code.issued' && event.session === session
  }
  return [...own, ...(await positionsOfRows(reader, 'u', event.subject, isOfSession))]
}

/** Of every stream whose first event is in the history rows and wanted, all events. */
async function positionsOfRows(
  reader: StorageReader,
  kind: 'c' | 'u',
  id: string,
  isWanted: (first: EventRecord) => boolean = () => true,
): Promise<number[]> {
  const prefix = rowKey(historyRowPrefix(kind, id))
  const range = { gte: prefix, lt: Buffer.concat([prefix.subarray(0, -1), Buffer.of(1)]) }
  const firsts: number[] = []
  // A name may hold the byte 00 itself; only eight bytes behind it are a position.
  for await (const [key] of reader.entries(range))
    if (key.length === prefix.length + 8) firsts.push(decodePosition(key, prefix.length))
  const positions: number[] = []
  for (let at = 0; at < firsts.length; at += streamsAtOnce) {
    const begun = (await readRecordsAt(reader, firsts.slice(at, at + streamsAtOnce))).filter(isWanted)
    for await (const [, value] of readRanges(
      reader,
      begun.map(({ stream }) => rangeOfStream(stream)),
    ))
      positions.push(decodePosition(value))
  }
  return positions
}
