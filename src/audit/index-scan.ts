/** A part of the stream index: whether the versions of its streams have no gaps, what it says, as a sum, and late events. */
import {
  decodePosition,
  isIndexEntry,
  isSameStream,
  rangeOf,
  streamKey,
  streamOfKey,
  versionOfKey,
} from '../ledger/layout.ts'
import { readRecord } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import type { Drops } from './drops.ts'
import { listsOf } from './entry-cursor.ts'
import { Faults } from './fault.ts'
import type { IndexSums } from './index-sums.ts'
import { lateLaws } from './late-events.ts'

/** From the first entry of a stream up to that of another: no stream is cut in two. */
export interface IndexPart {
  gte: Buffer
  lt: Buffer
}

const noKey = Buffer.alloc(0)

export interface ScannedIndex {
  /** The farthest position that an entry names behind the events that are verified; -1 where none does. */
  newest: number
}

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
  const faults = new Faults(1)
  const late = lateLaws(reader, faults, { size })
  let newest = -1
  let before: Buffer = noKey
  let positionBefore = -1
  for await (const entries of listsOf(reader, part)) {
    for (const [key, value] of entries) {
      if (!isIndexEntry(key, value)) return undefined
      const position = decodePosition(value)
      const version = versionOfKey(key)
      if (version !== 0) {
        const goesOn = isSameStream(key, before) && version === versionOfKey(before) + 1
        if (!goesOn || position <= positionBefore) return undefined
      } else if (drops.nameStreams && drops.droppedBehind(streamOfKey(key), position) !== undefined)
        return undefined
      if (position < size) sums.found(key, value)
      else if (position > newest) newest = position
      before = key
      positionBefore = position
    }
    const following = late.take(entries)
    if (following) await following
    if (faults.count > 0) return undefined
  }
  return { newest }
}

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
