/**
 * Whole-log verification. First whether everything holds: stretches of the log and parts of the stream index by
 * themselves, in threads where there are some, and in order only what must be. Where anything does not hold, one pass
 * through the records in order names what, by position: it collects faults and goes on with what can be believed.
 * Memory does not grow with the log.
 */
import { isDamage } from '../ledger/errors.ts'
import { decodePosition, rangeOf } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { AuditThreads } from './audit-threads.ts'
import { OwnWork } from './audit-work.ts'
import { Drops } from './drops.ts'
import { Faults } from './fault.ts'
import { drawSumKey } from './index-sums.ts'
import { LogParts } from './log-parts.ts'
import type { SumOptions } from './part-sums.ts'
import { checkSegments } from './segment-check.ts'
import { sizeOf, storedFrontier } from './tree-check.ts'
import { nothingVerified, type Verification, type VerifyOptions } from './verification.ts'
import { type OpenedLog, Verifier } from './verifier.ts'

export type { Verification, VerifyOptions } from './verification.ts'

/** How many faults are collected where nothing else is asked for. */
const mostFaults = 100
/** A server drops once a day. */
const mostAttempts = 3

export async function verifyLedger(reader: StorageReader, options: VerifyOptions): Promise<Verification> {
  for (let attempt = 1; ; attempt++) {
    const faults = new Faults(options.mostFaults ?? mostFaults)
    const log = await open(reader, options, faults)
    if (!log) return nothingVerified(faults)
    const holding = log.faults.count === 0 ? await verifyInParts(log, options) : undefined
    const verification = holding ?? (await verifyInOrder(log, options))
    // What a running server drops meanwhile is missing without a word: then it is looked at anew.
    if (verification.ok || attempt === mostAttempts || !(await haveMoreBeenDropped(log))) return verification
  }
}

/** Of a store that is damaged as well nothing is known, and it was told before. */
async function haveMoreBeenDropped({ reader, drops: { payloads, sides } }: OpenedLog): Promise<boolean> {
  try {
    const now = await Drops.read(reader)
    return now.payloads.count !== payloads.count || now.sides.count !== sides.count
  } catch (error) {
    if (isDamage(error)) return false
    throw error
  }
}

/** As `verifyLedger`, all of it in order: the slower way, to the same answer. */
export async function verifyLedgerInOrder(
  reader: StorageReader,
  options: VerifyOptions,
): Promise<Verification> {
  const faults = new Faults(options.mostFaults ?? mostFaults)
  const log = await open(reader, options, faults)
  return log ? verifyInOrder(log, options) : nothingVerified(faults)
}

/** @returns undefined where anything does not hold */
async function verifyInParts(log: OpenedLog, options: VerifyOptions): Promise<Verification | undefined> {
  const { threads, rows: withRows = false } = options
  const sums: SumOptions = { sumKey: drawSumKey(), withRows }
  const work =
    threads && log.size >= threads.leastEvents
      ? new AuditThreads(threads, sums)
      : new OwnWork(log.reader, sums, { drops: log.drops })
  const verifier = new Verifier(log, options, new Faults(1))
  try {
    const parts = new LogParts(log.reader, log.size, work, sums)
    return (await verifier.runInParts(parts)) ? verifier.result() : undefined
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  } finally {
    await verifier.close()
    await work.close()
  }
}

async function verifyInOrder(log: OpenedLog, options: VerifyOptions): Promise<Verification> {
  const verifier = new Verifier(log, options, log.faults)
  try {
    await verifier.runInOrder()
    return verifier.result()
  } finally {
    await verifier.close()
  }
}

/** @returns undefined where the store is so damaged that it cannot be told what is in it */
async function open(
  source: StorageReader,
  options: VerifyOptions,
  faults: Faults,
): Promise<OpenedLog | undefined> {
  for (const { position, kind, detail } of options.found ?? []) faults.add(position, kind, detail)
  const { whole, damaged } = options.segments
    ? await checkSegments(options.segments, faults)
    : { whole: 0, damaged: 0 }
  // What is altered cannot be read: it is verified as if it were not there.
  const reader = damaged > 0 ? (source.salvage ?? source) : source
  try {
    const stored = await storedFrontier(reader)
    const stated = stored && sizeOf(stored)
    const size = stated ?? (await sizeByRecords(reader))
    if (stated === undefined && (stored || size > 0))
      faults.add(
        size - 1,
        'frontier_altered',
        stored ? 'the stored tree head cannot be read' : 'the stored tree head is missing',
      )
    const drops = await Drops.read(reader, faults)
    return {
      reader,
      size,
      frontier: stated === undefined ? undefined : stored,
      segments: whole,
      isSalvaged: damaged > 0,
      drops,
      faults,
    }
  } catch (error) {
    if (!isDamage(error)) throw error
    faults.add(null, 'store_damaged', error.message)
    return undefined
  }
}

async function sizeByRecords(reader: StorageReader): Promise<number> {
  for await (const [key] of reader.entries({ ...rangeOf('event'), reverse: true, limit: 1 }))
    return decodePosition(key, 1) + 1
  return 0
}
