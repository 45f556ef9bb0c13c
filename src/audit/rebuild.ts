/**
 * The durable read models anew, from the events alone.
 *
 * They are folded into a store beside the ledger, then only what differs is replaced, a batch at a time: each row
 * is the old one or the new one. Dying on the way leaves fewer wrong rows than before, and the same call again
 * does the rest.
 */
import { rm } from 'node:fs/promises'
import type { Rows } from '../ledger/codec.ts'
import { rangeOf, rowKey } from '../ledger/layout.ts'
import { logSize, readEvents } from '../ledger/reader.ts'
import { openStorage, type Storage, type StorageReader } from '../ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { projectRows } from '../projections/rows.ts'

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

const codec = { encode: encodeEvent, decode: decodeEvent }
const writesAtOnce = 10_000

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
  const folded = await openStorage(scratch)
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
  let waiting = new Map<string, [Buffer, Buffer | undefined]>()
  const set = (key: Buffer, value: Buffer | undefined) =>
    void waiting.set(key.toString('latin1'), [rowKey(key), value])
  const rows: Rows = {
    get(key) {
      const written = waiting.get(key.toString('latin1'))
      return written ? written[1] : into.get(rowKey(key))
    },
    put: set,
    del: (key) => set(key, undefined),
  }
  const flush = async (done: number) => {
    await writeAll(into, waiting.values())
    waiting = new Map()
    onProgress(done, size)
  }
  for await (const recorded of readEvents(from, codec, 0, size)) {
    projectRows(recorded, rows)
    if (waiting.size >= writesAtOnce) await flush(recorded.position + 1)
  }
  await flush(size)
  return size
}

type Entry = [key: Buffer, value: Buffer]

async function replace(storage: Storage, folded: StorageReader): Promise<Omit<RebuiltRows, 'events'>> {
  const counts = { added: 0, altered: 0, removed: 0 }
  let waiting: [Buffer, Buffer | undefined][] = []
  const outdated: Buffer[] = []
  for await (const [present, right] of side(
    storage.entries(rangeOf('row')),
    folded.entries(rangeOf('row')),
  )) {
    if (present && right && present[1].equals(right[1])) continue
    counts[!present ? 'added' : right ? 'altered' : 'removed']++
    if (present) outdated.push(present[0])
    waiting.push(right ? [right[0], right[1]] : [present![0], undefined])
    if (waiting.length < writesAtOnce) continue
    await writeAll(storage, waiting)
    waiting = []
  }
  await writeAll(storage, waiting)
  // A row that should not have been there may have named an erased person.
  await storage.forget(outdated)
  return counts
}

/** Two ordered sequences side by side, by key. */
async function* side(
  left: AsyncIterable<Entry>,
  right: AsyncIterable<Entry>,
): AsyncGenerator<[left: Entry | undefined, right: Entry | undefined]> {
  const [lefts, rights] = [left[Symbol.asyncIterator](), right[Symbol.asyncIterator]()]
  const next = async (entries: AsyncIterator<Entry>): Promise<Entry | undefined> => {
    const { done, value } = await entries.next()
    return done ? undefined : value
  }
  try {
    let [a, b] = [await next(lefts), await next(rights)]
    while (a || b) {
      const order = !a ? 1 : !b ? -1 : a[0].compare(b[0])
      yield [order <= 0 ? a : undefined, order >= 0 ? b : undefined]
      if (order <= 0) a = await next(lefts)
      if (order >= 0) b = await next(rights)
    }
  } finally {
    await lefts.return?.()
    await rights.return?.()
  }
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
