/**
 * A storage of two parts that shows one: LevelDB, and beside it immutable segments that hold the older events with
 * their index entries and the rows of what is over. What is in LevelDB counts; the segments are asked where it has
 * nothing. So moving an entry changes nothing that can be read, and readers need not know that there are segments.
 *
 * A key that is deleted while a segment holds it is marked as deleted in LevelDB.
 */
import { isDamage } from '../errors.ts'
import { deletedKey, isOwn, kindOf, ownRange } from '../layout.ts'
import {
  type Entry,
  type LevelStorage,
  openStorage,
  type Range,
  type Storage,
  type StorageBatch,
  type StorageOptions,
  type StorageReader,
} from '../storage.ts'
import { type EntryLists, mergeEntries, noValue } from './merge.ts'
import { removeOrphans, tellOrphans } from './orphans.ts'
import { type SegmentDamage, Segments } from './segments.ts'

export interface SegmentedBatch extends StorageBatch {
  /**
   * Deletes a key of records, index entries or rows for good, without a look at whether a segment holds it: the next
   * `purge` takes it out of there.
   */
  drop(key: Buffer): void
  /** The part of it that goes to LevelDB without regard to segments. */
  readonly hot: StorageBatch
}

export interface SegmentedStorage extends Storage {
  batch(): SegmentedBatch
  /** LevelDB alone. */
  readonly hot: LevelStorage
  readonly segments: Segments
  readonly salvage: StorageReader
  /** What was left out, of a storage that was opened to be verified. */
  readonly damage: readonly SegmentDamage[]
  /** While a segment is built from entries that were read: keys that are deleted meanwhile, which it must not bring back. */
  deletedMeanwhile: Map<string, Buffer> | undefined
  /** Whether what segments hold of a key does not count; what LevelDB has of it does. */
  isMarked(key: Buffer): boolean
  /** Marks keys as deleted, though a segment holds them. */
  markDeleted(keys: Iterable<Buffer>): Promise<void>
  /** Takes the marks away again: no segment holds the keys any more. */
  unmark(keys: Iterable<Buffer>): Promise<void>
}

export interface SegmentedOptions extends Pick<StorageOptions, 'isOpenElsewhere'> {
  /** What is damaged in the segments is left out and told as `damage`; nothing in their folder is touched. */
  isToBeVerified?: boolean
}

/**
 * @param directory of LevelDB
 * @param folder of the segments; need not be there
 * @throws LedgerError locked, unavailable or damaged, naming a segment that is missing or altered
 */
export async function openSegmentedStorage(
  directory: string,
  folder: string,
  options: SegmentedOptions = {},
): Promise<SegmentedStorage> {
  const { isOpenElsewhere = false } = options
  const hot = await openStorage(directory, { isOpenElsewhere })
  try {
    return await layOver(hot, folder, options)
  } catch (error) {
    await hot.close()
    throw error
  }
}

