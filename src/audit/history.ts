import { decodePosition, rowKey, streamKey } from '../ledger/layout.ts'
import { readRecord, restoreEvent } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { type Recorded, streamOf } from '../oauth/events.ts'
import { hashToken, isToken, type TokenKind } from '../oauth/token-format.ts'
import { historyRowPrefix, tokenRowKey, usernameRowKey } from '../projections/rows.ts'

const codec = { encode: encodeEvent, decode: decodeEvent }
const tokenKinds: readonly TokenKind[] = ['access', 'refresh', 'code', 'session']

/** Whose history is asked for. */
export type HistorySubject =
  /** The text of an access token, refresh token, code or session cookie, live or not. */
  | { token: string }
  | { grant: string }
  /** A user who was not removed. */
  | { username: string }
  | { subject: string }
  | { client: string }

/**
 * All events of a grant, a user or a client, in the order of the log: for a user the registration, sessions,
 * consents and grants, for a client the registrations and grants. Undefined where the log knows of none.
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
  return readPositions(reader, positions)
}

async function* readPositions(reader: StorageReader, positions: readonly number[]): AsyncGenerator<Recorded> {
  for (const position of positions)
    yield await restoreEvent(reader, codec, (await readRecord(reader, position)).record)
}

async function positionsOf(reader: StorageReader, about: HistorySubject): Promise<number[]> {
  if ('token' in about) {
    const stream = await streamOfToken(reader, about.token)
    return stream === undefined ? [] : positionsOfStream(reader, stream)
  }
  if ('grant' in about) return positionsOfStream(reader, streamOf.grant(about.grant))
  if ('client' in about)
    return [
      ...(await positionsOfStream(reader, streamOf.client(about.client))),
      ...(await positionsOfRows(reader, 'c', about.client)),
    ]
  const subject = 'subject' in about ? about.subject : await subjectOf(reader, about.username)
  if (subject === undefined) return []
  return [
    ...(await positionsOfStream(reader, streamOf.user(subject))),
    ...(await positionsOfRows(reader, 'u', subject)),
  ]
}

/** The stream of the grant or session that a token belongs to. */
export async function streamOfToken(reader: StorageReader, token: string): Promise<string | undefined> {
  if (!tokenKinds.some((kind) => isToken(kind, token))) return undefined
  return (await reader.get(rowKey(tokenRowKey(hashToken(token)))))?.toString()
}

export const subjectOf = async (reader: StorageReader, username: string): Promise<string | undefined> =>
  (await reader.get(rowKey(usernameRowKey(username.normalize('NFC')))))?.toString()

async function positionsOfStream(reader: StorageReader, stream: string): Promise<number[]> {
  const positions: number[] = []
  const range = { gte: streamKey(stream, 0), lt: streamKey(stream, 0xffff_ffff) }
  for await (const [, value] of reader.entries(range)) positions.push(decodePosition(value))
  return positions
}

/** Of every stream whose first event is in the history rows, all events. */
async function positionsOfRows(reader: StorageReader, kind: 'c' | 'u', id: string): Promise<number[]> {
  const prefix = rowKey(historyRowPrefix(kind, id))
  const range = { gte: prefix, lt: Buffer.concat([prefix.subarray(0, -1), Buffer.of(1)]) }
  const positions: number[] = []
  for await (const [key] of reader.entries(range)) {
    // A name may hold the byte 00 itself; only eight bytes behind it are a position.
    if (key.length !== prefix.length + 8) continue
    const { record: first } = await readRecord(reader, decodePosition(key, prefix.length))
    for (const position of await positionsOfStream(reader, first.stream)) positions.push(position)
  }
  return positions
}
