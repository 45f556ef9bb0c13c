/**
 * `npm run bench -- ten-million`: a server on a log of ten million events beside one on a log of a few thousand, so that
 * whatever grows with the log is seen: opening, memory, requests, questions of the audit, disk.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, connectTo } from '../src/admin/connection.ts'
import { historyOf } from '../src/audit/history.ts'
import { homePaths } from '../src/config/home.ts'
import { annexKey, decodePosition } from '../src/ledger/layout.ts'
import { lifetimesPlace } from '../src/projections/lifetimes.ts'
import { makeReceipt } from '../src/receipts.ts'
import type { Progress } from '../src/terminal/progress.ts'
import { listTable } from '../src/terminal/tables.ts'
import { type Flow, introspectionFlow, issuingFlow } from './flows.ts'
import { type BenchHome, configureHome } from './home.ts'
import { askAll, measure } from './load.ts'
import { type MadeLog, makeLog } from './log-maker.ts'
import { type Pinning, pinLoad } from './pinning.ts'
import { type RunningProcess, residentMb, startProcess } from './processes.ts'
import { median } from './report.ts'
import { introspectionRequest } from './requests.ts'

const smallEvents = 5000
const roundCount = 5
const openings = 3
const questions = 50
const lookMs = 1000

interface Place {
  folder: string
  home: BenchHome
  log: MadeLog
}

export interface GrowthReport {
  events: number
  madeInSeconds: number
  bytesPerEvent: number
  openMs: { full: number; small: number }
  /** Files that are mapped (LevelDB reads its tables so) count as resident, though the system may take them back. */
  rssMb: {
    opened: number
    /** The most while the server wrote the index by time, which the log is made without. */
    indexing: number
    atEnd: number
    small: number
    atEndAnonymous: number
    smallAnonymous: number
  }
  /** Requests a second on the full log divided by those on the small one, median of the rounds. */
  ratios: { issuing: number; introspection: number }
  historyMs: { median: number; most: number }
  receiptMs: { median: number; most: number }
}

export async function benchGrowth(
  folder: string,
  eventCount: number,
  seconds: number,
  progress: Progress,
): Promise<GrowthReport> {
  const pinning = pinLoad()
  const small = await makePlace(join(folder, 'small'), smallEvents, progress)
  const full = await makePlace(join(folder, 'full'), eventCount, progress)
  const bytes = bytesBelow(homePaths(full.folder).ledger)

  const openMs = { full: [] as number[], small: [] as number[] }
  for (let i = 0; i < openings; i++) {
    progress.update(`opening ${i + 1} of ${openings}`)
    openMs.small.push(await timeToAnswer(small, pinning))
    openMs.full.push(await timeToAnswer(full, pinning))
  }
  const servers = { small: await start(small, pinning), full: await start(full, pinning) }
  await firstAnswer(servers.full, full)
  const opened = residentMb(servers.full.pid)
  const indexing = await untilIndexed(servers.full, full, progress)
  await untilIndexed(servers.small, small, progress)
  const audit = await askAudit(full, progress)
  const ratios = await compareRates(servers, { small, full }, seconds, pinning, progress)
  return {
    events: full.log.events,
    madeInSeconds: Math.round(full.log.seconds),
    bytesPerEvent: Math.round(bytes / full.log.events),
    openMs: { full: Math.round(median(openMs.full)), small: Math.round(median(openMs.small)) },
    rssMb: {
      opened,
      indexing,
      atEnd: residentMb(servers.full.pid),
      small: residentMb(servers.small.pid),
      atEndAnonymous: residentMb(servers.full.pid, 'RssAnon'),
      smallAnonymous: residentMb(servers.small.pid, 'RssAnon'),
    },
    ratios,
    ...audit,
  }
}

async function makePlace(folder: string, eventCount: number, progress: Progress): Promise<Place> {
  mkdirSync(folder, { recursive: true })
  const home = await configureHome(folder)
  const startedMs = performance.now()
  const log = await makeLog(folder, home, eventCount, (done) => {
    const rate = Math.round((done * 1000) / (performance.now() - startedMs))
    progress.update(`making the log: ${done} of ${eventCount} events, ${rate} a second`)
  })
  return { folder, home, log }
}

const start = ({ home }: Place, pinning: Pinning): Promise<RunningProcess> =>
  startProcess(
    pinning.onServerCore(home.words),
    home.environment,
    /(?:listening at|Server started:) http:\/\/[^\s:]+:(\d+)/,
  )

const portOf = ({ found }: RunningProcess): number => Number(found[1])

/** Of a process that is just started until it has said that a token is live, which it has to read from the disk. */
async function timeToAnswer(place: Place, pinning: Pinning): Promise<number> {
  const startedMs = performance.now()
  const server = await start(place, pinning)
  await firstAnswer(server, place)
  const elapsedMs = performance.now() - startedMs
  await server.stop()
  return elapsedMs
}

