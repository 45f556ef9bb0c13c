/**
 * `npm run bench`: this server's flows beside a bare Fastify endpoint on the same machine in the same minutes.
 * docs/performance.md says what is measured and how to read it.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { progressLine } from '../src/terminal/progress.ts'
import { connectionCount, createFlows, type FlowName, flowNames, referenceFlow } from './flows.ts'
import { configureHome, createFolder } from './home.ts'
import { measure } from './load.ts'
import { pinLoad } from './pinning.ts'
import { residentMb, startProcess, stopProcesses } from './processes.ts'
import { type Round, reportTable, summarise } from './report.ts'

const usage = 'usage: npm run bench [-- --json FILE] [-- --seconds N]'
const roundCount = 5
const warmUpSeconds = 1

interface Options {
  jsonFile: string | undefined
  /** Of each single measurement. */
  seconds: number
}

function readOptions(): Options {
  const { values } = parseArgs({ options: { json: { type: 'string' }, seconds: { type: 'string' } } })
  const seconds = Number(values.seconds ?? 2)
  if (!(seconds > 0 && seconds <= 60)) throw new TypeError('--seconds: a number up to 60 is expected')
  return { jsonFile: values.json, seconds }
}

async function bench({ jsonFile, seconds }: Options, folder: string, disk: string): Promise<void> {
  const progress = progressLine(process.stderr, process.stderr.isTTY)
  progress.update('starting the servers')
  const pinning = pinLoad()
  const home = await configureHome(folder)
  const referenceWords = [process.execPath, fileURLToPath(new URL('./reference-server.js', import.meta.url))]
  const listening = /(?:listening at|Server started:) http:\/\/[^\s:]+:(\d+)/
  const start = (words: readonly string[]) =>
    startProcess(pinning.onServerCore(words), home.environment, listening)
  const reference = await start(referenceWords)
  const server = await start(home.words)
  const referencePort = Number(reference.found[1])
  const port = Number(server.found[1])
  await home.register()
  const flows = await createFlows(port)

  const measureReference = async (forSeconds: number) =>
    (await measure(referencePort, referenceFlow.conversations, forSeconds)).requestsPerSecond
  const measureFlow = async (name: FlowName, forSeconds: number) => {
    await flows[name].prepare?.(forSeconds)
    return measure(port, flows[name].conversations, forSeconds)
  }

  progress.update('warming up')
  await measureReference(warmUpSeconds)
  for (const name of flowNames) await measureFlow(name, warmUpSeconds)

  const rounds: Record<FlowName, Round[]> = {
    client_credentials: [],
    introspection: [],
    refresh: [],
    code: [],
  }
  let before = await measureReference(seconds)
  for (let round = 1; round <= roundCount; round++)
    for (const name of flowNames) {
      progress.update(`round ${round} of ${roundCount}: ${name}`)
      const measured = await measureFlow(name, seconds)
      const after = await measureReference(seconds)
      rounds[name].push({ ...measured, referencePerSecond: (before + after) / 2 })
      before = after
    }
  const report = summarise(rounds, residentMb(server.pid))
  progress.clear()

  console.log(reportTable(report, rounds))
  console.log(`\nMemory of the server at the end: ${report.rssMb} MB resident.`)
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
const interrupted = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
for (const [signal, status] of Object.entries(interrupted))
  process.once(signal, () => void cleanUp().finally(() => process.exit(status)))
try {
  await bench(options, folder, disk)
} catch (error) {
  console.error(`the bench failed: ${(error as Error).message}`)
  process.exitCode = 1
} finally {
  await cleanUp()
}
