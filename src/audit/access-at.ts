/**
 * Who held valid access at a moment: the streams that may have been valid then (`lifetimes-at.ts`), each folded as far
 * as it had come by the same `evolve` as live, and the same rule for what is live. Nothing is verified here; `verify.ts`
 * does that.
 */
import QuickLRU from 'quick-lru'
import { decodePosition, streamKey } from '../ledger/layout.ts'
import { rangeOfStream, readRanges, readRecordsAt } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import { type GrantType, streamOf } from '../oauth/events.ts'
import type { Grant } from '../oauth/grant.ts'
import { liveToken } from '../oauth/introspection.ts'
import { isSessionLive, type Session } from '../oauth/session.ts'
import { evolveLoaded, kindOfStream, type Loaded } from '../projections/rows.ts'
import type { States, StreamKind } from '../projections/state-codec.ts'
import { retentionOf } from './drops.ts'
import { streamsAt } from './lifetimes-at.ts'
import { eventsUntil } from './moment.ts'
import { bearerAt } from './user-names.ts'

export interface AccessQuestion {
  atMs: number
  /** Only of this user, by subject. */
  subject?: string | undefined
  client?: string | undefined
  scope?: string | undefined
  /** Goes through the log up to then instead of asking the index by time. */
  wholeLog?: boolean | undefined
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
  /** False where the retention policy has dropped what may have been valid then: it is missing from the answer. */
  isComplete: boolean
  access: HeldAccess[]
  /** Sessions that were valid; where a client or a scope is asked for, those that the access was given in. */
  sessions: Session[]
}

/** States that many grants share: clients and users. */
const keptStates = 10_000
/** Streams that are read at a time. */
const streamsAtOnce = 256

type AnyLoaded = Loaded<States[StreamKind]>

/** @throws LedgerError damaged or unavailable */
export async function accessAt(reader: StorageReader, question: AccessQuestion): Promise<AccessAnswer> {
  const { atMs, subject, client, scope, wholeLog } = question
  const events = await eventsUntil(reader, atMs)
  const past = new Past(reader, events, atMs)
  const grantsOnly = client !== undefined || scope !== undefined
  const found: Found = { access: [], sessions: [] }
  const dropped = await retentionOf(reader, 'payloads')
  const seen = new Set<string>()
  for await (const streams of inGroups(
    streamsAt(reader, { atMs, events, subject, client, grantsOnly, wholeLog }),
    seen,
  ))
    await past.find(streams, question, found)
  if (grantsOnly) {
    const sessions = new Set(found.access.map(({ held }) => held.session))
    sessions.delete(null)
    for await (const streams of inGroups(
      [...sessions].map((id) => streamOf.session(id!)),
      seen,
    ))
      await past.find(streams, question, found)
  }
  return {
    at: new Date(atMs).toISOString(),
    events,
    // What was dropped had been over by that time, so of later moments nothing is missing.
    isComplete: dropped.count === 0 || atMs >= dropped.endedBeforeSeconds * 1000,
    access: inOrder(found.access),
    sessions: inOrder(found.sessions),
  }
}

/** What was valid, with the position at which its stream begins. */
interface Found {
  access: { position: number; held: HeldAccess }[]
  sessions: { position: number; held: Session }[]
}

const inOrder = <T>(found: readonly { position: number; held: T }[]): T[] =>
  found.toSorted((a, b) => a.position - b.position).map(({ held }) => held)

async function* inGroups(
  streams: AsyncIterable<string> | Iterable<string>,
  seen: Set<string>,
): AsyncGenerator<string[]> {
  let group: string[] = []
  for await (const stream of streams) {
    if (seen.has(stream)) continue
    seen.add(stream)
    group.push(stream)
    if (group.length < streamsAtOnce) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

class Past {
  readonly #reader: StorageReader
  readonly #events: number
  readonly #atMs: number
  readonly #shared = new QuickLRU<string, AnyLoaded>({ maxSize: keptStates })

  constructor(reader: StorageReader, events: number, atMs: number) {
    this.#reader = reader
    this.#events = events
    this.#atMs = atMs
  }

  /** Adds what was valid of these grants and sessions. */
  async find(streams: readonly string[], question: AccessQuestion, found: Found): Promise<void> {
    for (const [stream, { state, position }] of await this.#fold(streams)) {
      if (!state) continue
      if (kindOfStream(stream) === 'grant')
        for (const held of await this.#access(stream, state as Grant, question))
          found.access.push({ position, held })
      else if (await this.#isValid(state as Session))
        found.sessions.push({ position, held: state as Session })
    }
  }

  async #access(stream: string, grant: Grant, question: AccessQuestion): Promise<HeldAccess[]> {
    const { clientId, subject, grantType, session } = grant
    if (clientId !== (question.client ?? clientId) || subject !== (question.subject ?? subject)) return []
    if (await this.#isCutOff(grant)) return []
    const client = (await this.#load<'client'>(streamOf.client(clientId))).state
    const user = subject === null ? undefined : (await this.#load<'user'>(streamOf.user(subject))).state
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
      const { state } = await this.#load<'grant'>(streamOf.grant(id))
      if (!state || state.ended) return true
      id = state.parent
    }
    return false
  }

  async #isValid(session: Session): Promise<boolean> {
    if (!isSessionLive(session, this.#atMs)) return false
    const user = (await this.#load<'user'>(streamOf.user(session.subject))).state
    return user !== undefined && !user.removed
  }

  async #load<K extends StreamKind>(stream: string): Promise<Loaded<States[K]>> {
    let loaded = this.#shared.get(stream)
    if (!loaded) {
      loaded = (await this.#fold([stream])).get(stream) ?? { state: undefined, version: 0 }
      this.#shared.set(stream, loaded)
    }
    return loaded as Loaded<States[K]>
  }

  /** States as they were then, of those streams that had begun, with the position at which they did. */
  async #fold(streams: readonly string[]): Promise<Map<string, AnyLoaded & { position: number }>> {
    const positions: number[] = []
    for await (const [, value] of readRanges(this.#reader, streams.map(rangeOfStream))) {
      const position = decodePosition(value)
      if (position < this.#events) positions.push(position)
    }
    const folded = new Map<string, AnyLoaded & { position: number }>()
    for (const record of await readRecordsAt(this.#reader, positions)) {
      const { stream, position, type, body } = record
      const before = folded.get(stream) ?? { state: undefined, version: 0, position }
      const recorded = { ...record, event: decodeEvent(type, body) }
      folded.set(stream, {
        ...evolveLoaded<StreamKind>(kindOfStream(stream), before, recorded),
        position: before.position,
      })
    }
    return folded
  }
}

/** The subject of the user who bore a name then or, as for one who was erased, the subject itself. */
export async function subjectOfUser(
  reader: StorageReader,
  user: string,
  atMs: number,
): Promise<string | undefined> {
  const named = await bearerAt(reader, user, atMs)
  if (named !== undefined) return named
  return (await reader.get(streamKey(streamOf.user(user), 0))) && user
}

export const isClientKnown = async (reader: StorageReader, client: string): Promise<boolean> =>
  (await reader.get(streamKey(streamOf.client(client), 0))) !== undefined
