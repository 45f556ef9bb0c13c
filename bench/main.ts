/**
 * `npm run bench`: this server's flows beside a bare Fastify endpoint, on the same machine in the same minutes.
 * docs/performance.md says what is measured and how to read it.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { progressLine } from '../src/terminal/progress.ts'
import { connectionCount } from './flows.ts'
import { createFolder } from './home.ts'
import { stopProcesses } from './processes.ts'
import { reportTable, summarise } from './report.ts'
import { roundCount, runSession } from './session.ts'

const usage = 'usage: npm run bench [-- --json FILE] [-- --seconds N]'

interface Options {
  jsonFile: string | undefined
  /** Of each single measurement. */
  seconds: number
}

/** @throws TypeError */
function readOptions(): Options {
  const { values } = parseArgs({ options: { json: { type: 'string' }, seconds: { type: 'string' } } })
  const seconds = Number(values.seconds ?? 2)
  if (!(seconds > 0 && seconds <= 60)) throw new TypeError('--seconds: a number up to 60 is expected')
  return { jsonFile: values.json, seconds }
}

async function bench({ jsonFile, seconds }: Options, folder: string, disk: string): Promise<void> {
  const progress = progressLine(process.stderr, process.stderr.isTTY)
  const { rounds, references, rssMb, pinning } = await runSession(folder, seconds, progress).finally(() =>
    progress.clear(),
  )
  const report = summarise(rounds, references, rssMb)
  console.log(reportTable(report, rounds, references))
  console.log(`\nMemory of the server at the end: ${rssMb} MB resident.`)
  console.log(`${connectionCount} connections; ${pinning.text}; ${disk}.`)
  console.log(
    `Medians of ${roundCount} rounds of ${seconds} s a flow, each between two of the bare endpoint.`,
  )
  if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(report, undefined, 2)}\n`)
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
