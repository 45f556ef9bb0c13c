/**
 * Where things lie in LevelDB: one prefix byte a kind, big-endian numbers, so that key order is position order.
 *
 *     a name                        annex: checkpoints, anchors, what is said about the log but is not of it
 *     e position(8)                 record
 *     f                             frontier of the tree: size and left-full subtree hashes
 *     l head(14) stream             lifetime of a stream, written behind the events (src/projections/lifetimes.ts)
 *     l d due(4) stream             when to look at it again
 *     r key                         row of a read model, written in its event's own batch
 *     s stream 00 version(4)        position(8) of the event: the unique (stream, version) of compare-and-append
 *     t level(1) index(8)           tile of the tree, 256 hashes of 32 bytes (fewer in the last of each level)
 *     x position(8)                 side record: salt(32) and content; erasable
 *
 * Of the storage itself, which shows none of it (src/ledger/segmented-storage.ts):
 *
 *     z d key                       the key is deleted, though a segment holds it
 *     z g first(8)                  a segment that belongs to the ledger, by its first position
 *     z l due(6) stream             rows of the stream may move to a segment once this time is over
 *     z p due(6) stream             payloads of the stream may be dropped, once this time is long enough ago
 *     z x due(6) stream             the same of its side records
 *     z c p 2, z c x 2              position(8): what begins before it has been looked at, for either
 */
const ascii = (letter: string) => letter.charCodeAt(0)
const prefix = {
  annex: ascii('a'),
  event: ascii('e'),
  frontier: ascii('f'),
  life: ascii('l'),
  row: ascii('r'),
  stream: ascii('s'),
  tile: ascii('t'),
  side: ascii('x'),
  own: ascii('z'),
} as const

export type EntryKind = keyof typeof prefix

function writePosition(key: Buffer, position: number, offset: number): void {
  key.writeUInt32BE(Math.floor(position / 0x1_0000_0000), offset)
  key.writeUInt32BE(position % 0x1_0000_0000, offset + 4)
}

function positionKey(kind: number, position: number): Buffer {
  const key = Buffer.allocUnsafe(9)
  key[0] = kind
  writePosition(key, position, 1)
  return key
}

export const eventKey = (position: number): Buffer => positionKey(prefix.event, position)
export const sideKey = (position: number): Buffer => positionKey(prefix.side, position)
export const frontierKey: Buffer = Buffer.from([prefix.frontier])

export function tileKey(level: number, index: number): Buffer {
  const key = Buffer.allocUnsafe(10)
  key[0] = prefix.tile
  key[1] = level
  writePosition(key, index, 2)
  return key
}

export function streamKey(stream: string, version: number): Buffer {
  const length = Buffer.byteLength(stream)
  const key = Buffer.allocUnsafe(length + 6)
  key[0] = prefix.stream
  key.write(stream, 1, 'utf8')
  key[length + 1] = 0
  key.writeUInt32BE(version, length + 2)
  return key
}

const versionBytes = 4
/** Behind the name in a key of the stream index: 00 and the version. */
const behindName = 1 + versionBytes

/** What an entry of the stream index says. */
export interface IndexEntry {
  stream: string
  version: number
  position: number
}

/** Whether it has the form of an entry of the stream index; what follows takes no others. */
export const isIndexEntry = (key: Buffer, value: Buffer): boolean =>
  key.length > behindName + 1 && key[key.length - behindName] === 0 && value.length === 8
export const streamOfKey = (key: Buffer): string => key.toString('utf8', 1, key.length - behindName)
export const versionOfKey = (key: Buffer): number => key.readUInt32BE(key.length - versionBytes)
/** Whether two keys of the index name events of one stream. */
export const isSameStream = (a: Buffer, b: Buffer): boolean =>
  a.length === b.length && a.compare(b, 0, b.length - versionBytes, 0, a.length - versionBytes) === 0
