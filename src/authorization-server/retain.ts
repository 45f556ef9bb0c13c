/**
 * Retention: takes the payloads or the side records of streams that have been over for long, a bounded number at a
 * time, in steps between which requests run.
 *
 * 1. An event says which positions go (`retention-pass.ts`). What it names is deleted in its own batch, so that every
 *    reader sees all of it or nothing, and a note in the annex is of the same batch. Dying before leaves everything as
 *    it was.
 * 2. The files are made to forget: segments are written anew without what was dropped, LevelDB rewrites its tables.
 *    Then the note goes. Dying before that leaves the note, and the next start of the server does the same again.
 */
import { deleteAnnex } from '../ledger/annex.ts'
import { annexKey, decodePosition, sideKey } from '../ledger/layout.ts'
import { readStream } from '../ledger/reader.ts'
import { purge } from '../ledger/segments/purge.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { streamOf } from '../oauth/events.ts'
import { droppedRuns, isDrop, type RetentionKind } from '../oauth/retention.ts'
import { coldRows } from '../projections/cold-rows.ts'
import {
  droppingPrefix,
  type Retained,
  type RetainerOptions,
  type RetainOptions,
  RetentionPass,
  type RetentionProgress,
} from './retention-pass.ts'

/** How long things are kept after their stream is over; 0: for ever. */
export interface RetentionPolicy {
  payloadsSeconds: number
  sideRecordsSeconds: number
}

const codec = { encode: encodeEvent, decode: decodeEvent }
const kinds = ['payloads', 'side_records'] as const
const sidesForgottenAtOnce = 4096

export class Retainer {
  readonly #options: RetainerOptions
  #progress: RetentionProgress = { looked: 0, total: 0 }

  constructor(options: RetainerOptions) {
    this.#options = options
  }

  get progress(): RetentionProgress {
    return this.#progress
  }

  /** Takes what the policy lets go. @throws LedgerError unavailable or damaged */
  async run(policy: RetentionPolicy, options: RetainOptions = {}): Promise<Retained> {
    const retained: Retained = { payloads: 0, streams: 0, sideRecords: 0, bytes: 0 }
    const ages = { payloads: policy.payloadsSeconds, side_records: policy.sideRecordsSeconds }
    // Where nothing goes, the second pass finds the side records that the first one has counted.
    const isSeenTwice = ages.side_records > 0 && ages.side_records <= ages.payloads
    const leavesSides = options.isDry === true && isSeenTwice
    const tell = (progress: RetentionProgress) => {
      this.#progress = progress
    }
    await this.#options.sealer.exclusively(async (breathe) => {
      const shared = { ...options, leavesSides, retained, breathe, tell }
      for (const kind of kinds)
        if (ages[kind] > 0) await new RetentionPass(this.#options, shared, kind, ages[kind]).run()
      if (!options.isDry) await this.#forget(breathe)
    })
    return retained
  }

  /** Makes the files forget what was dropped and may still be in them. @throws LedgerError unavailable or damaged */
  finish(): Promise<void> {
    return this.#options.sealer.exclusively((breathe) => this.#forget(breathe))
  }

  async #forget(breathe: () => Promise<void>): Promise<void> {
    const { storage, sealer } = this.#options
    for (const kind of kinds) {
      const note = storage.get(annexKey(droppingPrefix + kind))
      if (!note) continue
      await purge(storage, coldRows, breathe)
      await sealer.compact()
      if (await this.#forgetSides(kind, decodePosition(note), breathe))
        await deleteAnnex(storage, droppingPrefix + kind)
    }
  }

  /** @returns whether nothing is left of them; false where a long read still holds them */
  async #forgetSides(kind: RetentionKind, from: number, breathe: () => Promise<void>): Promise<boolean> {
    const { storage } = this.#options
    let isForgotten = true
    let keys: Buffer[] = []
    const forget = async () => {
      if (keys.length > 0) isForgotten = (await storage.forget(keys)) && isForgotten
      keys = []
      await breathe()
    }
    for await (const { position, event } of readStream(storage, codec, streamOf.retention(kind))) {
      if (position < from || !isDrop(event)) continue
      for (const run of droppedRuns(event)) for (let at = run.from; at < run.to; at++) keys.push(sideKey(at))
      if (keys.length >= sidesForgottenAtOnce) await forget()
    }
    await forget()
    return isForgotten
  }
}
