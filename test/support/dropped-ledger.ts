/** The sample ledger with segments, after retention, and with events of retention that are added by hand. */
import { type Verification, verifyLedger } from '../../src/audit/verify.ts'
import { Retainer, type RetentionPolicy } from '../../src/authorization-server/retain.ts'
import type { Retained } from '../../src/authorization-server/retention-pass.ts'
import { streamKey } from '../../src/ledger/layout.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { Sealer } from '../../src/ledger/segments/sealer.ts'
import type { SegmentedStorage } from '../../src/ledger/segments/segmented-storage.ts'
import type { StorageBatch } from '../../src/ledger/storage.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import type { DropEvent } from '../../src/oauth/retention.ts'
import { coldRows } from '../../src/projections/cold-rows.ts'
import { ReadModels } from '../../src/projections/read-models.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { codec, copyOf, openCheckpoints, options, startMs } from '../audit/support.ts'
import { anchorTrees } from './anchored-ledger.ts'
import { openPlaces, segmentsOf } from './sealing.ts'

export const daySeconds = 86_400
/** When everything in the sample ledger has been over for long. */
export const laterMs = startMs + 30 * daySeconds * 1000

export async function inside<T>(
  directory: string,
  ask: (storage: SegmentedStorage) => Promise<T>,
): Promise<T> {
  const storage = await openPlaces(directory)
  try {
    return await ask(storage)
  } finally {
    await storage.close()
  }
}

/** With its files; with its rows too where nothing else is said. */
export const verifyInside = (directory: string, rows = true): Promise<Verification> =>
  inside(directory, (storage) =>
    verifyLedger(storage, { ...options, rows, segments: segmentsOf(storage, directory) }),
  )

/** Drops what the policy lets go at that time; where nothing is said, all payloads that may go. */
export async function dropIn(
  storage: SegmentedStorage,
  nowMs = laterMs,
  { payloadsSeconds = daySeconds, sideRecordsSeconds = 0 }: Partial<RetentionPolicy> = {},
): Promise<Retained> {
  const ledger = new Ledger<Event>(storage, codec, projectRows)
  const sealer = new Sealer({ ledger, storage, coldRows, segmentEvents: 10 })
  const context = { ledger, models: new ReadModels(ledger, 100), now: () => nowMs }
  await sealer.run(nowMs)
  return new Retainer({ context, storage, sealer }).run({ payloadsSeconds, sideRecordsSeconds })
}

export const drop = (
  directory: string,
  nowMs?: number,
  policy?: Partial<RetentionPolicy>,
): Promise<Retained> => inside(directory, (storage) => dropIn(storage, nowMs, policy))

/** A ledger to which an event of retention is added by hand, with whatever else its batch does. */
export async function withDrop(
  directory: string,
  event: DropEvent,
  also: (batch: StorageBatch) => void = () => {},
): Promise<string> {
  const copy = await copyOf(directory)
  await inside(copy, async (storage) => {
    const ledger = new Ledger<Event>(storage, codec, projectRows)
    const stream = streamOf.retention(event.type === 'payloads.dropped' ? 'payloads' : 'side_records')
    let version = 0
    while (storage.get(streamKey(stream, version))) version++
    await ledger.append(stream, version, [event], laterMs, { also })
  })
  return copy
}

/** Signs the tree as it is. */
export const sign = (directory: string): Promise<unknown> =>
  inside(directory, async (storage) => {
    const ledger = new Ledger<Event>(storage, codec, projectRows)
    return (await openCheckpoints(ledger, directory)).sign()
  })

/** The same, and anchors all trees that were signed. */
export async function anchor(directory: string): Promise<void> {
  await sign(directory)
  await inside(directory, (storage) => anchorTrees({ storage }))
}
