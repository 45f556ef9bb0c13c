/**
 * The durable read models: rows written in the batch of the event they follow from. Deleting them all and
 * replaying the log gives the same bytes again.
 *
 *     s stream                      state of the stream: version(4), then the state
 *     t SHA-256(32)                 stream of the grant, session or pushed request that a code, token, cookie or request URI belongs to
 *     u SHA-256(username)           subject; a key may outlive its row inside LevelDB, so it holds no name
 *     h c client 00 position(8)     first events of the grants of a client
 *     h u subject 00 position(8)    first events of the grants, sessions and consents of a user
 *     h s session 00 position(8)    first events of the grants that were given in a session
 *     e seconds(4) session          when a session that has not ended will be over
 */
import { hash as digest } from 'node:crypto'
import type { Projection, Rows } from '../ledger/codec.ts'
import { evolveClient } from '../oauth/client.ts'
import { evolveAssertion } from '../oauth/client-assertion.ts'
import { evolveConsent } from '../oauth/consent.ts'
import { type Event, hashesOf, type Recorded } from '../oauth/events.ts'
import { evolveFailedAttempts } from '../oauth/failed-attempts.ts'
import { evolveGrant } from '../oauth/grant.ts'
import { readHash } from '../oauth/hash-text.ts'
import { evolveInvitation } from '../oauth/invitation.ts'
import { evolvePushedRequest } from '../oauth/pushed-request.ts'
import { evolveRetention } from '../oauth/retention.ts'
import { evolveServer } from '../oauth/server.ts'
import { evolveSession } from '../oauth/session.ts'
import { evolveSigningKey } from '../oauth/signing-key.ts'
import { evolveUser } from '../oauth/user.ts'
import { type States, type StreamKind, stateCodecs } from './state-codec.ts'

/** A stream's state and its version, the number of events it is folded from. */
export interface Loaded<S> {
  state: S | undefined
  version: number
}

/** Of a stream of any kind. */
export type AnyLoaded = Loaded<States[StreamKind]>

export const evolvers: {
  readonly [K in StreamKind]: (state: States[K] | undefined, recorded: Recorded) => States[K] | undefined
} = {
  server: evolveServer,
  retention: evolveRetention,
  client: evolveClient,
  invitation: evolveInvitation,
  assertion: evolveAssertion,
  user: evolveUser,
  session: evolveSession,
  consent: evolveConsent,
  grant: evolveGrant,
  signing_key: evolveSigningKey,
  attempts: evolveFailedAttempts,
  par: evolvePushedRequest,
}

/** By what their names begin with, the frequent ones first. */
const streamKinds = (['grant', 'session', ...Object.keys(evolvers)] as StreamKind[]).map(
  (kind) => [`${kind}:`, kind] as const,
)

export function kindOfStream(stream: string): StreamKind {
  for (const [beginning, kind] of streamKinds) if (stream.startsWith(beginning)) return kind
  return stream.slice(0, stream.indexOf(':')) as StreamKind
}

export const stateRowKey = (stream: string): Buffer => Buffer.from(`s${stream}`)
export const usernameRowKey = (username: string): Buffer =>
  Buffer.concat([Buffer.from('u'), digest('sha256', username, 'buffer')])
/** Of a client, a user, a session. */
export type HistoryKind = 'c' | 'u' | 's'
export const historyRowPrefix = (kind: HistoryKind, id: string): Buffer => Buffer.from(`h${kind}${id}\0`)

/** @param hash base64url of a SHA-256 */
export function tokenRowKey(hash: string): Buffer {
  const key = Buffer.allocUnsafe(33)
  key[0] = 0x74
  if (!readHash(hash, key, 1)) key.write(hash, 1, 'base64url')
  return key
}

export const expiryRowPrefix: Buffer = Buffer.from('e')

function expiryRowKey(expiresAtSeconds: number, id: string): Buffer {
  const key = Buffer.alloc(5 + Buffer.byteLength(id))
  expiryRowPrefix.copy(key)
  key.writeUInt32BE(expiresAtSeconds, 1)
  key.write(id, 5)
  return key
}

export const sessionOfExpiryRow = (key: Buffer): { id: string; expiresAtSeconds: number } => ({
  expiresAtSeconds: key.readUInt32BE(1),
  id: key.toString('utf8', 5),
})

const idOf = (stream: string): string => stream.slice(stream.indexOf(':') + 1)