async function firstAnswer(server: RunningProcess, { log }: Place): Promise<void> {
  let isAsked = false
  const token = log.tokens[Math.floor(log.tokens.length / 2)]!
  await askAll(portOf(server), [
    {
      next() {
        if (isAsked) return undefined
        isAsked = true
        return introspectionRequest(token)
      },
      answered({ body }) {
        if (!body.startsWith('{"active":true,')) throw new Error(`a live token was expected:\n${body}`)
      },
    },
  ])
}

/** @returns MB that were resident at most until the index by time was written */
async function untilIndexed(server: RunningProcess, place: Place, progress: Progress): Promise<number> {
  const connection = await connected(place)
  const { position: end } = await connection.operations.status({})
  for (let mostMb = residentMb(server.pid); ; await sleep(lookMs)) {
    const stored = await connection.reader.get(annexKey(lifetimesPlace))
    const done = stored ? decodePosition(stored) : 0
    mostMb = Math.max(mostMb, residentMb(server.pid))
    progress.update(`index by time: ${done} of ${end} events`)
    if (done < end) continue
    await connection.close()
    return mostMb
  }
}

async function compareRates(
  servers: { small: RunningProcess; full: RunningProcess },
  places: { small: Place; full: Place },
  seconds: number,
  pinning: Pinning,
  progress: Progress,
): Promise<GrowthReport['ratios']> {
  const rate = async (server: RunningProcess, flow: Flow, forSeconds: number) =>
    (await measure(portOf(server), flow.conversations, forSeconds, pinning.isPinned)).requestsPerSecond
  const flows = {
    issuing: { small: issuingFlow, full: issuingFlow },
    introspection: {
      small: introspectionFlow(places.small.log.tokens),
      full: introspectionFlow(places.full.log.tokens),
    },
  }
  const ratios = { issuing: [] as number[], introspection: [] as number[] }
  // The first round warms both up.
  for (let round = 0; round <= roundCount; round++)
    for (const name of ['issuing', 'introspection'] as const) {
      progress.update(`round ${round} of ${roundCount}: ${name}`)
      const before = await rate(servers.small, flows[name].small, seconds)
      const full = await rate(servers.full, flows[name].full, seconds)
      const after = await rate(servers.small, flows[name].small, seconds)
      if (round > 0) ratios[name].push((2 * full) / (before + after))
    }
  return { issuing: median(ratios.issuing), introspection: median(ratios.introspection) }
}

/** What the commands of the audit ask of a running server, without the start of their own process. */
async function askAudit(
  place: Place,
  progress: Progress,
): Promise<Pick<GrowthReport, 'historyMs' | 'receiptMs'>> {
  const connection = await connected(place)
  const { log } = place
  const historyMs: number[] = []
  const receiptMs: number[] = []
  const step = Math.max(Math.floor(log.tokens.length / questions), 1)
  for (let i = 0; i < log.tokens.length; i += step) {
    const token = log.tokens[i]!
    progress.update(`questions of the audit: ${i} of ${log.tokens.length}`)
    historyMs.push(
      await milliseconds(async () => {
        const events = await historyOf(connection.reader, { token })
        if (!events) throw new Error('the log does not know its own token')
        for await (const _ of events) void _
      }),
    )
    receiptMs.push(await milliseconds(() => makeReceipt(connection, { token }, { unanchored: true })))
  }
  await connection.close()
  const summary = (all: readonly number[]) => ({ median: median(all), most: Math.max(...all) })
  return { historyMs: summary(historyMs), receiptMs: summary(receiptMs) }
}

async function connected({ folder }: Place): Promise<Connection> {
  const connection = await connectTo(homePaths(folder).controlSocket)
  if (!connection) throw new Error('the server does not answer on its control socket')
  return connection
}

async function milliseconds(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await run()
  return performance.now() - startedMs
}

function bytesBelow(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    bytes += entry.isDirectory() ? bytesBelow(path) : statSync(path).size
  }
  return bytes
}

export function growthTable(report: GrowthReport): string {
  const { openMs, rssMb, ratios, historyMs, receiptMs } = report
  const ms = (value: number) => `${value.toFixed(1)} ms`
  const rows = [
    ['made by the ledger', `${report.madeInSeconds} s`, ''],
    ['disk, an event', `${report.bytesPerEvent} bytes`, ''],
    ['open to first answer', `${openMs.full} ms`, `${openMs.small} ms`],
    ['resident memory once open', `${rssMb.opened} MB`, ''],
    ['most while indexing', `${rssMb.indexing} MB`, ''],
    ['resident memory at the end', `${rssMb.atEnd} MB`, `${rssMb.small} MB`],
    ['its own, without mapped files', `${rssMb.atEndAnonymous} MB`, `${rssMb.smallAnonymous} MB`],
    ['issuing', ratios.issuing.toFixed(2), '1'],
    ['introspection', ratios.introspection.toFixed(2), '1'],
    ['history of a token', ms(historyMs.median), `at most ${ms(historyMs.most)}`],
    ['receipt of a token', ms(receiptMs.median), `at most ${ms(receiptMs.most)}`],
  ]
  const events = report.events.toLocaleString('en-US')
  return listTable([`${events} events`, 'measured', `${smallEvents} events`], rows)
}
