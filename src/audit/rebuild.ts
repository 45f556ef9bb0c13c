/**
 * The durable read models anew, from the events alone.
 *
 * They are folded into a store beside the ledger, then only what differs is replaced, a batch at a time: each row
 * is the old one or the new one. Dying on the way leaves fewer wrong rows than before, and the same call again
 * does the rest.
 */
import { rm } from 'node:fs/promises'
import QuickLRU from 'quick-lru'
import type { Rows } from '../ledger/codec.ts'
import { LedgerError } from '../ledger/errors.ts'
import { rangeOf, rowKey } from '../ledger/layout.ts'
import { logSize } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import { openStorage, type Storage, type StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import type { Recorded } from '../oauth/events.ts'
import { projectRows } from '../projections/rows.ts'
import { BehindWriter } from './behind-writer.ts'
import { Blocks } from './blocks.ts'
import { EntryCursor } from './entry-cursor.ts'

const saltBytes = 32

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
/** No row of a state has fewer, its key with it. */
const leastRowBytes = 32
/**
 * States that are kept in memory. More than two batches have room for, the one that is being written and the one that
 * is being filled: a state that is not kept is one that can be read.
 */
const keptStates = (2 * foldedBytesAtOnce) / leastRowBytes

/**
 * @param storage of a ledger that nobody appends to and whose records have been verified
 * @param scratch path of a folder that is made for this and taken away again
 */
export async function rebuildRows(
  storage: Storage,
  scratch: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<RebuiltRows> {
  // Of a rebuild that was broken off.
  await rm(scratch, { recursive: true, force: true })
  const folded = await openStorage(scratch, { isScratch: true })
  try {
    const events = await fold(storage, folded, onProgress)
    return { events, ...(await replace(storage, folded)) }
  } finally {
    await folded.close()
    await rm(scratch, { recursive: true, force: true })
  }
}

async function fold(
  from: StorageReader,
  into: Storage,
  onProgress: (done: number, total: number) => void,
): Promise<number> {
  const size = await logSize(from)
  const blocks = new Blocks(from, size)
  const states = new QuickLRU<string, unknown>({ maxSize: keptStates })
  const writer = new BehindWriter(into, foldedBytesAtOnce)
  const rows: Rows = {
    get: (key) => into.get(rowKey(key)),
    put: (key, value) => writer.put(rowKey(key), value),
    del: (key) => writer.del(rowKey(key)),
  }
  try {
    for await (const { start, end, records, sides } of blocks) {
      for (let position = start; position < end; position++) {
        const recorded = restored(position, records[position - start], sides[position - start])
        states.set(recorded.stream, projectRows(recorded, rows, states.get(recorded.stream)))
      }
      if (writer.isFull) await writer.next()
      onProgress(end, size)
    }
    await writer.finish()
  } finally {
    await blocks.close()
  }
  return size
}

/** @throws LedgerError damaged */
function restored(position: number, bytes: Buffer | undefined, side: Buffer | undefined): Recorded {
  if (!bytes) throw new LedgerError('damaged', `the record at position ${position} is missing`)
  const { timeMs, stream, version, type, body } = decodeRecord(bytes)
  return { position, timeMs, stream, version, event: decodeEvent(type, body, side?.subarray(saltBytes)) }
}

async function replace(storage: Storage, folded: StorageReader): Promise<Omit<RebuiltRows, 'events'>> {
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
      if (order !== 0 || !present![1].equals(right![1])) {
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
