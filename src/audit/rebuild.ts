/**
 * The durable read models anew, from the events alone.
 *
 * They are compared first, in memory: most of the time they are right. Where they are not, those of the buckets that
 * differ are folded into a store beside the ledger, then only what differs is replaced, a batch at a time: each row is
 * the old one or the new one. Dying on the way leaves fewer wrong rows than before, and the same call again does the
 * rest.
 */
import { rm } from 'node:fs/promises'
import { rangeOf, rowKey } from '../ledger/layout.ts'
import { logSize } from '../ledger/reader.ts'
import { openStorage, type Storage, type StorageReader } from '../ledger/storage.ts'
import {
  type AnyLoaded,
  decodeLoaded,
  kindOfStream,
  projectIndexRows,
  stateRow,
  stateRowKey,
} from '../projections/rows.ts'
import { BehindWriter } from './behind-writer.ts'
import { type CompareOptions, differingRows } from './differing-rows.ts'
import { bucketOf } from './entry-comparison.ts'
import { EntryCursor } from './entry-cursor.ts'
import { type FoldOptions, foldStates } from './state-fold.ts'
import { rowPrefixBytes } from './stored-rows.ts'

export interface RebuiltRows {
  /** Events that were folded. */
  events: number
  /** Rows that were missing. */
  added: number
  /** Rows that were other ones. */
  altered: number
  /** Rows that follow from no event. */
  removed: number
}

const writesAtOnce = 10_000
const foldedBytesAtOnce = 1 << 19

/**
 * @param storage of a ledger that nobody appends to and whose records have been verified
 * @param scratch path of a folder that is made for this, where rows differ, and taken away again
 * @param options where rows differ, the progress goes from nothing to all twice
 */
export async function rebuildRows(
  storage: Storage,
  scratch: string,
  options: CompareOptions = {},
): Promise<RebuiltRows> {
  // Of a rebuild that was broken off.
  await rm(scratch, { recursive: true, force: true })
  const events = await logSize(storage)
  const differing = await differingRows(storage, events, options)
  if (differing.size === 0) return { events, added: 0, altered: 0, removed: 0 }
  const folded = await openStorage(scratch, { isScratch: true })
  try {
    await fold(storage, events, folded, differing, options)
    return { events, ...(await replace(storage, folded, differing)) }
  } finally {
    await folded.close()
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Writes the rows of the buckets that differ, and all states. */
async function fold(
  from: StorageReader,
  size: number,
  into: Storage,
  differing: ReadonlySet<number>,
  options: FoldOptions,
): Promise<void> {
  const writer = new BehindWriter(into, foldedBytesAtOnce)
  const differs = (key: Buffer) => differing.has(bucketOf(key))
  const rows = {
    put: (key: Buffer, value: Buffer) => void (differs(key) && writer.put(rowKey(key), value)),
    del: (key: Buffer) => void (differs(key) && writer.del(rowKey(key))),
  }
  /** States that left the memory and may not be on disk yet: those in the batch that is filled, and in the one before. */
  let [filled, written] = [new Map<string, AnyLoaded>(), new Map<string, AnyLoaded>()]
  await foldStates(
    from,
    size,
    {
      event: (recorded, before) => projectIndexRows(recorded, before, rows),
      leave(stream, loaded) {
        const row = stateRow(stream, loaded)
        if (!row) return
        writer.put(rowKey(row[0]), row[1])
        filled.set(stream, loaded)
      },
      recall(stream) {
        const kind = kindOfStream(stream)
        const unwritten = filled.get(stream) ?? written.get(stream)
        return unwritten ?? decodeLoaded(kind, into.get(rowKey(stateRowKey(stream))))
      },
      async pause() {
        if (!writer.isFull) return
        await writer.next()
        written = filled
        filled = new Map()
      },
    },
    { ...options, isRecallCheap: true },
  )
  await writer.finish()
}

async function replace(
  storage: Storage,
  folded: StorageReader,
  differing: ReadonlySet<number>,
): Promise<Omit<RebuiltRows, 'events'>> {
  const counts = { added: 0, altered: 0, removed: 0 }
  let waiting: [Buffer, Buffer | undefined][] = []
  const outdated: Buffer[] = []
  const cursors = [new EntryCursor(storage, rangeOf('row')), new EntryCursor(folded, rangeOf('row'))] as const
  const [presents, rights] = cursors
  try {
    for (const cursor of cursors) await cursor.next()
    for (;;) {
      const { head: present } = presents
      const { head: right } = rights
      if (!present && !right) break
      const order = !present ? 1 : !right ? -1 : present[0].compare(right[0])
      const key = (order <= 0 ? present! : right!)[0]
      const isSame = order === 0 && present![1].equals(right![1])
      if (!isSame && differing.has(bucketOf(key.subarray(rowPrefixBytes)))) {
        counts[order > 0 ? 'added' : order < 0 ? 'removed' : 'altered']++
        if (order <= 0) outdated.push(present![0])
        waiting.push(order >= 0 ? [right![0], right![1]] : [present![0], undefined])
        if (waiting.length >= writesAtOnce) {
          await writeAll(storage, waiting)
          waiting = []
        }
      }
      const steps = [order <= 0 ? presents.next() : undefined, order >= 0 ? rights.next() : undefined]
      for (const step of steps) if (step) await step
    }
  } finally {
    for (const cursor of cursors) await cursor.close()
  }
  await writeAll(storage, waiting)
  // A row that should not have been there may have named an erased person.
  await storage.forget(outdated)
  return counts
}

async function writeAll(
  storage: Storage,
  entries: Iterable<[key: Buffer, value: Buffer | undefined]>,
): Promise<void> {
  const batch = storage.batch()
  for (const [key, value] of entries) {
    if (value) batch.put(key, value)
    else batch.del(key)
  }
  await batch.write()
}
