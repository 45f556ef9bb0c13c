/**
 * Threads of a verification, each with a ledger of its own to read: the directory that this process has open, or a
 * connection to the running server. This file is both ends.
 */
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { remoteReader } from './admin/connection.ts'
import { serveAudit, type ThreadSource } from './audit/audit-threads.ts'
import type { SumOptions } from './audit/part-sums.ts'
import { openSegmentedStorage } from './ledger/segments/segmented-storage.ts'
import type { StorageReader } from './ledger/storage.ts'

/** Where the entries of a ledger are read. */
export type LedgerPlace = { ledger: string; segments: string } | { controlSocket: string }

interface Assignment {
  role: typeof role
  place: LedgerPlace
  options: SumOptions
}

const role = 'audit thread'
/** Each has tens of megabytes of its own; reading is the limit before so many. */
const mostThreads = 8
const leastEvents = 20_000
/** Entries come a thousand at a time and are soon gone: with twice the room, a seventh less processor time. */
const resourceLimits = { maxYoungGenerationSizeMb: 96 }

/** One for each core; none where there is but one. @param place stays open until all have ended */
export function auditThreads(place: LedgerPlace): ThreadSource | undefined {
  const count = Math.min(availableParallelism(), mostThreads)
  return count < 2
    ? undefined
    : { count, leastEvents, start: (options) => startWorker({ role, place, options }) }
}

/** This file in another thread. Where it is still TypeScript, as under a test runner, tsx has to read it. */
function startWorker(assignment: Assignment): Worker {
  const { url } = import.meta
  if (!url.endsWith('.ts')) return new Worker(new URL(url), { workerData: assignment, resourceLimits })
  const file = JSON.stringify(url)
  const program = `import('tsx/esm/api').then(({ tsImport }) => tsImport(${file}, ${file}))`
  return new Worker(program, { eval: true, workerData: assignment, resourceLimits })
}

const open = async (place: LedgerPlace): Promise<StorageReader> =>
  'controlSocket' in place
    ? remoteReader(place.controlSocket)
    : openSegmentedStorage(place.ledger, place.segments, { isOpenElsewhere: true })

const assignment = workerData as Partial<Assignment> | undefined
if (!isMainThread && assignment?.role === role)
  serveAudit(parentPort!, () => open(assignment.place!), assignment.options!)
