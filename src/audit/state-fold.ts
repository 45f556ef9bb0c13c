/**
 * The log folded to the states of its streams, in bounded memory. A state is an object while its stream is in memory,
 * and becomes something else, such as the bytes of its row, only when it leaves.
 */
import { LedgerError } from '../ledger/errors.ts'
import { eventKey, rangeOf, sideKey } from '../ledger/layout.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import type { Recorded } from '../oauth/events.ts'
import type { AnyLoaded } from '../projections/rows.ts'
import { Drops } from './drops.ts'
import { EntryCursor, valueListsOf } from './entry-cursor.ts'
import { followLate, isLate, type LateFollower } from './late-events.ts'
import { RecentStates } from './recent-states.ts'
import { noEvents, type StateBefore, unknownState } from './stream-states.ts'

export interface StateFold extends LateFollower {
  /** The state of a stream leaves the memory; it is the last one, unless the stream is recalled later. */
  leave(stream: string, loaded: AnyLoaded): void
  /** The state of a stream that had left, after so many of its events; where nobody knows it, its events are passed over. */
  recall(stream: string, version: number): StateBefore | Promise<StateBefore>
  /** After some events: to be waited for. */
  pause?(): Promise<void>
}

export interface FoldOptions {
  onProgress?: ((done: number, total: number) => void) | undefined
  /** How many states are in memory, and up to twice as many. */
  mostRecent?: number | undefined
  /** Where the store that the states left to has them all, nothing is folded anew by the index. */
  isRecallCheap?: boolean
}

/**
 * The first `size` events, in the order of the log; late ones behind all others, in that of their streams. Nothing is
 * verified but that no record is missing that was not dropped.
 *
 * @throws LedgerError damaged, unavailable
 */
export async function foldStates(
  reader: StorageReader,
  size: number,
  fold: StateFold,
  { onProgress, mostRecent, isRecallCheap = false }: FoldOptions = {},
): Promise<void> {
  const states = new RecentStates((stream, loaded) => fold.leave(stream, loaded), mostRecent)
  let done = 0
  let late = 0
  for await (const events of eventLists(reader, size)) {
    for (const recorded of events) {
      const { stream, version } = recorded
      if (!isRecallCheap && isLate(recorded)) {
        late++
        continue
      }
      const known = version === 0 ? noEvents : states.get(stream)
      const before = known?.version === version ? known : await fold.recall(stream, version)
      if (before === unknownState) continue
      fold.event?.(recorded, before)
      states.evolve(before, recorded)
    }
    done += events.length
    await fold.pause?.()
    onProgress?.(done - late, size)
  }
  states.clear()
  const early = done - late
  if (late > 0) await followLate(reader, fold, { size }, (followed) => onProgress?.(early + followed, size))
}

const saltBytes = 32

/** The events of the log in order, as many at once as were read at once. */
async function* eventLists(reader: StorageReader, size: number): AsyncGenerator<Recorded[]> {
  const sides = new EntryCursor(reader, rangeOf('side'))
  const { payloads } = await Drops.read(reader)
  let position = 0
  try {
    await sides.next()
    for await (const records of valueListsOf(reader, { ...rangeOf('event'), lt: eventKey(size) })) {
      const events: Recorded[] = []
      for (const bytes of records) {
        const record = decodeRecord(bytes)
        while (position < record.position && payloads.has(position)) position++
        if (record.position !== position) throw missing(position)
        const { timeMs, stream, version, type, body } = record
        const stored = record.commitment && sideAt(sides, position)
        const side = stored instanceof Promise ? await stored : stored
        events.push({ position, timeMs, stream, version, event: decodeEvent(type, body, side) })
        position++
      }
      yield events
    }
    if (position < size) throw missing(position)
  } finally {
    await sides.close()
  }
}

/** Content of the side record at a position, which is behind those that were asked for before. */
function sideAt(sides: EntryCursor, position: number): Buffer | undefined | Promise<Buffer | undefined> {
  const key = sideKey(position)
  while (sides.head && sides.head[0].compare(key) < 0) {
    const next = sides.next()
    if (next) return next.then(() => sideAt(sides, position))
  }
  const { head } = sides
  return head?.[0].equals(key) ? head[1].subarray(saltBytes) : undefined
}

const missing = (position: number) =>
  new LedgerError('damaged', `the record at position ${position} is missing`)
