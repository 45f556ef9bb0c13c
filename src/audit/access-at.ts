/**
 * Who held valid access at a moment: each stream folded as far as it had come by then, by the same `evolve` as
 * live, and the same rule for what is live. By index where a user or a client is given; else the log is gone
 * through up to that moment. Nothing is verified here; `verify.ts` does that.
 */
import QuickLRU from 'quick-lru'
import { LedgerError } from '../ledger/errors.ts'
import { decodePosition, eventKey, rowKey, streamKey } from '../ledger/layout.ts'
import { readRecords } from '../ledger/reader.ts'
import { decodeRecord, type EventRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import { type Event, type GrantType, streamOf } from '../oauth/events.ts'
import type { Grant } from '../oauth/grant.ts'
import { liveToken } from '../oauth/introspection.ts'
import { isSessionLive, type Session } from '../oauth/session.ts'
import { evolveLoaded, historyRowPrefix, kindOfStream, type Loaded } from '../projections/rows.ts'
import type { States, StreamKind } from '../projections/state-codec.ts'
import { subjectOf } from './history.ts'
import { eventsUntil } from './moment.ts'

export interface AccessQuestion {
  atMs: number
  /** Only of this user, by subject. */
  subject?: string | undefined
  client?: string | undefined
  scope?: string | undefined
}

/** A token that was valid. */
export interface HeldAccess {
  kind: 'access' | 'refresh'
  /** base64url of the SHA-256 of the token. */
  tokenHash: string
  /** Stream of its grant. */
  stream: string
  clientId: string
  /** The resource owner; null where the client acted for itself. */
  subject: string | null
  scopes: string[]
  grantType: GrantType
  /** The browser session that it was given in; null where there was none. */
  session: string | null
  issuedAtSeconds: number
  expiresAtSeconds: number
}

export interface AccessAnswer {
  /** ISO 8601. */
  at: string
  /** Number of events that had happened by then. */
  events: number
  access: HeldAccess[]
  /** Sessions that were valid; where a client or a scope is asked for, those that the access was given in. */
  sessions: Session[]
}

/** States that many grants share: clients and users. */
const keptStates = 10_000

/** @throws LedgerError damaged or unavailable */
export async function accessAt(reader: StorageReader, question: AccessQuestion): Promise<AccessAnswer> {
  const events = await eventsUntil(reader, question.atMs)
  const past = new Past(reader, events, question.atMs)
  const answer: AccessAnswer = { at: new Date(question.atMs).toISOString(), events, access: [], sessions: [] }
  const isOfGrants = question.client !== undefined || question.scope !== undefined
  for await (const stream of past.streams(question)) {
    if (kindOfStream(stream) === 'grant') answer.access.push(...(await past.access(stream, question)))
    else if (!isOfGrants) answer.sessions.push(...(await past.session(stream)))
  }
  if (isOfGrants)
    for (const id of new Set(answer.access.map(({ session }) => session)))
      if (id !== null) answer.sessions.push(...(await past.session(streamOf.session(id))))
  return answer
}

class Past {
  readonly #reader: StorageReader
  readonly #events: number
  readonly #atMs: number
  readonly #shared = new QuickLRU<string, Loaded<States[StreamKind]>>({ maxSize: keptStates })

  constructor(reader: StorageReader, events: number, atMs: number) {
    this.#reader = reader
    this.#events = events
    this.#atMs = atMs
  }

  /** Grants and sessions that may matter, in the order of their beginning. */
  async *streams({ subject, client }: AccessQuestion): AsyncGenerator<string> {
    const records =
      subject !== undefined
        ? this.#indexed('u', subject)
        : client !== undefined
          ? this.#indexed('c', client)
          : this.#scanned()
    // The index names a stream once; gone through in order, it is seen first at its beginning.
    const isIndexed = subject !== undefined || client !== undefined
    for await (const { stream, version, type, body } of records) {
      if ((version > 0 && !isIndexed) || !isAccess(stream)) continue
      if (!isOver(decodeEvent(type, body), this.#atMs)) yield stream
    }
  }

  async access(stream: string, question: AccessQuestion): Promise<HeldAccess[]> {
    const { state: grant } = await this.#fold('grant', stream)
    if (!grant || grant.clientId !== (question.client ?? grant.clientId)) return []
    if (await this.#isCutOff(grant)) return []
    const { clientId, subject, grantType, session } = grant
    if (subject !== (question.subject ?? subject)) return []
    const client = (await this.#load('client', streamOf.client(clientId))).state
    const user = subject === null ? undefined : (await this.#load('user', streamOf.user(subject))).state
    return [grant.access?.hash, grant.refresh?.hash].flatMap((tokenHash): HeldAccess[] => {
      const live = tokenHash && liveToken(tokenHash, grant, client, user, this.#atMs)
      if (!tokenHash || !live) return []
      const { kind, scopes, issuedAtSeconds, expiresAtSeconds } = live
      if (question.scope !== undefined && !scopes.includes(question.scope)) return []
      const whose = { stream, clientId, subject, scopes, grantType, session }
      return [{ kind, tokenHash, ...whose, issuedAtSeconds, expiresAtSeconds }]
    })
  }

  /** Whether the grant whose token was exchanged for this one, or one before it, had ended. */
  async #isCutOff({ parent }: Grant): Promise<boolean> {
    for (let id = parent; id !== undefined; ) {
      const { state } = await this.#load('grant', streamOf.grant(id))
      if (!state || state.ended) return true
      id = state.parent
    }
    return false
  }

  async session(stream: string): Promise<Session[]> {
    const { state } = await this.#fold('session', stream)
    if (!state || !isSessionLive(state, this.#atMs)) return []
    const user = (await this.#load('user', streamOf.user(state.subject))).state
    return user && !user.removed ? [state] : []
  }

  async *#scanned(): AsyncGenerator<EventRecord> {
    for await (const [, bytes] of readRecords(this.#reader, 0, this.#events)) yield decodeRecord(bytes)
  }

  async *#indexed(kind: 'u' | 'c', id: string): AsyncGenerator<EventRecord> {
    const prefix = rowKey(historyRowPrefix(kind, id))
    const range = { gte: prefix, lt: Buffer.concat([prefix.subarray(0, -1), Buffer.of(1)]) }
    for await (const [key] of this.#reader.entries(range)) {
      // A name may hold the byte 00 itself; only eight bytes behind it are a position.
      if (key.length !== prefix.length + 8) continue
      const position = decodePosition(key, prefix.length)
      if (position < this.#events) yield await this.#record(position)
    }
  }

  async #load<K extends StreamKind>(kind: K, stream: string): Promise<Loaded<States[K]>> {
    const known = this.#shared.get(stream)
    if (known) return known as Loaded<States[K]>
    const loaded = await this.#fold(kind, stream)
    this.#shared.set(stream, loaded)
    return loaded
  }

  async #fold<K extends StreamKind>(kind: K, stream: string): Promise<Loaded<States[K]>> {
    let loaded: Loaded<States[K]> = { state: undefined, version: 0 }
    const range = { gte: streamKey(stream, 0), lt: streamKey(stream, 0xffff_ffff) }
    for await (const [, value] of this.#reader.entries(range)) {
      const position = decodePosition(value)
      if (position >= this.#events) break
      const record = await this.#record(position)
      loaded = evolveLoaded(kind, loaded, { ...record, event: decodeEvent(record.type, record.body) })
    }
    return loaded
  }

  async #record(position: number): Promise<EventRecord> {
    const bytes = await this.#reader.get(eventKey(position))
    if (!bytes) throw new LedgerError('damaged', `the record at position ${position} is missing`)
    return decodeRecord(bytes)
  }
}

const isAccess = (stream: string): boolean => ['grant', 'session'].includes(kindOfStream(stream))

/** Nothing that came later can have made it last until then: its stream need not be read. */
function isOver(event: Event, atMs: number): boolean {
  if (event.type === 'session.started') return event.expiresAtSeconds * 1000 <= atMs
  return (
    event.type === 'token.issued' &&
    event.refreshTokenHash === null &&
    event.accessExpiresAtSeconds * 1000 <= atMs
  )
}

/** The subject of a user by name or, as for one who was removed, by the subject itself. */
export async function subjectOfUser(reader: StorageReader, user: string): Promise<string | undefined> {
  const named = await subjectOf(reader, user)
  if (named !== undefined) return named
  return (await reader.get(streamKey(streamOf.user(user), 0))) && user
}

export const isClientKnown = async (reader: StorageReader, client: string): Promise<boolean> =>
  (await reader.get(streamKey(streamOf.client(client), 0))) !== undefined
