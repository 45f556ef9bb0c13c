/** A part of the stream index: whether the versions of its streams have no gaps, and what it says, as a sum. */
import { decodePosition, rangeOf, streamKey } from '../ledger/layout.ts'
import { readRecord } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import type { Drops } from './drops.ts'
import { listsOf } from './entry-cursor.ts'
import type { IndexSums } from './index-sums.ts'

/** From the first entry of a stream up to that of another: no stream is cut in two. */
export interface IndexPart {
  gte: Buffer
  lt: Buffer
}

export interface ScannedIndex {
  /** The farthest position that an entry names behind the events that are verified; -1 where none does. */
  newest: number
}

const versionBytes = 4
/** Behind it in a key: 00 and the version. */
const behindName = 1 + versionBytes

export const isIndexEntry = (key: Buffer, value: Buffer): boolean =>
  key.length > behindName + 1 && key[key.length - behindName] === 0 && value.length === 8

/**
 * @param size entries for events behind it are not compared: they may have been appended meanwhile
 * @param sums gets the others
 * @param drops what must not be there any more
 * @returns undefined where anything is not as it should be
 */
export async function scanIndex(
  reader: StorageReader,
  part: IndexPart,
  size: number,
  sums: IndexSums,
  drops: Drops,
): Promise<ScannedIndex | undefined> {
  let newest = -1
  let before: Buffer = Buffer.alloc(behindName)
  let versionBefore = -1
  let positionBefore = -1
  for await (const entries of listsOf(reader, part)) {
    for (const [key, value] of entries) {
      if (!isIndexEntry(key, value)) return undefined
      const position = decodePosition(value)
      const name = key.length - versionBytes
      const version = key.readUInt32BE(name)
      if (version !== 0) {
        const goesOn = before.length === key.length && before.compare(key, 0, name, 0, name) === 0
        if (!goesOn || version !== versionBefore + 1 || position <= positionBefore) return undefined
      } else if (drops.nameStreams && isDropped(drops, key, position)) return undefined
      if (position < size) sums.found(key, value)
      else if (position > newest) newest = position
      before = key
      versionBefore = version
      positionBefore = position
    }
  }
  return { newest }
}

const isDropped = (drops: Drops, key: Buffer, position: number): boolean =>
  drops.droppedBehind(key.toString('utf8', 1, key.length - behindName), position) !== undefined

/** About so many parts of the whole index, of about one length, by the names of events from everywhere in the log. */
export async function partsOfIndex(reader: StorageReader, size: number, count: number): Promise<IndexPart[]> {
  const { gte, lt } = rangeOf('stream')
  const starts: Buffer[] = []
  for (let i = 0; i < count * samplesEachPart && size > 0; i++) {
    const position = Math.floor((size * i) / (count * samplesEachPart))
    // A record that cannot be read is told elsewhere.
    const sample = await readRecord(reader, position).catch(() => undefined)
    if (sample) starts.push(streamKey(sample.record.stream, 0))
  }
  starts.sort(Buffer.compare)
  const edges: Buffer[] = [gte]
  for (let i = 1; i < count; i++) {
    const edge = starts[Math.floor((starts.length * i) / count)]
    if (edge && edge.compare(edges.at(-1)!) > 0) edges.push(edge)
  }
  return edges.map((edge, i) => ({ gte: edge, lt: edges[i + 1] ?? lt }))
}
const samplesEachPart = 8
