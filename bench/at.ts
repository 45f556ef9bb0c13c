/**
 * `npm run bench -- at`: who held access at a moment, by the index by time and by the whole log, on logs of which each is
 * longer than the one before and just as dense, so that the answers are of the same size; and what the index costs.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type AccessQuestion, accessAt } from '../src/audit/access-at.ts'
import { homePaths } from '../src/config/home.ts'
import { loadSettings } from '../src/config/load.ts'
import { type Core, openCore } from '../src/core.ts'
import { rangeOf } from '../src/ledger/layout.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { readRecord } from '../src/ledger/reader.ts'
import type { Event } from '../src/oauth/events.ts'
import { LifetimeFollower } from '../src/projections/lifetime-follower.ts'
import type { Progress } from '../src/terminal/progress.ts'
import { listTable } from '../src/terminal/tables.ts'
import { configureHome } from './home.ts'
import { makeLog } from './log-maker.ts'
import { median } from './report.ts'

const sizes = [10_000, 300_000, 1_000_000] as const
const eventsADay = 33_333
const refreshSeconds = 3600
/** Of each question. */
const askedTimes = 7
/** Seals everything, whatever it still holds. */
const laterMs = 400 * 86_400_000

export interface AtFigures {
  events: number
  /** Entries of the index, and the bytes of their keys and values. */
  rowsAnEvent: number
  bytesAnEvent: number
  /** Of LevelDB's files, compacted, with the index and without it. */
  diskBytesAnEvent: { with: number; without: number; sealed: number }
  /** Processor time of building it from the log. */
  buildMicros: number
  questions: { question: string; answers: number; indexMs: number; sealedMs: number; wholeLogMs: number }[]
}

/** @param most only logs of up to so many events */
export async function benchAt(folder: string, most: number, progress: Progress): Promise<AtFigures[]> {
  const figures: AtFigures[] = []
  for (const events of sizes.filter((size) => size <= most)) {
    const place = join(folder, String(events))
    figures.push(await measure(place, events, progress))
    rmSync(place, { recursive: true, force: true })
  }
  return figures
}

async function measure(folder: string, eventCount: number, progress: Progress): Promise<AtFigures> {
  mkdirSync(folder, { recursive: true })
  const home = await configureHome(folder)
  const days = eventCount / eventsADay
  const options = { days, refreshSeconds, ownSeconds: 3600 }
  await makeLog(
    folder,
    home,
    eventCount,
    (done) => progress.update(`making ${done} of ${eventCount}`),
    options,
  )
  const paths = homePaths(folder)
  const loaded = loadSettings({ home: folder, environment: home.environment })
  const core = await openCore(loaded, paths, loaded.settings.server.issuer, Date.now)
  try {
    const { storage, sealer } = core
    const { ledger } = core.context
    const diskBytes = async () => {
      await sealer.compact()
      return (bytesIn(paths.ledger) + bytesIn(paths.segments)) / ledger.size
    }
    const without = await diskBytes()
    progress.update(`${eventCount} events: building the index`)
    const buildMicros = await build(ledger)
    const { rows, bytes } = await indexOf(core)
    const withIndex = await diskBytes()
    const questions = await questionsOf(ledger)
    const ask = async (question: AccessQuestion) => {
      progress.update(`${eventCount} events: asking`)
      return timed(() => accessAt(storage, question))
    }
    const hot = []
    for (const [, question] of questions)
      hot.push({ index: await ask(question), whole: await ask({ ...question, wholeLog: true }) })
    progress.update(`${eventCount} events: sealing`)
    await sealer.run(Date.now() + laterMs)
    const sealed = await diskBytes()
    const answers: AtFigures['questions'] = []
    for (const [i, [name, question]] of questions.entries()) {
      const { index, whole } = hot[i]!
      const later = await ask(question)
      if (index.answers !== whole.answers || index.answers !== later.answers)
        throw new Error(`${name}: the answers differ`)
      const times = { indexMs: index.ms, sealedMs: later.ms, wholeLogMs: whole.ms }
      answers.push({ question: name, answers: index.answers, ...times })
    }
    return {
      events: ledger.size,
      rowsAnEvent: rows / ledger.size,
      bytesAnEvent: bytes / ledger.size,
      diskBytesAnEvent: { with: withIndex, without, sealed },
      buildMicros,
      questions: answers,
    }
  } finally {
    await core.close()
  }
}

/** In the middle of the log. */
async function questionsOf({ storage, size }: Ledger<Event>): Promise<[string, AccessQuestion][]> {
  const { record } = await readRecord(storage, Math.floor(size / 2))
  const atMs = record.timeMs
  const { access } = await accessAt(storage, { atMs })
  const subject = access.find((it) => it.subject !== null)?.subject ?? undefined
  return [
    ['everybody', { atMs }],
    ['a client', { atMs, client: 'client-7' }],
    ['a user', { atMs, subject }],
  ]
}

async function build(ledger: Ledger<Event>): Promise<number> {
  let failure: unknown
  const follower = new LifetimeFollower(ledger, { restFactor: 0, onError: (error) => (failure = error) })
  const used = process.cpuUsage()
  await follower.run()
  const { user, system } = process.cpuUsage(used)
  await follower.stop()
  if (failure) throw failure
  return (user + system) / ledger.size
}

async function indexOf({ storage }: Core): Promise<{ rows: number; bytes: number }> {
  const found = { rows: 0, bytes: 0 }
  for await (const [key, value] of storage.entries(rangeOf('life'))) {
    found.rows++
    found.bytes += key.length + value.length
  }
  return found
}

async function timed(ask: () => ReturnType<typeof accessAt>): Promise<{ answers: number; ms: number }> {
  const times: number[] = []
  let answers = 0
  for (let i = 0; i < askedTimes; i++) {
    const begun = performance.now()
    const { access, sessions } = await ask()
    times.push(performance.now() - begun)
    answers = access.length + sessions.length
  }
  return { answers, ms: median(times) }
}

const bytesIn = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

export function atTable(figures: readonly AtFigures[]): string {
  const answers = listTable(
    ['EVENTS', 'QUESTION', 'ANSWERS', 'BY THE INDEX, MS', 'SEALED, MS', 'BY THE WHOLE LOG, MS'],
    figures.flatMap(({ events, questions }) =>
      questions.map((it) => [
        String(events),
        it.question,
        String(it.answers),
        it.indexMs.toFixed(1),
        it.sealedMs.toFixed(1),
        it.wholeLogMs.toFixed(1),
      ]),
    ),
  )
  const costs = listTable(
    ['EVENTS', 'ROWS/EVENT', 'BYTES/EVENT', 'DISK WITHOUT', 'DISK WITH', 'SEALED', 'BUILDING, US/EVENT'],
    figures.map((it) => [
      String(it.events),
      it.rowsAnEvent.toFixed(2),
      it.bytesAnEvent.toFixed(1),
      it.diskBytesAnEvent.without.toFixed(1),
      it.diskBytesAnEvent.with.toFixed(1),
      it.diskBytesAnEvent.sealed.toFixed(1),
      it.buildMicros.toFixed(1),
    ]),
  )
  return `${answers}\n\n${costs}`
}
