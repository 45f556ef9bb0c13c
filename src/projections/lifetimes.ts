/**
 * When grants and sessions can have been valid, so that a question about a moment reads those of that moment only. What a
 * row says may be too long, never too short: it leads to streams whose events then decide.
 *
 * A row stands under the class of its length, the number of bits of its seconds, and there under the bucket that it
 * begins in, each as long as the class reaches. So all that holds at a moment lies in two buckets of each class, and of
 * what lies there much holds. A grant that can be refreshed has no end until it is over: those are a class of their own.
 *
 *     kind class bucket(4) owner(4) start(4) stream   end(4); nothing where it is open
 *     d due(4) stream                                 nothing: an open row is looked at again at this time
 *
 * Kinds are `c` grants of a client, `u` grants of a user, `s` sessions of a user. The owner is a checksum of client id or
 * subject: that two may share one costs a look. Times are in seconds since 1970, the end is the first that is not valid.
 */
import { crc32 } from 'node:zlib'
import { lifeHeadBytes, lifeKey } from '../ledger/layout.ts'
import type { Entry, Range } from '../ledger/storage.ts'
import type { Grant } from '../oauth/grant.ts'
import type { Session } from '../oauth/session.ts'
import { kindOfStream } from './rows.ts'
import type { States, StreamKind } from './state-codec.ts'

export type LifeKind = 'c' | 'u' | 's'

export interface LifeOwner {
  kind: LifeKind
  /** Client id or subject. */
  id: string
}

/** From when to when something of a stream was valid, as far as its state tells. */
export interface Lifetime {
  stream: string
  owners: LifeOwner[]
  startSeconds: number
  endSeconds: number
  /** The end that it has where nothing ends it early. */
  unendedSeconds: number
  isRefreshable: boolean
  /** Whether a rotation may still make it longer, before its end. */
  mayGrow: boolean
}

export interface LifeRow {
  kind: LifeKind
  owner: number
  startSeconds: number
  /** Infinite where it is open. */
  endSeconds: number
  stream: string
}

/** Annex entry: position(8), before which all events are in the rows, and all that was due by the last one's time. */
export const lifetimesPlace = 'lifetimes'

const openClass = 0xff
/** Buckets of open rows: twelve days, so that ten years have three hundred. */
const openBits = 20
const longestClass = 32
const noteKind = 'd'.charCodeAt(0)
const nothing = Buffer.alloc(0)

export const ownerOf = (id: string): number => crc32(id)

/** Undefined for a stream that never had a token, and for those of other kinds. */
export function lifetimeOf(stream: string, state: States[StreamKind] | undefined): Lifetime | undefined {
  if (!state) return undefined
  const kind = kindOfStream(stream)
  if (kind === 'session') return lifetimeOfSession(stream, state as Session)
  return kind === 'grant' ? lifetimeOfGrant(stream, state as Grant) : undefined
}

function lifetimeOfSession(stream: string, session: Session): Lifetime {
  const { subject, startedAtSeconds, expiresAtSeconds, endedAtSeconds } = session
  return {
    stream,
    owners: [{ kind: 's', id: subject }],
    startSeconds: startedAtSeconds,
    ...endOf(expiresAtSeconds, endedAtSeconds),
    isRefreshable: false,
    mayGrow: false,
  }
}

function lifetimeOfGrant(stream: string, grant: Grant): Lifetime | undefined {
  const { clientId, subject, issuedAtSeconds, access, refresh, ended } = grant
  if (!access) return undefined
  const owners: LifeOwner[] = [{ kind: 'c', id: clientId }]
  if (subject !== null) owners.push({ kind: 'u', id: subject })
  return {
    stream,
    owners,
    startSeconds: issuedAtSeconds,
    ...endOf(Math.max(access.expiresAtSeconds, refresh?.expiresAtSeconds ?? 0), ended?.atSeconds ?? null),
    isRefreshable: refresh !== null,
    mayGrow: refresh !== null && ended === null,
  }
}

/** The second in which something ended may have been valid at its beginning. */
const endOf = (expiresAtSeconds: number, endedAtSeconds: number | null) => ({
  endSeconds: endedAtSeconds === null ? expiresAtSeconds : Math.min(endedAtSeconds + 1, expiresAtSeconds),
  unendedSeconds: expiresAtSeconds,
})

