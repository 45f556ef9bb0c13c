/** A ledger of texts in a folder of its own, a storage that fails when told, and one check of everything. */
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { RecordedEvent } from '../../src/ledger/codec.ts'
import { eventKey } from '../../src/ledger/layout.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { logSize, proveInclusion, readEvents, readRecords, rootOfSize } from '../../src/ledger/reader.ts'
import { type LevelStorage, openStorage } from '../../src/ledger/storage.ts'
import { Frontier } from '../../src/tree/frontier.ts'
import { leafHash } from '../../src/tree/hash.ts'
import { rootFromInclusionProof } from '../../src/tree/proofs.ts'
import { merkleTreeHash } from '../tree/reference.ts'
import { projectTexts, type TextEvent, textCodec } from './text-events.ts'

/** Gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'signon-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export type Fault = 'not stored' | 'stored but not acknowledged'

export interface WatchedStorage extends LevelStorage {
  /** How often a batch was written: the number of fsyncs. */
  readonly writes: number
  /** How the next writes fail, in turn. */
  faults: (Fault | undefined)[]
  /** Whether it cannot be opened again. */
  isBroken: boolean
  /** While set, writes wait for it before they reach the disk. */
  gate: Promise<void> | undefined
  /** While set, a reopening waits for it. */
  reopenGate: Promise<void> | undefined
}

/** The storage of a folder, whose writes and reopenings can be held and can fail. */
export async function openWatchedStorage(folder: string): Promise<WatchedStorage> {
  const storage = await openStorage(folder)
  const watched: WatchedStorage & { writes: number } = {
    writes: 0,
    faults: [],
    isBroken: false,
    gate: undefined,
    reopenGate: undefined,
    get: (key) => storage.get(key),
    entries: (range) => storage.entries(range),
    entryLists: (range) => storage.entryLists(range),
    valueLists: (range) => storage.valueLists(range),
    compact: (range) => storage.compact(range),
    forget: (keys) => storage.forget(keys),
    batch() {
      const batch = storage.batch()
      return {
        put: (key, value) => batch.put(key, value),
        del: (key) => batch.del(key),
        async write() {
          watched.writes++
          const fault = watched.faults.shift()
          await watched.gate
          if (fault !== 'not stored') await batch.write()
          if (fault) throw new Error(`injected: ${fault}`)
        },
      }
    },
    async reopen() {
      await watched.reopenGate
      if (watched.isBroken) throw new Error('injected: cannot be opened')
      await storage.reopen()
    },
    close: () => storage.close(),
  }
  return watched
}

export interface OpenLedger {
  ledger: Ledger<TextEvent>
  storage: WatchedStorage
  /** All that `committed$` has told. */
  heard: RecordedEvent<TextEvent>[]
}

/** Opens the ledger of a folder; it is closed when the test is over. */
export async function openLedger(folder = temporaryFolder()): Promise<OpenLedger> {
  const storage = await openWatchedStorage(folder)
  const ledger = new Ledger<TextEvent>(storage, textCodec, projectTexts)
  const heard: RecordedEvent<TextEvent>[] = []
  ledger.committed$.subscribe((events) => heard.push(...events))
  onTestFinished(() => ledger.close())
  return { ledger, storage, heard }
}

/** A promise and what settles it. */
export function held(): { promise: Promise<void>; release: () => void } {
  let release = () => {}
  const promise = new Promise<void>((resolve) => {
    release = resolve
  })
  return { promise, release }
}

/** The code of the error that a promise rejects with. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error) => error.code ?? String(error),
  )

/** Settled or not, without waiting for it. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  return (await Promise.race([promise.catch(() => {}), Promise.resolve(pending)])) !== pending
}

/**
 * Checks all that must hold of a ledger at rest: the disk is what memory says, positions have no gap, times
 * never run backwards, streams count from 0, the tree is that of the records, rows are those of a replay.
 */
export async function checkLedger({
  ledger,
}: Pick<OpenLedger, 'ledger'>): Promise<RecordedEvent<TextEvent>[]> {
  const { storage, size } = ledger
  await checkTree(ledger)

  const events: RecordedEvent<TextEvent>[] = []
  const versions = new Map<string, number>()
  const rows = new Map<string, Buffer>()
  for await (const recorded of readEvents(storage, textCodec, 0, size)) {
    expect(recorded.timeMs).toBeGreaterThanOrEqual(events.at(-1)?.timeMs ?? 0)
    expect(recorded.version).toBe(versions.get(recorded.stream) ?? 0)
    versions.set(recorded.stream, recorded.version + 1)
    projectTexts(recorded, {
      get: (key) => rows.get(key.toString()),
      put: (key, value) => void rows.set(key.toString(), value),
      del: (key) => void rows.delete(key.toString()),
    })
    events.push(recorded)
  }
  const present: Buffer[] = []
  for await (const row of ledger.rows(Buffer.alloc(0))) present.push(row)
  expect(present.map(String).sort()).toEqual([...rows.values()].map(String).sort())
  for (const [key, row] of rows) expect(ledger.row(Buffer.from(key))?.toString()).toBe(row.toString())
  return events
}

/** Checks that positions have no gap, and that the tree on disk and in memory is that of the records. */
export async function checkTree(ledger: Pick<Ledger<never>, 'storage' | 'size' | 'frontier'>): Promise<void> {
  const { storage, size } = ledger
  expect(await logSize(storage)).toBe(size)
  const records: Buffer[] = []
  for await (const [position, record] of readRecords(storage, 0, size + 10)) {
    expect(position).toBe(records.length)
    records.push(Buffer.from(record))
  }
  expect(records.length).toBe(size)

  const root = merkleTreeHash(records)
  expect(Frontier.deserialize(ledger.frontier).root().toString('hex')).toBe(root.toString('hex'))
  for (const at of [0, 1, size >> 1, size - 1, size])
    if (at >= 0 && at <= size)
      expect(rootOfSize(storage, at).toString('hex')).toBe(
        merkleTreeHash(records.slice(0, at)).toString('hex'),
      )
  if (size > 0) {
    const leaf = leafHash(storage.get(eventKey(size - 1))!)
    const proof = proveInclusion(storage, size - 1, size)
    expect(rootFromInclusionProof(size - 1, size, leaf, proof)).toEqual(root)
  }
}

/**
 * The files below a folder in which a text stands; LevelDB compresses, and a text without repetition stays readable. What
 * it takes away meanwhile is read anew in the file that takes its place.
 */
export function filesHolding(folder: string, text: string | Buffer): string[] {
  for (;;)
    try {
      return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((file) => readFileSync(file).includes(text))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
}
