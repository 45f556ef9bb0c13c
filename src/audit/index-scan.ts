/** A part of the stream index: whether the versions of its streams have no gaps, what it says, as a sum, and late events. */
import { decodePosition, isIndexEntry, isSameStream, streamOfKey, versionOfKey } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import type { Drops } from './drops.ts'
import { listsOf } from './entry-cursor.ts'
import { Faults } from './fault.ts'
import { lateLaws } from './late-events.ts'
import type { PartSums } from './part-sums.ts'

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
 * @param sums get the others, and the rows of late events where they are asked for
 * @param drops what must not be there any more
 * @returns undefined where anything is not as it should be
 */
export async function scanIndex(
  reader: StorageReader,
  part: IndexPart,
  size: number,
  sums: PartSums,
  drops: Drops,
): Promise<ScannedIndex | undefined> {
  const faults = new Faults(1)
  const late = lateLaws(reader, faults, { size }, sums.rows)
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
      if (position < size) sums.index.found(key, value)
      else if (position > newest) newest = position
      before = key
      positionBefore = position
    }
    const following = late.take(entries)
    if (following) await following
    if (faults.count > 0) return undefined
  }
  late.finish()
  return { newest }
}
