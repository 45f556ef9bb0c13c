/** The seam to LevelDB: the only place that knows it, and where tests let writes fail. */
import { resolve } from 'node:path'
import { compact, Snapshots } from './compaction.ts'
import { checkBeforeOpening, checkTables } from './database-files.ts'
import { LedgerError } from './errors.ts'
import { LevelDatabase } from './level-database.ts'

export interface Range {
  gte: Buffer
  lt: Buffer
  reverse?: boolean
  limit?: number
}

export interface StorageBatch {
  put(key: Buffer, value: Buffer): void
  del(key: Buffer): void
  /**
   * Resolves once the whole batch is on disk (fsync). Rejects when it is not, or when that is unknown:
   * then only reopening tells, and nothing more is written until then. LevelDB itself would go on behind the
   * half-written batch, and at the next start it would not find what stands there, though it was synced.
   */
  write(): Promise<void>
}

/** What the audit reads a ledger through: a directory, or a running server. */
export interface StorageReader {
  get(key: Buffer): Buffer | undefined | Promise<Buffer | undefined>
  /** Entries in key order, all of one snapshot. */
  entries(range: Range): AsyncIterable<Entry>
  /** The same, as many at once as were read at once, where the reader can tell. */
  entryLists?(range: Range): AsyncIterable<readonly Entry[]>
  /** Values in the order of their keys, in one question where each would be one; see `readAll`. */
  getAll?(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>
  /** Entries of one range after the other, in one question where each would be one; see `readRanges`. */
  entriesOf?(ranges: readonly Range[]): AsyncIterable<Entry>
  /** The values alone, in the same order, which is a third faster. */
  valueLists?(range: Range): AsyncIterable<readonly Buffer[]>
  /** The same without what is altered in segments, where reading fails otherwise; absent where there are none. */
  readonly salvage?: StorageReader
}

export interface Storage extends StorageReader {
  get(key: Buffer): Buffer | undefined
  batch(): StorageBatch
  /**
   * Makes LevelDB drop the bytes that its files still keep of what was deleted or replaced under these keys.
   * Not part of durability: where the process dies meanwhile, the same call does it again.
   *
   * @returns whether they are gone; false where a reader that had begun before did not end in time, whose snapshot
   * keeps them
   */
  forget(keys: readonly Buffer[]): Promise<boolean>
  /** Closes and opens again, after a failed write. */
  reopen(): Promise<void>
  close(): Promise<void>
}

export type Entry = [key: Buffer, value: Buffer]

/** LevelDB itself, as what is laid over it sees it. */
export interface LevelStorage extends Storage {
  /** Entries of `entries`, as many at once as were read at once. The snapshot is that of the first call of `next`. */
  entryLists(range: Range): AsyncGenerator<readonly Entry[]>
  valueLists(range: Range): AsyncGenerator<readonly Buffer[]>
  /** Rewrites the files that hold keys from `gte` on up to `lt`, so that what was deleted there takes no room. */
  compact(range: Range): Promise<void>
}

/** Measured: 1,000 entries or 1 MiB a read, the next one under way meanwhile, is twice as fast as LevelDB's 16 KiB. */
const mostAtOnce = 1000
const bytesAtOnce = 1 << 20
/**
 * The first read; each one after it is twice as long. LevelDB's binding sets 64 bytes an entry aside for the longest, until
 * the iterator is collected, of which V8 is in no hurry. Where the first brings fewer, the range was short: nothing is
 * read ahead.
 */
const leastAtOnce = 100
/** An audit over the whole log may read for minutes: whoever asked to forget is told, not kept waiting. */
const longestSnapshotMs = 5000

/**
 * LevelDB maps the table files that are open and holds their indexes: of ten million events that came to 1.1 GB resident.
 * With 64 tables of 1 MiB, the fewest that it takes and half as large as it makes them, there is a bound; a look-up of what
 * is neither new nor in the cache opens one or two of them, some 15 us each (docs/performance.md).
 */
const whileServing = { cacheSize: 8 << 20, maxOpenFiles: 74, maxFileSize: 1 << 20 }
/** A fold reads states all over what it has written, and is over in minutes. */
const whileFolding = { cacheSize: 64 << 20, maxOpenFiles: 4096 }

/** Of keys that are not read: they come as empty texts, cheaper than empty buffers. The ends of a range stay bytes. */
const unread = {
  name: 'unread',
  format: 'utf8',
  encode: (key: Buffer) => key,
  decode: () => noBytes,
} as const
const noBytes = Buffer.alloc(0)

interface IteratorOptions {
  keys?: boolean
  keyEncoding?: typeof unread
}

export interface StorageOptions {
  /** What is written need not be there after a crash: no batch waits for the disk. */
  isScratch?: boolean
  /**
   * To read what another thread of this process has open, which closes it last. LevelDB's lock keeps other processes
   * out; that no thread opens a ledger twice to write to it is for `openDirectories`.
   */
  isOpenElsewhere?: boolean
}

/** Of this thread. */
const openDirectories = new Set<string>()

/** @throws LedgerError locked, unavailable or damaged */
export async function openStorage(
  directory: string,
  { isScratch = false, isOpenElsewhere = false }: StorageOptions = {},
): Promise<LevelStorage> {
  const claim = isOpenElsewhere ? undefined : claimDirectory(directory)
  try {
    const storage = await openLevel(directory, isScratch, claim !== undefined)
    return {
      ...storage,
      async close() {
        await storage.close()
        claim?.release()
      },
    }
  } catch (error) {
    claim?.release()
    throw error
  }
}

/** @throws LedgerError locked */
function claimDirectory(directory: string): { release(): void } {
  const name = resolve(directory)
  if (openDirectories.has(name))
    throw new LedgerError('locked', `the ledger in ${directory} is in use by this process already`)
  openDirectories.add(name)
  return { release: () => openDirectories.delete(name) }
}

async function openLevel(directory: string, isScratch: boolean, isFirst: boolean): Promise<LevelStorage> {
  // Made, it opens by itself.
  if (isFirst) await checkBeforeOpening(directory)
  const db = new LevelDatabase(directory, {
    multithreading: true,
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    writeBufferSize: 16 << 20,
    ...(isScratch ? whileFolding : whileServing),
  })
  await open(db, directory)
  const snapshots = new Snapshots()
  /** The first write that failed since the database was opened. */
  let failure: { cause: unknown } | undefined
  let last: Promise<unknown> = Promise.resolve()
  const unreadable = (cause: unknown) =>
    isCorruption(cause)
      ? new LedgerError('damaged', `the ledger in ${directory} is damaged: ${(cause as Error).message}`, {
          cause,
        })
      : unavailable('the ledger cannot be read', cause)
  const unwritten = (cause: unknown) =>
    unavailable(`the ledger in ${directory} could not be written: ${(cause as Error).message}`, cause)
  /** One at a time: what LevelDB has in its queue behind a write that fails, it writes all the same. */
  const inTurn = (write: () => Promise<void>): Promise<void> => {
    const written = last.then(async () => {
      if (failure) throw unwritten(failure.cause)
      try {
        await write()
      } catch (cause) {
        failure ??= { cause }
        throw unwritten(cause)
      }
    })
    last = written.catch(() => {})
    return written
  }
  async function* lists(range: Range, options: IteratorOptions): AsyncGenerator<readonly Entry[]> {
    const iterator = opened(() => db.iterator({ ...range, highWaterMarkBytes: bytesAtOnce, ...options }))
    const release = snapshots.hold()
    let atOnce = leastAtOnce
    let ahead: Promise<Entry[]> | undefined = iterator.nextv(atOnce)
    try {
      for (;;) {
        const entries: Entry[] = await (ahead ?? iterator.nextv(atOnce))
        if (entries.length === 0) return
        const isShort = entries.length < leastAtOnce
        atOnce = Math.min(2 * atOnce, mostAtOnce)
        ahead = isShort ? undefined : iterator.nextv(atOnce)
        // Its failure is met at the await above, or by nobody where the caller stops here.
        ahead?.catch(() => {})
        for (const entry of entries) entry[1] = asPut(entry[1])
        yield entries
      }
    } catch (cause) {
      throw unreadable(cause)
    } finally {
      await ahead?.catch(() => {})
      await iterator.close()
      release()
    }
  }
  const storage: LevelStorage = {
    get(key) {
      try {
        const value = db.getSync(key)
        return value && asPut(value)
      } catch (cause) {
        throw unreadable(cause)
      }
    },
    async *entries(range) {
      for await (const entries of storage.entryLists(range)) for (const entry of entries) yield entry
    },
    entryLists: (range) => lists(range, {}),
    async *valueLists(range) {
      for await (const entries of lists(range, { keys: false, keyEncoding: unread }))
        yield entries.map(([, value]) => value)
    },
    batch() {
      const batch = opened(() => db.batch())
      return {
        put: (key, value) => void batch.put(key, stored(value)),
        del: (key) => void batch.del(key),
        write: () => inTurn(() => batch.write({ sync: !isScratch })),
      }
    },
    async forget(keys) {
      const areOver = await snapshots.over(longestSnapshotMs)
      await compact(db, keys, inTurn)
      return areOver
    },
    async reopen() {
      await last
      await db.close()
      await checkBeforeOpening(directory)
      await open(db, directory)
      failure = undefined
    },
    compact: ({ gte, lt }) => db.compactRange(gte, lt),
    close: () => db.close(),
  }
  return storage
}

/**
 * classic-level 3.0.0 does not free its copy of an empty value (`DisposeSliceBuffer` in its binding.cc): 32 bytes each time,
 * of which a server writes one or two with each token. So an empty value is stored as this byte, which no value is else.
 */
const forEmpty = Buffer.of(0)

function stored(value: Buffer): Buffer {
  if (value.length > 1) return value
  if (value.length === 0) return forEmpty
  if (isForEmpty(value)) throw new RangeError('the byte 00 alone is no value')
  return value
}

const asPut = (value: Buffer): Buffer => (isForEmpty(value) ? noBytes : value)
const isForEmpty = (value: Buffer): boolean => value.length === 1 && value[0] === 0

/** While the database is opened anew it takes nothing: that is a failing storage, not a mistake of the caller's. */
function opened<T>(use: () => T): T {
  try {
    return use()
  } catch (cause) {
    throw unavailable('the ledger is being opened anew', cause)
  }
}

/** LevelDB read bytes that its checksums, its compression or its formats reject. */
const isCorruption = (cause: unknown): boolean => (cause as { code?: string }).code === 'LEVEL_CORRUPTION'

const unavailable = (message: string, cause: unknown) => new LedgerError('unavailable', message, { cause })

async function open(db: LevelDatabase, directory: string): Promise<void> {
  try {
    await db.open()
  } catch (error) {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause
    if (cause?.code === 'LEVEL_LOCKED')
      throw new LedgerError('locked', `the ledger in ${directory} is in use by another process`, { cause })
    if (cause?.code === 'LEVEL_CORRUPTION')
      throw new LedgerError('damaged', `the ledger in ${directory} is damaged: ${cause.message}`, { cause })
    throw new LedgerError(
      'unavailable',
      `the ledger in ${directory} cannot be opened: ${cause?.message ?? error}`,
      {
        cause,
      },
    )
  }
  try {
    await checkTables(directory, () => db.getProperty('leveldb.sstables'))
  } catch (error) {
    await db.close()
    throw error
  }
}