export const decodeIndexEntry = ([key, value]: readonly [Buffer, Buffer]): IndexEntry => ({
  stream: streamOfKey(key),
  version: versionOfKey(key),
  position: decodePosition(value),
})

export function rowKey(key: Buffer): Buffer {
  const full = Buffer.allocUnsafe(key.length + 1)
  full[0] = prefix.row
  key.copy(full, 1)
  return full
}

/** Of a lifetime's row: kind, class, bucket, owner and start; the name of the stream follows. */
export const lifeHeadBytes = 14

/** @param head of a row, or `d` and a time */
export function lifeKey(head: Buffer, stream: string): Buffer {
  const key = Buffer.allocUnsafe(1 + head.length + Buffer.byteLength(stream))
  key[0] = prefix.life
  head.copy(key, 1)
  key.write(stream, 1 + head.length)
  return key
}

export const annexKey = (name: string): Buffer => Buffer.from(`a${name}`)

const ownKinds = {
  deleted: 'd',
  segment: 'g',
  later: 'l',
  payloads: 'p',
  side_records: 'x',
  cursor: 'c',
} as const
/** Keys that the storage keeps for itself, by their second byte. */
export const ownRange = (kind: keyof typeof ownKinds): { gte: Buffer; lt: Buffer } => {
  const second = ascii(ownKinds[kind])
  return { gte: Buffer.of(prefix.own, second), lt: Buffer.of(prefix.own, second + 1) }
}
/** Notes of when to look at a stream again, by what for. */
export type LaterKind = 'later' | 'payloads' | 'side_records'
/** 2: since failed attempts are looked at. Where only an earlier one stands, all is looked at again. */
export const cursorKey = (kind: LaterKind): Buffer =>
  Buffer.concat([ownRange('cursor').gte, Buffer.from(`${ownKinds[kind]}2`)])
export const isOwn = (key: Buffer): boolean => key[0] === prefix.own
export const deletedKey = (key: Buffer): Buffer => Buffer.concat([ownRange('deleted').gte, key])
export const segmentKey = (first: number): Buffer =>
  Buffer.concat([ownRange('segment').gte, encodePosition(first)])

export function laterKey(dueMs: number, stream: string, kind: LaterKind = 'later'): Buffer {
  const due = Buffer.alloc(6)
  due.writeUIntBE(dueMs, 0, 6)
  return Buffer.concat([ownRange(kind).gte, due, Buffer.from(stream)])
}
export const decodeLater = (key: Buffer): { dueMs: number; stream: string } => ({
  dueMs: key.readUIntBE(2, 6),
  stream: key.toString('utf8', 8),
})

/**
 * What a key is looked up by in the filter of a segment: for index entries, states and lifetimes the name of their
 * stream, for other rows the key; undefined for keys that are found by other means.
 */
export function filterPart(key: Buffer): Buffer | undefined {
  if (key[0] === prefix.stream) return key.subarray(1, key.length - behindName)
  if (key[0] === prefix.life) return key.subarray(1 + lifeHeadBytes)
  if (key[0] !== prefix.row || key[1] === ascii('h')) return undefined
  return key[1] === ascii('s') ? key.subarray(2) : key
}

export function encodePosition(position: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  writePosition(bytes, position, 0)
  return bytes
}

export const decodePosition = (bytes: Buffer, offset = 0): number =>
  bytes.readUInt32BE(offset) * 0x1_0000_0000 + bytes.readUInt32BE(offset + 4)

/** All keys of one kind. */
export const rangeOf = (kind: EntryKind): { gte: Buffer; lt: Buffer } => ({
  gte: Buffer.from([prefix[kind]]),
  lt: Buffer.from([prefix[kind] + 1]),
})

/** What a key is; undefined for one that this program never writes. */
export const kindOf = (key: Buffer): EntryKind | undefined => kinds.get(key[0] ?? 0)
const kinds = new Map(Object.entries(prefix).map(([kind, byte]) => [byte, kind as EntryKind]))
