/**
 * Which streams retention may take, and what goes with them. Only streams that are over: no state that is still asked for
 * rests on them, and whoever appends to one after all (an assertion that had expired, a name that fails again) begins it
 * anew.
 */
import { decodePosition, eventKey, rowKey, sideKey, streamKey } from '../ledger/layout.ts'
import type { ConcernedStream } from '../ledger/ledger.ts'
import { readRecords } from '../ledger/reader.ts'
import { decodeRecord, type EventRecord } from '../ledger/record.ts'
import type { Storage, StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import { hashesOf, type Recorded, streamOf } from '../oauth/events.ts'
import { forgetAfterMs } from '../oauth/failed-attempts.ts'
import type { RetentionKind } from '../oauth/retention.ts'
import type { Session } from '../oauth/session.ts'
import { endOfAttempts, endOfGrant } from './cold-rows.ts'
import { lifeRows, lifetimeOf, noteKey } from './lifetimes.ts'
import {
  type AnyLoaded,
  decodeLoaded,
  encodeLoaded,
  evolveLoaded,
  historyRowPrefix,
  kindOfStream,
  type Loaded,
  projectRows,
  stateRowKey,
} from './rows.ts'
import type { States, StreamKind } from './state-codec.ts'

/** A pushed request that was shown in time stays good while its user logs in, half an hour (shown-mark.ts). */
const shownSeconds = 1800

/**
 * When streams are over, in seconds since 1970, by their state and the time of their last event; null: not before another
 * one. Other kinds never are.
 */
const ends: { readonly [K in StreamKind]?: (state: States[K], lastSeconds: number) => number | null } = {
  grant: endOfGrant,
  assertion: ({ expiresAtSeconds }) => expiresAtSeconds,
  session: ({ endedAtSeconds }) => endedAtSeconds,
  par: ({ expiresAtSeconds }) => expiresAtSeconds + shownSeconds,
  // So long too as a signature under the last unlocking could count again in a stream of this name (failed-attempts.ts).
  attempts: (state, lastSeconds) => Math.max(endOfAttempts(state), lastSeconds + forgetAfterMs / 1000),
}

/**
 * A name that is guessed at again and again has a stream that is never over. No state holds what the side records of these
 * streams say, so each goes by itself, as soon as its event is old enough.
 */
const withLoneSides: ReadonlySet<StreamKind> = new Set<StreamKind>(['attempts'])

/** Whether streams of this kind may be dropped at all. */
export const mayBeDropped = (stream: string): boolean => Object.hasOwn(ends, kindOfStream(stream))

/** All of one stream, as it is stored. */
export interface StoredStream {
  stream: string
  events: Recorded[]
  /** Positions whose records commit to a side record. */
  committed: number[]
  recordBytes: number
}

/** The streams that begin in a part of the log. */
export interface Beginnings {
  streams: StoredStream[]
  /** Positions there whose side records go by themselves, whatever becomes of their streams. */
  loneSides: number[]
  /** Position behind the last event that was looked at. */
  end: number
  /** Nothing behind it is old enough. */
  isLast: boolean
}

/**
 * Streams that may be dropped and begin from `from` up to but not including `to` and before a time. Nearly all end
 * there too, so that they need not be looked up.
 */
export async function readBeginnings(
  storage: Storage,
  kind: RetentionKind,
  from: number,
  to: number,
  beforeMs: number,
): Promise<Beginnings> {
  const found = new Map<string, StoredStream>()
  const loneSides: number[] = []
  let end = from
  let isLast = false
  for await (const [position, bytes] of readRecords(storage, from, to)) {
    const record = decodeRecord(bytes)
    if (record.timeMs >= beforeMs) {
      isLast = true
      break
    }
    end = position + 1
    if (!mayBeDropped(record.stream)) continue
    if (kind === 'side_records' && withLoneSides.has(kindOfStream(record.stream))) {
      if (record.commitment) loneSides.push(position)
      continue
    }
    if (record.version === 0)
      found.set(record.stream, { stream: record.stream, events: [], committed: [], recordBytes: 0 })
    const stored = found.get(record.stream)
    if (stored) addRecord(stored, record, bytes.length)
  }
  const streams: StoredStream[] = []
  for (const stored of found.values()) {
    const goesOn = storage.get(streamKey(stored.stream, stored.events.length)) !== undefined
    const whole = goesOn ? await readStored(storage, stored.stream) : stored
    if (whole) streams.push(whole)
  }
  return { streams, loneSides, end: isLast ? end : to, isLast }
}

/** Undefined for a stream that is not there. */
export async function readStored(reader: StorageReader, stream: string): Promise<StoredStream | undefined> {
  const stored: StoredStream = { stream, events: [], committed: [], recordBytes: 0 }
  const range = { gte: streamKey(stream, 0), lt: streamKey(stream, 0xffff_ffff) }
  for await (const [, position] of reader.entries(range)) {
    const bytes = await reader.get(eventKey(decodePosition(position)))
    if (!bytes) return undefined
    addRecord(stored, decodeRecord(bytes), bytes.length)
  }
  return stored.events.length > 0 ? stored : undefined
}

function addRecord(stored: StoredStream, record: EventRecord, bytes: number): void {
  const { position, timeMs, stream, version, type, body, commitment } = record
  stored.events.push({ position, timeMs, stream, version, event: decodeEvent(type, body) })
  if (commitment) stored.committed.push(position)
  stored.recordBytes += bytes
}

/**
 * When to look at the stream again, in milliseconds; undefined where it may go: it was over before this time, and so
 * was whatever rests on it.
 */
export async function lookAgainAt(
  storage: Storage,
  { stream, events }: StoredStream,
  kind: RetentionKind,
  beforeMs: number,
): Promise<number | undefined> {
  let loaded: Loaded<States[StreamKind]> = { state: undefined, version: 0 }
  for (const recorded of events) loaded = evolveLoaded(kindOfStream(stream), loaded, recorded)
  const { timeMs } = events.at(-1)!
  const overMs = endOf(stream, loaded.state, timeMs)
  if (overMs === undefined) return Math.max(beforeMs, (loaded.state as Session).expiresAtSeconds * 1000)
  const endMs = Math.max(overMs, timeMs)
  if (endMs >= beforeMs) return endMs
  if (kind === 'payloads' && kindOfStream(stream) === 'session')
    return latestBehind(storage, loaded.state as Session, beforeMs)
  return undefined
}

function endOf(stream: string, state: States[StreamKind] | undefined, lastMs = 0): number | undefined {
  const end = ends[kindOfStream(stream)] as ((...of: unknown[]) => number | null) | undefined
  const seconds = state && end ? end(state, Math.ceil(lastMs / 1000)) : null
  return seconds === null ? undefined : seconds * 1000
}

/**
 * When the first of what still needs a session will be over: the grants that were given in it, by which its end is
 * found, and the session that it continues, by which the end of the newest reaches the grants of the oldest.
 */
async function latestBehind(
  storage: Storage,
  session: Session,
  beforeMs: number,
): Promise<number | undefined> {
  for (let next: Session | undefined = session; next; ) {
    for (const stream of await grantsOf(storage, next.id)) {
      const endMs = endOf(stream, stateOf(storage, stream)) ?? 0
      if (endMs >= beforeMs) return endMs
    }
    if (next.continues === undefined) return undefined
    const former = streamOf.session(next.continues)
    next = stateOf(storage, former) as Session | undefined
    if (next && (endOf(former, next) ?? beforeMs) >= beforeMs) return beforeMs
  }
  return undefined
}

const stateOf = (storage: Storage, stream: string): States[StreamKind] | undefined =>
  decodeLoaded(kindOfStream(stream), storage.get(rowKey(stateRowKey(stream)))).state

async function grantsOf(storage: Storage, session: string): Promise<string[]> {
  const prefix = rowKey(historyRowPrefix('s', session))
  const range = { gte: prefix, lt: Buffer.concat([prefix.subarray(0, -1), Buffer.of(1)]) }
  const streams: string[] = []
  for await (const [key] of storage.entries(range)) {
    const record =
      key.length === prefix.length + 8 ? storage.get(eventKey(decodePosition(key, prefix.length))) : undefined
    if (record) streams.push(decodeRecord(record).stream)
  }
  return streams
}

/** What goes in one drop. */
export interface Dropped {
  positions: number[]
  /** Full keys of records, index entries and rows. */
  keys: Buffer[]
  /** Those of them that are written behind the events (lifetimes.ts), so that one may come after its stream is gone. */
  lifetimes: Buffer[]
  sideKeys: Buffer[]
  /** By which its state is found. */
  hashes: string[]
  /** The state, where it is another one without its side records: full key and value. */
  state?: [key: Buffer, value: Buffer]
  /** Bytes of the keys and values. */
  bytes: number
}

/** The same of one stream, which has that number of events. */
export interface DroppedStream extends Dropped, ConcernedStream {}

/** All entries of a stream. */
export function payloadsOf(storage: Storage, stored: StoredStream): DroppedStream {
  const { stream, events, committed, recordBytes } = stored
  const keys: Buffer[] = []
  const rows = new Map<string, [key: Buffer, bytes: number]>()
  let before: unknown
  for (const recorded of events) {
    keys.push(eventKey(recorded.position), streamKey(stream, recorded.version))
    before = projectRows(
      recorded,
      {
        get: () => undefined,
        put: (key, value) => void rows.set(key.toString('latin1'), [rowKey(key), value.length]),
        del: () => {},
      },
      before,
    )
  }
  const sides = storedSides(storage, committed)
  let bytes = recordBytes + sides.bytes + 8 * events.length
  for (const [key, value] of rows.values()) {
    keys.push(key)
    bytes += value
  }
  const lifetimes = lifetimesOf(stream, (before as AnyLoaded).state)
  keys.push(...lifetimes)
  for (const key of keys) bytes += key.length
  return {
    stream,
    version: events.length,
    positions: events.map(({ position }) => position),
    keys,
    lifetimes,
    sideKeys: sides.keys,
    hashes: events.flatMap(({ event }) => hashesOf(event)).filter((hash) => hash !== null),
    bytes,
  }
}

/** Keys of the rows of its lifetime in every form that they may have, and of the note on an open one. */
function lifetimesOf(stream: string, state: States[StreamKind] | undefined): Buffer[] {
  const life = lifetimeOf(stream, state)
  if (!life) return []
  const keys = [life.endSeconds, life.unendedSeconds, undefined].flatMap((end) =>
    lifeRows(life, end).map(([key]) => key),
  )
  return [...keys, noteKey(life.unendedSeconds, stream)]
}

/** The side records of a stream; undefined where none is there any more. */
export function sidesOf(storage: Storage, stored: StoredStream): DroppedStream | undefined {
  const { stream, events, committed } = stored
  const sides = loneSidesOf(storage, committed)
  if (!sides) return undefined
  const kind = kindOfStream(stream)
  let loaded: Loaded<States[StreamKind]> = { state: undefined, version: 0 }
  // Decoded without side records, so this is the state that a fold comes to once they are gone.
  for (const recorded of events) loaded = evolveLoaded(kind, loaded, recorded)
  const key = rowKey(stateRowKey(stream))
  const value = loaded.state && encodeLoaded(kind, loaded.state, loaded.version)
  const isOther = value && storage.get(key)?.equals(value) === false
  return { ...sides, stream, version: events.length, ...(isOther && { state: [key, value] }) }
}

/** Side records that no state rests on; undefined where none of them is there any more. */
export function loneSidesOf(storage: Storage, committed: readonly number[]): Dropped | undefined {
  const { positions, keys: sideKeys, bytes } = storedSides(storage, committed)
  if (positions.length === 0) return undefined
  return { positions, keys: [], lifetimes: [], sideKeys, hashes: [], bytes }
}

function storedSides(storage: Storage, committed: readonly number[]) {
  const found = { positions: [] as number[], keys: [] as Buffer[], bytes: 0 }
  for (const position of committed) {
    const key = sideKey(position)
    const side = storage.get(key)
    if (!side) continue
    found.positions.push(position)
    found.keys.push(key)
    found.bytes += key.length + side.length
  }
  return found
}
