/** Reading the log: by position, by stream, and the tree's proofs; on a directory or on a running server. */
import { Frontier } from '../tree/frontier.ts'
import { HASH_BYTES, type Hash } from '../tree/hash.ts'
import { consistencyProof, inclusionProof, rootAt } from '../tree/tile-proofs.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'
import type { EventCodec, RecordedEvent } from './codec.ts'
import { LedgerError } from './errors.ts'
import { decodePosition, eventKey, frontierKey, sideKey, streamKey, tileKey } from './layout.ts'
import { decodeRecord, type EventRecord } from './record.ts'
import type { Entry, Range, Storage, StorageReader } from './storage.ts'
import { readTile } from './tree-writer.ts'

const saltBytes = 32
/** Records that are asked for at a time. */
const readAtOnce = 256

/** Size of the log as its frontier says. */
export async function logSize(reader: StorageReader): Promise<number> {
  const frontier = await reader.get(frontierKey)
  return frontier ? Frontier.deserialize(frontier).size : 0
}

/** Values in the order of their keys. */
export async function readAll(
  reader: StorageReader,
  keys: readonly Buffer[],
): Promise<(Buffer | undefined)[]> {
  if (reader.getAll) return reader.getAll(keys)
  const values: (Buffer | undefined)[] = []
  for (const key of keys) values.push(await reader.get(key))
  return values
}

/** Entries of one range after the other, each range of a snapshot of its own that is not older than those before. */
export async function* readRanges(reader: StorageReader, ranges: readonly Range[]): AsyncGenerator<Entry> {
  if (reader.entriesOf) yield* reader.entriesOf(ranges)
  else for (const range of ranges) yield* reader.entries(range)
}

/** Where the index entries of a stream lie. */
export const rangeOfStream = (stream: string): Range => ({
  gte: streamKey(stream, 0),
  lt: streamKey(stream, 0xffff_ffff),
})

/** The records at positions of the log, in their order. @throws LedgerError damaged */
export async function readRecordsAt(
  reader: StorageReader,
  positions: readonly number[],
): Promise<EventRecord[]> {
  const records = await readAll(reader, positions.map(eventKey))
  return records.map((bytes, i) => {
    if (!bytes) throw new LedgerError('damaged', `the record at position ${positions[i]} is missing`)
    return decodeRecord(bytes)
  })
}

/** The record bytes of positions `from` up to but not including `to`; where the log has a gap, the positions tell. */
export async function* readRecords(
  reader: StorageReader,
  from: number,
  to: number,
): AsyncGenerator<[position: number, record: Buffer]> {
  if (from >= to) return
  for await (const [key, value] of reader.entries({ gte: eventKey(from), lt: eventKey(to) }))
    yield [decodePosition(key, 1), value]
}

/** The record at a position of the log. @throws LedgerError damaged */
export async function readRecord(
  reader: StorageReader,
  position: number,
): Promise<{ bytes: Buffer; record: EventRecord }> {
  const bytes = await reader.get(eventKey(position))
  if (!bytes) throw new LedgerError('damaged', `the record at position ${position} is missing`)
  return { bytes, record: decodeRecord(bytes) }
}

/** Content of the side record at a position, without its salt; undefined where there is none or it was erased. */
export async function readSide(reader: StorageReader, position: number): Promise<Buffer | undefined> {
  return (await reader.get(sideKey(position)))?.subarray(saltBytes)
}

/** Restores the event of a record. */
export async function restoreEvent<E>(
  reader: StorageReader,
  codec: EventCodec<E>,
  record: EventRecord,
): Promise<RecordedEvent<E>> {
  const side = record.commitment && (await readSide(reader, record.position))
  const { position, timeMs, stream, version } = record
  return { position, timeMs, stream, version, event: codec.decode(record.type, record.body, side) }
}

/** Events of positions `from` up to but not including `to`, in order. */
export async function* readEvents<E>(
  reader: StorageReader,
  codec: EventCodec<E>,
  from: number,
  to: number,
): AsyncGenerator<RecordedEvent<E>> {
  for await (const [, record] of readRecords(reader, from, to))
    yield await restoreEvent(reader, codec, decodeRecord(record))
}

/** The events at positions of the log, in their order; the records of many are one question. @throws LedgerError damaged */
export async function* readEventsAt<E>(
  reader: StorageReader,
  codec: EventCodec<E>,
  positions: readonly number[],
): AsyncGenerator<RecordedEvent<E>> {
  for (let at = 0; at < positions.length; at += readAtOnce) {
    const records = await readRecordsAt(reader, positions.slice(at, at + readAtOnce))
    const sided = records.filter(({ commitment }) => commitment).map(({ position }) => position)
    const found = sided.length === 0 ? [] : await readAll(reader, sided.map(sideKey))
    const sides = new Map(sided.map((position, i) => [position, found[i]?.subarray(saltBytes)]))
    for (const { position, timeMs, stream, version, type, body } of records)
      yield { position, timeMs, stream, version, event: codec.decode(type, body, sides.get(position)) }
  }
}

/** Where the events of a stream stand, in order. */
export async function positionsOfStream(reader: StorageReader, stream: string): Promise<number[]> {
  const positions: number[] = []
  for await (const [, value] of reader.entries(rangeOfStream(stream))) positions.push(decodePosition(value))
  return positions
}

/** All events of one stream, in order. */
export async function* readStream<E>(
  reader: StorageReader,
  codec: EventCodec<E>,
  stream: string,
): AsyncGenerator<RecordedEvent<E>> {
  yield* readEventsAt(reader, codec, await positionsOfStream(reader, stream))
}

/** Number of events in a stream: the version the next one will have. */
export async function streamVersion(reader: StorageReader, stream: string): Promise<number> {
  for await (const [key] of reader.entries({ ...rangeOfStream(stream), reverse: true, limit: 1 }))
    return key.readUInt32BE(key.length - 4) + 1
  return 0
}

/**
 * The stored leaf hash of each position in turn, which stays where its record is dropped. Positions of one tile that are
 * asked for one after the other are one read.
 */
export function leafReader(reader: StorageReader): (position: number) => Promise<Hash> {
  let [index, tile]: [number | undefined, Buffer | undefined] = [undefined, undefined]
  /** @throws LedgerError damaged */
  return async (position) => {
    const row = position % TILE_WIDTH
    const wanted = (position - row) / TILE_WIDTH
    if (wanted !== index) [index, tile] = [wanted, await reader.get(tileKey(0, wanted))]
    const hash = tile?.subarray(row * HASH_BYTES, (row + 1) * HASH_BYTES)
    if (hash?.length !== HASH_BYTES)
      throw new LedgerError('damaged', `the leaf hash at position ${position} is missing`)
    return hash
  }
}

/** Root of the first `size` leaves (RFC 9162 section 2.1.1). @throws LedgerError damaged */
export const rootOfSize = (storage: Pick<Storage, 'get'>, size: number): Hash =>
  rootAt((level, index, width) => readTile(storage, level, index, width), size)

/** RFC 9162 section 2.1.3.1. */
export const proveInclusion = (storage: Pick<Storage, 'get'>, position: number, size: number): Hash[] =>
  inclusionProof((level, index, width) => readTile(storage, level, index, width), position, size)

/** RFC 9162 section 2.1.4.1. */
export const proveConsistency = (storage: Pick<Storage, 'get'>, from: number, to: number): Hash[] =>
  consistencyProof((level, index, width) => readTile(storage, level, index, width), from, to)