/** @throws LedgerError damaged, unavailable */
export async function layOver(
  hot: LevelStorage,
  folder: string,
  { isOpenElsewhere = false, isToBeVerified = false }: SegmentedOptions = {},
): Promise<SegmentedStorage> {
  const segments = new Segments(hot, folder)
  const damage: SegmentDamage[] = []
  const onDamage = isToBeVerified ? (found: SegmentDamage) => void damage.push(found) : undefined
  let hasMarks = false
  let marksMade = 0
  /** Batches that mark keys and are not written yet. */
  let unwritten = 0
  const load = async () => {
    damage.length = 0
    await segments.load(onDamage)
    hasMarks = false
    for await (const _ of hot.entries({ ...ownRange('deleted'), limit: 1 })) hasMarks = true
  }
  await load()
  if (onDamage) {
    const known = damage.flatMap(({ registration }) => registration ?? [])
    tellOrphans(segments, hot, known, onDamage)
  } else if (!isOpenElsewhere) removeOrphans(segments, hot)

  const isDeleted = (key: Buffer) => hasMarks && hot.get(deletedKey(key)) !== undefined
  const reader = (salvage: boolean): StorageReader => ({
    get(key) {
      if (isOwn(key)) return undefined
      const value = hot.get(key)
      if (value !== undefined || segments.end === 0) return value
      const sealed = salvage ? attempt(() => segments.get(key)) : segments.get(key)
      return sealed === undefined || isDeleted(key) ? undefined : sealed
    },
    async *entries(range) {
      for await (const entries of lists(range, salvage)) for (const entry of entries) yield entry
    },
    entryLists: (range) => lists(range, salvage),
    valueLists: (range) => values(range, salvage),
  })
  const hidesSome = (range: Range) => range.gte.compare(own.lt) < 0 && range.lt.compare(own.gte) > 0
  const isHotAlone = (range: Range) => segments.within(range).length === 0 && !hidesSome(range)
  async function* lists(range: Range, salvage: boolean): AsyncGenerator<readonly Entry[]> {
    // One snapshot: the list of segments is taken, and LevelDB's iterator made, before anything else can run.
    const sealed = segments.within(range)
    const isHiding = hidesSome(range)
    if (sealed.length === 0 && !isHiding) {
      yield* hot.entryLists(range)
      return
    }
    const { limit = Number.POSITIVE_INFINITY, ...unlimited } = range
    const hotRange = isHiding ? unlimited : range
    const sources: EntryLists[] = [
      isHiding ? visible(hot.entryLists(hotRange)) : hot.entryLists(hotRange),
      ...(hasMarks ? [marks(hot, range)] : []),
      ...sealed.map(({ file }) => file.entryLists(range, salvage)),
    ]
    let left = limit
    for await (const entries of mergeEntries(sources, range.reverse)) {
      yield entries.length > left ? entries.slice(0, left) : entries
      left -= entries.length
      if (left <= 0) return
    }
  }
  async function* values(range: Range, salvage: boolean): AsyncGenerator<readonly Buffer[]> {
    if (isHotAlone(range)) yield* hot.valueLists(range)
    else for await (const entries of lists(range, salvage)) yield entries.map(([, value]) => value)
  }
  const storage: SegmentedStorage = {
    hot,
    segments,
    ...(reader(false) as Pick<Storage, 'get' | 'entries' | 'entryLists'>),
    salvage: reader(true),
    damage,
    deletedMeanwhile: undefined,
    batch() {
      const batch = hot.batch()
      let hasOwnMarks = false
      const mark = (key: Buffer) => {
        if (!hasOwnMarks) unwritten++
        hasOwnMarks = true
        hasMarks = true
        marksMade++
        batch.put(deletedKey(key), noValue)
      }
      return {
        hot: batch,
        put(key, value) {
          batch.put(key, value)
          if (hasMarks && mayBeMarked(key)) batch.del(deletedKey(key))
        },
        del(key) {
          batch.del(key)
          storage.deletedMeanwhile?.set(key.toString('latin1'), key)
          if (segments.end > 0 && segments.get(key) !== undefined) mark(key)
        },
        drop(key) {
          batch.del(key)
          mark(key)
        },
        async write() {
          try {
            await batch.write()
          } finally {
            if (hasOwnMarks) unwritten--
          }
        },
      }
    },
    isMarked: isDeleted,
    async markDeleted(keys) {
      const batch = storage.batch()
      for (const key of keys) if (hot.get(key) === undefined) batch.drop(key)
      await batch.write()
    },
    async unmark(keys) {
      const batch = hot.batch()
      for (const key of keys) batch.del(deletedKey(key))
      await batch.write()
      const made = marksMade
      let isAnyLeft = false
      for await (const _ of hot.entries({ ...ownRange('deleted'), limit: 1 })) isAnyLeft = true
      if (!isAnyLeft && unwritten === 0 && made === marksMade) hasMarks = false
    },
    forget: (keys) => hot.forget(keys),
    async reopen() {
      await hot.reopen()
      await load()
    },
    async close() {
      segments.close()
      await hot.close()
    },
  }
  return storage
}

/** Segments hold no entries of other kinds, and a position never comes back. */
const mayBeMarked = (key: Buffer): boolean => ['stream', 'row', 'life'].includes(kindOf(key) ?? '')

const own = { gte: ownRange('deleted').gte.subarray(0, 1), lt: Buffer.of(ownRange('deleted').gte[0]! + 1) }

async function* visible(lists: AsyncIterable<readonly Entry[]>): AsyncGenerator<readonly Entry[]> {
  for await (const entries of lists) yield entries.filter(([key]) => !isOwn(key))
}

/** The keys of the range that are marked as deleted. */
async function* marks(hot: LevelStorage, { gte, lt, reverse = false }: Range): AsyncGenerator<Entry[]> {
  const range = { gte: deletedKey(gte), lt: deletedKey(lt), reverse }
  for await (const entries of hot.entryLists(range)) yield entries.map(([key]) => [key.subarray(2), noValue])
}

function attempt(read: () => Buffer | undefined): Buffer | undefined {
  try {
    return read()
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  }
}
