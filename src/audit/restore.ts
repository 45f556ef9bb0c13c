/**
 * Restoring a backup: it is copied beside the place where it shall be, the copy is verified as a whole, and only
 * then it gets its name. The backup itself is not even opened, so it may lie on a medium that cannot be written.
 */
import { cp, readdir, readFile } from 'node:fs/promises'
import { isThere, writeDurably } from '../ledger/durable-file.ts'
import { removeLeftovers, writeFolder } from '../ledger/durable-folder.ts'
import { LedgerError } from '../ledger/errors.ts'
import { openStorage } from '../ledger/storage.ts'
import type { ThreadSource } from './audit-threads.ts'
import type { VerifyMessage } from './authority.ts'
import { BackupError, type BackupManifest, backupParts } from './backup.ts'
import type { OnVerifyProgress } from './verification.ts'
import { type Verification, type VerifyOptions, verifyLedger } from './verify.ts'

export interface RestorePlace {
  /** The ledger's folder: absent or empty. */
  ledger: string
  /** The folder of older events: absent or empty. */
  segments: string
  /** The copy of the last checkpoint outside LevelDB: absent. */
  checkpointFile: string
  /** What was acknowledged of a ledger: absent. */
  headFile: string
}

export interface RestoreOptions {
  verifyMessage: VerifyMessage
  onProgress?: OnVerifyProgress
  /** Threads that read the copy in this folder, which is verified by them. */
  threadsOf?: (ledger: string) => ThreadSource | undefined
}

/**
 * @throws BackupError exists, where there is a ledger already; malformed, where this is no backup; damaged, where it
 * does not hold, with the first fault; LedgerError unavailable
 */
export async function restoreBackup(
  directory: string,
  place: RestorePlace,
  { verifyMessage, onProgress, threadsOf }: RestoreOptions,
): Promise<{ manifest: BackupManifest; verification: Verification }> {
  await removeLeftovers(place.ledger)
  await assertEmpty(place)
  const parts = backupParts(directory)
  const manifest = readManifest(directory, await textOf(parts.manifest))
  const note = await textOf(parts.checkpoint)
  if ((note === undefined) !== (manifest.checkpointSize === null))
    throw new BackupError('malformed', `${directory}: its checkpoint file is not as the manifest says`)
  const verification = await writeFolder(place.ledger, async (copy) => {
    await readdir(parts.ledger).catch((cause) => {
      throw new BackupError('malformed', `${parts.ledger} cannot be read`, { cause })
    })
    await cp(parts.ledger, copy, { recursive: true })
    const found = await verifyCopy(copy, {
      verifyMessage,
      rows: true,
      threads: threadsOf?.(copy),
      ...(note !== undefined && { savedCheckpoints: [{ source: parts.checkpoint, note }] }),
      ...(onProgress && { onProgress }),
    })
    assertWhole(directory, manifest, found)
    return found
  })
  // Dying here leaves the ledger without the file beside it, which the next checkpoint writes.
  if (note !== undefined)
    await writeDurably(place.checkpointFile, note).catch((cause: Error) => {
      throw new LedgerError(
        'unavailable',
        `the ledger is restored, but ${place.checkpointFile} could not be written, which the next checkpoint does ` +
          `again: ${cause.message}`,
        { cause },
      )
    })
  return { manifest, verification }
}

async function verifyCopy(copy: string, options: VerifyOptions): Promise<Verification> {
  const storage = await openStorage(copy)
  try {
    return await verifyLedger(storage, options)
  } finally {
    await storage.close()
  }
}

async function assertEmpty({ ledger, segments, checkpointFile, headFile }: RestorePlace): Promise<void> {
  for (const folder of [ledger, segments]) {
    const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    if (files.length > 0) throw new BackupError('exists', `there is a ledger in ${folder} already`)
  }
  if (await isThere(checkpointFile))
    throw new BackupError('exists', `there is a checkpoint of another ledger already: ${checkpointFile}`)
  if (await isThere(headFile))
    throw new BackupError('exists', `there is the head of another ledger already: ${headFile}`)
}

const textOf = (file: string): Promise<string | undefined> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })

function readManifest(directory: string, text: string | undefined): BackupManifest {
  if (text === undefined)
    throw new BackupError('malformed', `${directory} is no backup: it has no manifest.json`)
  let manifest: Partial<BackupManifest>
  try {
    manifest = JSON.parse(text)
  } catch (cause) {
    throw new BackupError('malformed', `${directory}: its manifest is no JSON`, { cause })
  }
  const { version, size, root, checkpointSize } = manifest
  if (version !== 1)
    throw new BackupError(
      'malformed',
      `${directory}: version ${version} of backups is not known to this program`,
    )
  if (!Number.isSafeInteger(size) || typeof root !== 'string' || checkpointSize === undefined)
    throw new BackupError('malformed', `${directory}: its manifest is incomplete`)
  return manifest as BackupManifest
}

function assertWhole(directory: string, manifest: BackupManifest, verification: Verification): void {
  const { faults, events, root } = verification
  const [fault] = faults
  if (fault)
    throw new BackupError(
      'damaged',
      `${directory} is damaged, nothing was restored: ${fault.kind}${fault.position === null ? '' : ` at position ${fault.position}`}: ${fault.detail}`,
    )
  if (events !== manifest.size || root !== manifest.root)
    throw new BackupError(
      'damaged',
      `${directory} is damaged, nothing was restored: it has ${events} events with root ${root}, ` +
        `but its manifest says ${manifest.size} with root ${manifest.root}`,
    )
}