export function encodeLoaded<K extends StreamKind>(kind: K, state: States[K], version: number): Buffer {
  const row = stateCodecs[kind].encode(state, 4)
  row.writeUInt32BE(version)
  return row
}

export function decodeLoaded<K extends StreamKind>(kind: K, row: Buffer | undefined): Loaded<States[K]> {
  return row
    ? { state: stateCodecs[kind].decode(row.subarray(4)), version: row.readUInt32BE() }
    : { state: undefined, version: 0 }
}

/** One step of the fold, live, in the cache and in replay alike. */
export function evolveLoaded<K extends StreamKind>(
  kind: K,
  before: Loaded<States[K]>,
  recorded: Recorded,
): Loaded<States[K]> {
  return { state: evolvers[kind](before.state, recorded), version: recorded.version + 1 }
}

/** The row of a stream's state; undefined where it has none. */
export function stateRow(stream: string, loaded: AnyLoaded): [key: Buffer, value: Buffer] | undefined {
  const { state, version } = loaded
  return state && [stateRowKey(stream), encodeLoaded<StreamKind>(kindOfStream(stream), state, version)]
}

type RowChanges = Pick<Rows, 'put' | 'del'>

function putHistory(rows: RowChanges, kind: HistoryKind, id: string, position: number): void {
  const prefix = historyRowPrefix(kind, id)
  const key = Buffer.allocUnsafe(prefix.length + 8)
  prefix.copy(key)
  key.writeBigUInt64BE(BigInt(position), prefix.length)
  rows.put(key, empty)
}
const empty = Buffer.alloc(0)

function projectUsername(event: Event, user: States['user'] | undefined, rows: RowChanges): void {
  // The name of a user who was removed before may have been given to another one since.
  const present = user?.removed ? undefined : user?.username
  switch (event.type) {
    case 'user.registered':
    case 'user.password_changed':
    case 'user.linked': {
      const { username } = event.side
      if (event.type === 'user.linked' && present !== undefined && present !== username)
        rows.del(usernameRowKey(present))
      if (username !== undefined && username !== present)
        rows.put(usernameRowKey(username), Buffer.from(event.subject))
      return
    }
    case 'user.removed':
    case 'user.erased':
    case 'user.unlinked':
      if (present !== undefined) rows.del(usernameRowKey(present))
  }
}

/**
 * All that one event puts and takes away but the row of its stream's state. Nothing is put twice: what stands once,
 * stands until it is taken away.
 */
export function projectIndexRows(recorded: Recorded, before: AnyLoaded, rows: RowChanges): void {
  const { event, stream, position, version } = recorded
  for (const hash of hashesOf(event)) if (hash !== null) rows.put(tokenRowKey(hash), Buffer.from(stream))

  if (event.type === 'session.started') rows.put(expiryRowKey(event.expiresAtSeconds, idOf(stream)), empty)
  if (event.type === 'session.ended' && before.state)
    rows.del(expiryRowKey((before.state as States['session']).expiresAtSeconds, idOf(stream)))

  projectUsername(event, before.state as States['user'] | undefined, rows)

  // The user of a device comes to its grant later than its client.
  if (event.type === 'device_code.approved') putHistory(rows, 'u', event.subject, position)
  if (version === 0) {
    const kind = kindOfStream(stream)
    if ('clientId' in event && kind === 'grant') putHistory(rows, 'c', event.clientId, position)
    if ('session' in event && event.session !== undefined) putHistory(rows, 's', event.session, position)
    if ('subject' in event && kind !== 'user' && event.subject !== null)
      putHistory(rows, 'u', event.subject, position)
  }
}

/**
 * All durable read models of one event.
 *
 * What is handed on is the stream's state as `Loaded`. Read is it where none is handed in, or that of another version.
 */
export const projectRows: Projection<Event> = (recorded, rows, handed) => {
  const known = handed as AnyLoaded | undefined
  const { stream, version } = recorded
  const kind = kindOfStream(stream)
  const before =
    known?.version === version
      ? known
      : decodeLoaded(kind, version === 0 ? undefined : rows.get(stateRowKey(stream)))
  const after = evolveLoaded<StreamKind>(kind, before, recorded)
  const row = stateRow(stream, after)
  if (row) rows.put(...row)
  projectIndexRows(recorded, before, rows)
  return after
}
