/** `npm run bench -- NAME`: docs/performance.md says what each measures and how to read it. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Progress, progressLine } from '../src/terminal/progress.ts'
import { appendTable, benchAppend } from './append.ts'
import { atTable, benchAt } from './at.ts'
import { auditTable, benchAudit } from './audit.ts'
import { createFolder } from './home.ts'
import { benchHttp } from './http.ts'
import { stopProcesses } from './processes.ts'
import { benchGrowth, growthTable } from './ten-million.ts'

interface Options {
  name: BenchName
  jsonFile: string | undefined
  /** Of each single measurement; of some benches. */
  seconds: number
  /** Of the log that is made or appended, where not the bench's own number. */
  events: number | undefined
  /** Of a log of long streams: sign-ons whose tokens are refreshed in turn. */
  rotating: number | undefined
}

type Bench = (
  options: Options,
  folder: string,
  progress: Progress,
) => Promise<{ report: unknown; text: string }>

const benches = {
  http: ({ seconds }, folder, progress) => benchHttp(folder, seconds, progress),
  append: async ({ events = 20_000 }, folder, progress) => {
    const report = await benchAppend(folder, events, progress)
    return { report, text: appendTable(report) }
  },
  audit: async ({ events = 300_000, rotating }, folder, progress) => {
    const report = await benchAudit(folder, events, rotating, progress)
    return { report, text: auditTable(report) }
  },
  at: async ({ events = 1_000_000 }, folder, progress) => {
    const report = await benchAt(folder, events, progress)
    return { report, text: atTable(report) }
  },
  'ten-million': async ({ events = 10_000_000, seconds }, folder, progress) => {
    const report = await benchGrowth(folder, events, seconds, progress)
    return { report, text: growthTable(report) }
  },
} satisfies Record<string, Bench>

type BenchName = keyof typeof benches
const isBench = (name: string): name is BenchName => Object.hasOwn(benches, name)

const usage = `usage: npm run bench -- [${Object.keys(benches).join(' | ')}] [--json FILE] [--seconds N] [--events N] [--rotating N]`

/** @throws TypeError */
function readOptions(): Options {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'string' },
      seconds: { type: 'string' },
      events: { type: 'string' },
      rotating: { type: 'string' },
    },
    allowPositionals: true,
  })
  const [name = 'http', ...more] = positionals
  if (!isBench(name) || more.length > 0) throw new TypeError(`there is no bench ${positionals.join(' ')}`)
  const seconds = Number(values.seconds ?? 2)
  if (!(seconds > 0 && seconds <= 60)) throw new TypeError('--seconds: a number up to 60 is expected')
  const events = values.events === undefined ? undefined : Number(values.events)
  if (events !== undefined && !(Number.isSafeInteger(events) && events >= 5000))
    throw new TypeError('--events: a number from 5000 on is expected')
  const rotating = values.rotating === undefined ? undefined : Number(values.rotating)
  if (rotating !== undefined && !(Number.isSafeInteger(rotating) && rotating >= 1000))
    throw new TypeError('--rotating: a number from 1000 on is expected')
  return { name, jsonFile: values.json, seconds, events, rotating }
}

async function bench(options: Options, folder: string, disk: string): Promise<void> {
  const progress = progressLine(process.stderr, process.stderr.isTTY)
  const run: Bench = benches[options.name]
  const { report, text } = await run(options, folder, progress).finally(() => progress.clear())
  console.log(`${text}\n${disk}`)
  if (options.jsonFile !== undefined)
    writeFileSync(options.jsonFile, `${JSON.stringify(report, undefined, 2)}\n`)
}

let options: Options
try {
  options = readOptions()
} catch (error) {
  console.error(`${(error as Error).message}\n${usage}`)
  process.exit(2)
}
const { folder, disk, remove } = createFolder()
const cleanUp = async () => {
  await stopProcesses()
  remove()
}
// The number a shell gives for a program that a signal ended: 128 and the signal's.
const statusOfSignal = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
let isInterrupted = false
for (const [signal, status] of Object.entries(statusOfSignal))
  process.once(signal, () => {
    isInterrupted = true
    void cleanUp().finally(() => process.exit(status))
  })
try {
  await bench(options, folder, disk)
} catch (error) {
  // That its servers went away is what was asked for.
  if (!isInterrupted) console.error(`the bench failed: ${(error as Error).message}`)
  process.exitCode = 1
} finally {
  await cleanUp()
}
