/** What is asked of a verification, and what it answers. */
import type { ChainClient } from '../chain/types.ts'
import type { ThreadSource } from './audit-threads.ts'
import type { OpenedServer, Trusted, VerifyMessage } from './authority.ts'
import type { SavedCheckpoint } from './checkpoint-check.ts'
import type { Fault, Faults } from './fault.ts'
import type { SegmentSource } from './segment-check.ts'

/** What a verification goes through, one behind the other; the last only where it is asked for. */
export type VerifyStep = 'events' | 'stream index' | 'read models'

/** Of each step: about how many events it has come through. */
export type OnVerifyProgress = (done: number, total: number, step: VerifyStep) => void

/** The files beside the store, which tell where its last bytes are lost or an older one was put back. */
export interface KeptOutside {
  checkpoint?: SavedCheckpoint
  /** docs/formats.md, "Head file". */
  head?: { source: string; text: string }
}

export interface VerifyOptions {
  verifyMessage: VerifyMessage
  /** Addresses known from outside the log; without them the log's own word is taken, and told as `servers`. */
  trusted?: Trusted
  /** Compares the read models with a fresh fold too. Only for a log that does not grow meanwhile. */
  rows?: boolean
  /** A node to ask about the anchors. */
  chain?: ChainClient
  /** It is a fault where the node cannot be asked, instead of a warning. */
  mustAskChain?: boolean
  /** Checkpoints kept elsewhere: the log must contain the tree of each. */
  savedCheckpoints?: readonly SavedCheckpoint[]
  /** What the server itself keeps of the log outside of it. */
  kept?: KeptOutside
  /** What was found wrong when the log was opened. */
  found?: readonly Fault[]
  /** The files of older events, to be checked byte by byte too. */
  segments?: SegmentSource
  /** How many faults are collected; 100 where left out. */
  mostFaults?: number
  onProgress?: OnVerifyProgress
  /** Threads that share the work where the log is long enough for it. */
  threads?: ThreadSource | undefined
}

export interface Verification {
  ok: boolean
  /** Positions that were gone through. */
  events: number
  /** Stored checkpoints that hold. */
  checkpoints: number
  /** Checkpoints saved elsewhere that hold: the log they were signed for is the beginning of this one. */
  savedCheckpoints: number
  /** Confirmed anchors that hold. */
  anchors: number
  pendingAnchors: number
  /** Side records that were erased, which is no fault. */
  erased: number
  /** Records and side records that the retention policy dropped, as events say; no fault. */
  droppedPayloads: number
  droppedSideRecords: number
  /** Files of older events that are whole. */
  segments: number
  /** Root hash of all events, base64; null where it cannot be computed. */
  root: string | null
  /** Who may sign checkpoints, by the log's own word. */
  servers: OpenedServer[]
  /** By position. */
  faults: Fault[]
  hasMoreFaults: boolean
  /** What went wrong outside the log. */
  warnings: string[]
  /** What was not proved, and why. */
  unchecked: string[]
}

/** Of a log of which nothing can be read. */
export const nothingVerified = (faults: Faults): Verification => ({
  ok: false,
  events: 0,
  checkpoints: 0,
  savedCheckpoints: 0,
  anchors: 0,
  pendingAnchors: 0,
  erased: 0,
  droppedPayloads: 0,
  droppedSideRecords: 0,
  segments: 0,
  root: null,
  servers: [],
  faults: faults.sorted(),
  hasMoreFaults: faults.hasMore,
  warnings: [],
  unchecked: ['no event could be read'],
})