/** Its rows as one that ends then; without an end, as an open one. */
export const lifeRows = ({ stream, owners, startSeconds }: Lifetime, endSeconds?: number): Entry[] =>
  owners.map(({ kind, id }) => {
    const isOpen = endSeconds === undefined
    const lifeClass = isOpen ? openClass : classOf(endSeconds - startSeconds)
    const head = headOf(kind, lifeClass, bucketOf(lifeClass, startSeconds), ownerOf(id), startSeconds)
    const value = isOpen ? nothing : Buffer.allocUnsafe(4)
    if (!isOpen) value.writeUInt32BE(endSeconds)
    return [lifeKey(head, stream), value]
  })

/** @returns undefined for an entry that is no row of a lifetime */
export function readLifeRow([key, value]: Entry): LifeRow | undefined {
  if (key.length <= 1 + lifeHeadBytes) return undefined
  const kind = String.fromCharCode(key[1]!)
  const isOpen = value.length === 0
  if (!(kind === 'c' || kind === 'u' || kind === 's') || !(isOpen || value.length === 4)) return undefined
  const startSeconds = key.readUInt32BE(11)
  const endSeconds = isOpen ? Number.POSITIVE_INFINITY : value.readUInt32BE()
  const lifeClass = isOpen ? openClass : classOf(endSeconds - startSeconds)
  const isInPlace = key[2] === lifeClass && key.readUInt32BE(3) === bucketOf(lifeClass, startSeconds)
  if (!isInPlace) return undefined
  const stream = key.toString('utf8', 1 + lifeHeadBytes)
  return { kind, owner: key.readUInt32BE(7), startSeconds, endSeconds, stream }
}

export function noteKey(dueSeconds: number, stream: string): Buffer {
  const head = Buffer.allocUnsafe(5)
  head[0] = noteKind
  head.writeUInt32BE(dueSeconds, 1)
  return lifeKey(head, stream)
}

export const isNote = (key: Buffer): boolean => key[1] === noteKind && key.length > 6
export const streamOfNote = (key: Buffer): string => key.toString('utf8', 6)

/** Notes that are due at a time or before it. */
export const notesUntil = (seconds: number): Range => ({ gte: noteKey(0, ''), lt: noteKey(seconds + 1, '') })

/** Where all rows of open lifetimes of a kind lie, the oldest bucket first. */
export const openRange = (kind: LifeKind): Range => ({
  gte: lifeKey(Buffer.of(kind.charCodeAt(0), openClass), ''),
  lt: lifeKey(Buffer.of(kind.charCodeAt(0) + 1), ''),
})

/**
 * Where the rows of a kind lie that hold at a moment, among others: the open ones, then class by class from the longest
 * on. A row moves only from an open one to one with an end, and to a shorter one: who reads in this order misses none,
 * whatever is written meanwhile.
 *
 * @param owner of one only
 * @param firstOpen key of the first open row of the kind, if there is one
 */
export function rangesAt(
  kind: LifeKind,
  atSeconds: number,
  owner: number | undefined,
  firstOpen: Buffer | undefined,
): Range[] {
  const ranges: Range[] = []
  const add = (lifeClass: number, from: number) => {
    const edge = (bucket: number, ofOwner = 0, startSeconds = 0) =>
      lifeKey(headOf(kind, lifeClass, bucket, ofOwner, startSeconds), '')
    const [first, last] = [bucketOf(lifeClass, from), bucketOf(lifeClass, atSeconds)]
    if (owner === undefined) ranges.push({ gte: edge(first), lt: edge(last + 1) })
    else
      for (let bucket = first; bucket <= last; bucket++)
        ranges.push({ gte: edge(bucket, owner, from), lt: edge(bucket, owner, atSeconds + 1) })
  }
  if (firstOpen) add(openClass, Math.min(firstOpen.readUInt32BE(3) * 2 ** openBits, atSeconds))
  for (let lifeClass = longestClass; lifeClass > 0; lifeClass--)
    add(lifeClass, Math.max(atSeconds + 1 - 2 ** lifeClass, 0))
  return ranges
}

const classOf = (seconds: number): number => (seconds > 0 ? 32 - Math.clz32(seconds) : 0)
const bucketOf = (lifeClass: number, startSeconds: number): number =>
  Math.floor(startSeconds / 2 ** (lifeClass === openClass ? openBits : lifeClass))

function headOf(
  kind: LifeKind,
  lifeClass: number,
  bucket: number,
  owner: number,
  startSeconds: number,
): Buffer {
  const head = Buffer.allocUnsafe(lifeHeadBytes)
  head[0] = kind.charCodeAt(0)
  head[1] = lifeClass
  head.writeUInt32BE(bucket, 2)
  head.writeUInt32BE(owner, 6)
  head.writeUInt32BE(startSeconds, 10)
  return head
}
