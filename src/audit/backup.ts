/**
 * A backup: every entry of the ledger as one snapshot has them, so it is consistent at one position however fast
 * the server goes on. The same code reads a running server over its control socket and a stopped one's directory.
 *
 *     DIR/manifest.json   what it is, and of which tree; written last
 *     DIR/ledger/         LevelDB, with annex (checkpoints, anchors), side records and read models
 *     DIR/checkpoint      the last checkpoint as a signed note, where one was signed
 *
 * It is written under another name and renamed when it is whole: DIR is a backup or is not there.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkpointPrefix } from '../ledger/checkpoints.ts'
import { isThere } from '../ledger/durable-file.ts'
import { removeLeftovers, writeFolder } from '../ledger/durable-folder.ts'
import { annexKey, frontierKey, kindOf } from '../ledger/layout.ts'
import { logSize } from '../ledger/reader.ts'
import { decodeRecord, typeOf } from '../ledger/record.ts'
import { openStorage, type StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import { eventLayouts } from '../oauth/events.ts'
import { parseCheckpoint } from '../tree/checkpoint.ts'
import { Frontier } from '../tree/frontier.ts'
import { parseNote } from '../tree/signed-note.ts'
import { BehindWriter } from './behind-writer.ts'
import { listsOf } from './entry-cursor.ts'

export interface BackupManifest {
  /** Of this form. */
  version: 1
  /** ISO 8601. */
  createdAt: string
  /** Version of the program that wrote it. */
  program: string
  /** Number of events. */
  size: number
  /** Root hash of the tree of these events, base64. */
  root: string
  /** Tree size of the last checkpoint; null where none was signed. */
  checkpointSize: number | null
  /** Entries of LevelDB, and the bytes of their keys and values. */
  entries: number
  bytes: number
}

export const backupParts = (directory: string) => ({
  manifest: join(directory, 'manifest.json'),
  ledger: join(directory, 'ledger'),
  checkpoint: join(directory, 'checkpoint'),
})

/** `exists`: something is where the result should be. `malformed`: it is no backup. `damaged`: it does not hold. */
export class BackupError extends Error {
  override name = 'BackupError'
  readonly code: 'exists' | 'malformed' | 'damaged'

  constructor(code: BackupError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface BackupOptions {
  program: string
  nowMs: number
  onProgress?: (done: number, total: number) => void
}

const bytesAtOnce = 4 << 20
const everything = { gte: Buffer.alloc(1, 0), lt: Buffer.alloc(4, 0xff) }

/**
 * Writes a backup into a folder that must not be there yet.
 *
 * @throws BackupError exists, damaged; LedgerError unavailable
 */
export async function writeBackup(
  reader: StorageReader,
  directory: string,
  options: BackupOptions,
): Promise<BackupManifest> {
  await removeLeftovers(directory)
  if (await isThere(directory)) throw new BackupError('exists', `${directory} is there already`)
  return writeFolder(directory, async (partial) => {
    const parts = backupParts(partial)
    const copied = await copyEntries(reader, parts.ledger, options.onProgress)
    if (copied.note !== undefined) await writeFile(parts.checkpoint, copied.note, { mode: 0o600 })
    const manifest: BackupManifest = {
      version: 1,
      createdAt: new Date(options.nowMs).toISOString(),
      program: options.program,
      size: copied.frontier.size,
      root: copied.frontier.root().toString('base64'),
      checkpointSize: copied.note === undefined ? null : parseCheckpoint(parseNote(copied.note).text).size,
      entries: copied.entries,
      bytes: copied.bytes,
    }
    await writeFile(parts.manifest, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 })
    return manifest
  })
}

const codeOfDrops = eventLayouts['payloads.dropped'].code

/** How many records an event of the retention policy says are gone. */
function droppedBy(bytes: Buffer): number {
  if (typeOf(bytes) !== codeOfDrops) return 0
  const event = decodeEvent(codeOfDrops, decodeRecord(bytes).body)
  return event.type === 'payloads.dropped' ? event.count : 0
}

interface Copied {
  frontier: Frontier
  /** The last checkpoint in the annex. */
  note: string | undefined
  entries: number
  bytes: number
}

async function copyEntries(
  reader: StorageReader,
  directory: string,
  onProgress: BackupOptions['onProgress'],
): Promise<Copied> {
  const total = await logSize(reader)
  const storage = await openStorage(directory, { isScratch: true })
  try {
    const copied: Copied = { frontier: new Frontier(), note: undefined, entries: 0, bytes: 0 }
    const checkpointKeys = annexKey(checkpointPrefix)
    const writer = new BehindWriter(storage, bytesAtOnce)
    let events = 0
    let dropped = 0
    for await (const entries of listsOf(reader, everything))
      for (const [key, value] of entries) {
        writer.put(key, value)
        copied.entries++
        copied.bytes += key.length + value.length
        const kind = kindOf(key)
        if (kind === 'event') {
          events++
          dropped += droppedBy(value)
        } else if (key.equals(frontierKey)) copied.frontier = Frontier.deserialize(value)
        // Names end in the size with leading zeros: the last one is that of the largest tree.
        else if (kind === 'annex' && key.subarray(0, checkpointKeys.length).equals(checkpointKeys))
          copied.note = value.toString()
        if (!writer.isFull) continue
        await writer.next()
        onProgress?.(Math.min(events + dropped, total), total)
      }
    await writer.finish()
    if (events + dropped !== copied.frontier.size)
      throw new BackupError(
        'damaged',
        `the ledger says that it has ${copied.frontier.size} events, but ${events} were read and ${dropped} dropped`,
      )
    return copied
  } finally {
    await storage.close()
  }
}
