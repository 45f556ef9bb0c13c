/**
 * `npm run bench -- audit`: what goes through the whole log (verification, the fold of all read models, a backup) beside
 * what no program could spare: reading the same records through `classic-level` alone and hashing each.
 */
import { hash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { writeBackup } from '../src/audit/backup.ts'
import { rebuildRows } from '../src/audit/rebuild.ts'
import { foldStates } from '../src/audit/state-fold.ts'
import { StreamStates } from '../src/audit/stream-states.ts'
import { verifyLedger } from '../src/audit/verify.ts'
import { auditThreads } from '../src/audit-thread.ts'
import { verifyMessage } from '../src/chain/message.ts'
import { homePaths } from '../src/config/home.ts'
import { rangeOf } from '../src/ledger/layout.ts'
import { logSize } from '../src/ledger/reader.ts'
import { openStorage } from '../src/ledger/storage.ts'
import { type AnyLoaded, stateRow } from '../src/projections/rows.ts'
import type { Progress } from '../src/terminal/progress.ts'
import { listTable } from '../src/terminal/tables.ts'
import { configureHome } from './home.ts'
import { makeLog } from './log-maker.ts'
import { median, range } from './report.ts'

const roundCount = 3
const readAtOnce = 1000

const jobs = [
  'replay to state',
  'the same, encoded',
  'verification',
  'the same, one thread',
  'verification with rows',
  'the same, one thread, rows',
  'fold of all rows',
  'the same, rows lost',
  'backup',
] as const
type Job = (typeof jobs)[number]

export interface AuditFigures {
  job: Job
  eventsPerSecond: number
  /** Processor time of this process for an event, all threads, in µs. */
  processorMicros: number
  ratio: number
  fromTo: [number, number]
}

export interface AuditReport {
  events: number
  /** Cores that threads may use. */
  cores: number
  referencePerSecond: number
  /** Of reading and hashing a record, as `processorMicros`. */
  referenceMicros: number
  jobs: AuditFigures[]
}

export async function benchAudit(
  folder: string,
  eventCount: number,
  rotating: number | undefined,
  progress: Progress,
): Promise<AuditReport> {
  mkdirSync(folder, { recursive: true })
  const home = await configureHome(folder)
  const { events } = await makeLog(
    folder,
    home,
    eventCount,
    (done) => progress.update(`making the log: ${done} of ${eventCount} events`),
    { rotating },
  )
  const paths = homePaths(folder)
  const runs: Record<Job, () => Promise<unknown>> = {
    'replay to state': () => replayToState(paths.ledger, () => 1),
    'the same, encoded': () =>
      replayToState(paths.ledger, (stream, loaded) => stateRow(stream, loaded)?.[1].length ?? 0),
    verification: () => verify(paths.ledger, false, true),
    'the same, one thread': () => verify(paths.ledger, false, false),
    'verification with rows': () => verify(paths.ledger, true, true),
    'the same, one thread, rows': () => verify(paths.ledger, true, false),
    'fold of all rows': () => fold(paths.ledger, false),
    'the same, rows lost': () => fold(paths.ledger, true),
    backup: () => backUp(paths.ledger, join(folder, 'backup')),
  }
  const measured = new Map<Job, { perSecond: number[]; micros: number[]; ratios: number[] }>(
    jobs.map((job) => [job, { perSecond: [], micros: [], ratios: [] }]),
  )
  const references: number[] = []
  const referenceMicros: number[] = []
  for (let round = 1; round <= roundCount; round++)
    for (const job of jobs) {
      progress.update(`round ${round} of ${roundCount}: ${job}`)
      const { perSecond: reference, micros } = await measure(events, () => readAndHash(paths.ledger))
      references.push(reference)
      referenceMicros.push(micros)
      if (job === 'the same, rows lost') await loseRows(paths.ledger)
      const taken = await measure(events, runs[job])
      const of = measured.get(job)!
      of.perSecond.push(taken.perSecond)
      of.micros.push(taken.micros)
      of.ratios.push(taken.perSecond / reference)
    }
  return {
    events,
    cores: availableParallelism(),
    referencePerSecond: Math.round(median(references)),
    referenceMicros: median(referenceMicros),
    jobs: [...measured].map(([job, { perSecond, micros, ratios }]) => ({
      job,
      eventsPerSecond: Math.round(median(perSecond)),
      processorMicros: median(micros),
      ratio: median(ratios),
      fromTo: range(ratios),
    })),
  }
}

async function measure(
  events: number,
  run: () => Promise<unknown>,
): Promise<{ perSecond: number; micros: number }> {
  const before = process.cpuUsage()
  const startMs = performance.now()
  await run()
  const seconds = (performance.now() - startMs) / 1000
  const { user, system } = process.cpuUsage(before)
  return { perSecond: events / seconds, micros: (user + system) / events }
}

async function readAndHash(directory: string): Promise<void> {
  const level = new Level<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await level.open()
  try {
    const iterator = level.iterator({ ...rangeOf('event'), highWaterMarkBytes: 1 << 20 })
    for (;;) {
      const entries = await iterator.nextv(readAtOnce)
      if (entries.length === 0) break
      for (const [, value] of entries) hash('sha256', value, 'binary')
    }
    await iterator.close()
  } finally {
    await level.close()
  }
}

async function verify(directory: string, rows: boolean, isThreaded: boolean): Promise<void> {
  const storage = await openStorage(directory)
  const threads = isThreaded ? auditThreads({ ledger: directory, segments: `${directory}.none` }) : undefined
  try {
    const verifySignature = (address: string, text: string, signature: string) =>
      verifyMessage(text, address, signature)
    const { ok, faults } = await verifyLedger(storage, {
      verifyMessage: verifySignature,
      rows,
      ...(threads && { threads }),
    })
    if (!ok) throw new Error(`the log does not hold: ${JSON.stringify(faults[0])}`)
  } finally {
    await storage.close()
  }
}

/** @param sizeOf is given what each stream has come to */
async function replayToState(
  directory: string,
  sizeOf: (stream: string, loaded: AnyLoaded) => number,
): Promise<void> {
  const storage = await openStorage(directory)
  try {
    const states = new StreamStates(storage)
    let sum = 0
    await foldStates(storage, await logSize(storage), {
      leave(stream, loaded) {
        sum += sizeOf(stream, loaded)
      },
      recall: (stream, version) => states.at(stream, version),
    })
    if (sum === 0) throw new Error('the replay came to no states')
  } finally {
    await storage.close()
  }
}

async function fold(directory: string, areLost: boolean): Promise<void> {
  const storage = await openStorage(directory)
  try {
    const threads = auditThreads({ ledger: directory, segments: `${directory}.none` })
    const { added, altered, removed } = await rebuildRows(storage, `${directory}.rebuild`, { threads })
    if (added > 0 !== areLost || altered + removed > 0) throw new Error('the fold came to other rows')
  } finally {
    await storage.close()
  }
}

async function loseRows(directory: string): Promise<void> {
  const level = new Level<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await level.open()
  await level.clear(rangeOf('row'))
  await level.close()
}

async function backUp(directory: string, target: string): Promise<void> {
  const storage = await openStorage(directory)
  try {
    await writeBackup(storage, target, { program: 'bench', nowMs: Date.now() })
  } finally {
    await storage.close()
    rmSync(target, { recursive: true, force: true })
  }
}

export const auditTable = ({
  events,
  cores,
  referencePerSecond,
  referenceMicros,
  jobs: figures,
}: AuditReport): string =>
  [
    listTable(
      ['job', 'events/s', 'processor us', 'ratio', 'from to'],
      figures.map(({ job, eventsPerSecond, processorMicros, ratio, fromTo }) => [
        job,
        eventsPerSecond.toLocaleString('en-US'),
        processorMicros.toFixed(1),
        ratio.toFixed(2),
        fromTo.map((it) => it.toFixed(2)).join(' to '),
      ]),
    ),
    '',
    `${events.toLocaleString('en-US')} events. Beside it: reading and hashing the records alone, ${referencePerSecond.toLocaleString('en-US')} a second and ${referenceMicros.toFixed(1)} processor us each. ${cores} cores.`,
  ].join('\n')
