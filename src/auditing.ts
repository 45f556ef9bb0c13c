/** What the audit commands and the quickstart share: whom to trust, which node to ask. */
import { ControlError, connectTo, noLedger } from './admin/connection.ts'
import type { BackupManifest } from './audit/backup.ts'
import type { SavedCheckpoint } from './audit/checkpoint-check.ts'
import { rebuildLifetimes } from './audit/lifetime-rebuild.ts'
import { readProofFile } from './audit/proof-file.ts'
import { type RebuiltRows, rebuildRows } from './audit/rebuild.ts'
import { restoreBackup } from './audit/restore.ts'
import type { OnVerifyProgress, VerifyStep } from './audit/verification.ts'
import { type Verification, verifyLedger } from './audit/verify.ts'
import { auditThreads } from './audit-thread.ts'
import { verifyMessage } from './chain/message.ts'
import type { ChainClient } from './chain/types.ts'
import type { HomePaths } from './config/home.ts'
import { hasDatabaseFiles } from './ledger/database-files.ts'
import { openSegmentedStorage } from './ledger/segments/segmented-storage.ts'
import { parseCheckpoint } from './tree/checkpoint.ts'
import { parseNote } from './tree/signed-note.ts'
import type { VerifiableLedger } from './verifiable-ledger.ts'

export interface AuditOptions {
  /** Addresses of further servers to trust. */
  servers?: readonly string[]
  /** The node to ask about the anchors; without it they are checked as far as the log tells. */
  chain?: ChainClient | undefined
  /** It was named by who asks: that it could not be asked is a fault. */
  mustAskChain?: boolean
  /** Checkpoints that somebody saved: today's log must begin with the log of each. */
  saved?: readonly SavedCheckpoint[]
  /** The folder of older events is read by this process also where the server runs. */
  paths: HomePaths
  onProgress?: OnVerifyProgress
}

/** Verifies the whole log of a server, running or stopped, in this process. */
export function verifyHistory(ledger: VerifiableLedger, options: AuditOptions): Promise<Verification> {
  const { servers: further = [], chain, mustAskChain, saved, paths, onProgress } = options
  const { reader, isRunning, addresses, origin, segments, kept, found } = ledger
  const { administrator, servers, peers } = addresses
  const threads = auditThreads(
    isRunning ? { controlSocket: paths.controlSocket } : { ledger: paths.ledger, segments: paths.segments },
  )
  return verifyLedger(reader, {
    verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
    trusted: {
      administratorAddress: administrator,
      serverAddresses: [...servers, ...peers, ...further],
      ...(origin !== undefined && { origin }),
    },
    // A running server goes on writing its read models while they would be compared.
    rows: !isRunning,
    kept,
    found,
    segments: { folder: paths.segments, list: segments },
    ...(chain && { chain }),
    ...(mustAskChain && { mustAskChain }),
    ...(saved && { savedCheckpoints: saved }),
    threads,
    ...(onProgress && { onProgress }),
  })
}

export interface Rebuilt extends RebuiltRows {
  /** Whether the index by time was written anew. */
  lifetimes: boolean
}

/** With the cosignatures of many witnesses. */
const longestNoteBytes = 1024 * 1024

/** A checkpoint note from a file. @throws ControlError, ProofFileError malformed */
export function savedCheckpoint(file: string): SavedCheckpoint {
  const note = readProofFile(file, longestNoteBytes)
  try {
    if (parseCheckpoint(parseNote(note).text).size === 0)
      throw new Error('a checkpoint of no events proves nothing')
    return { source: `file ${file}`, note }
  } catch (error) {
    throw new ControlError('malformed', `${file}: ${(error as Error).message}`)
  }
}

/**
 * Replaces the read models of a stopped server by a fresh fold, and the index by time where it is not right. The log
 * itself is verified first: of one that is damaged nothing is rebuilt.
 *
 * @throws ControlError already_running, no_ledger, damaged; LedgerError damaged, locked, unavailable
 */
export async function rebuildReadModels(
  paths: HomePaths,
  onProgress?: (done: number, total: number, step: VerifyStep | 'rebuilding') => void,
): Promise<Rebuilt> {
  if (await connectTo(paths.controlSocket))
    throw new ControlError('already_running', 'a running server needs its read models: stop it first')
  if (!(await hasDatabaseFiles(paths.ledger))) throw noLedger(paths.ledger)
  const storage = await openSegmentedStorage(paths.ledger, paths.segments)
  const registrations = () => storage.segments.list.map(({ registration }) => registration)
  const threads = auditThreads({ ledger: paths.ledger, segments: paths.segments })
  try {
    const { ok, faults } = await verifyLedger(storage, {
      verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
      mostFaults: 1,
      segments: { folder: paths.segments, list: async () => registrations() },
      threads,
      ...(onProgress && { onProgress }),
    })
    const [fault] = faults
    if (!ok && fault)
      throw new ControlError(
        'damaged',
        `the log itself is damaged, nothing was rebuilt: ${fault.kind}${fault.position === null ? '' : ` at position ${fault.position}`}: ${fault.detail}`,
      )
    const rows = await rebuildRows(storage, `${paths.ledger}.rebuild`, {
      onProgress: (done, total) => onProgress?.(done, total, 'rebuilding'),
      threads,
    })
    return { ...rows, lifetimes: await rebuildLifetimes(storage) }
  } finally {
    await storage.close()
  }
}

/**
 * Puts a backup into a home without a ledger.
 *
 * @throws ControlError already_running; BackupError
 */
export async function restoreLedger(
  directory: string,
  paths: HomePaths,
  onProgress: OnVerifyProgress,
): Promise<{ manifest: BackupManifest; verification: Verification }> {
  if (await connectTo(paths.controlSocket))
    throw new ControlError('already_running', 'a server runs in this home and has its own ledger')
  return restoreBackup(directory, paths, {
    verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
    onProgress,
    // The segments of a backup are in its ledger.
    threadsOf: (ledger) => auditThreads({ ledger, segments: paths.segments }),
  })
}
