/** One session: both servers side by side, warmed up, then round after round of everything in turn. */
import { fileURLToPath } from 'node:url'
import type { Progress } from '../src/terminal/progress.ts'
import { createFlows, type Flow, type FlowName, flowNames, referenceFlow } from './flows.ts'
import { configureHome } from './home.ts'
import { measure } from './load.ts'
import { type Pinning, pinLoad } from './pinning.ts'
import { processorMicros, type RunningProcess, residentMb, startProcess } from './processes.ts'
import type { Round, Rounds, ServerMeasurement } from './report.ts'

export const roundCount = 5
const warmUpSeconds = 1

export interface Session {
  rounds: Rounds
  /** Of the reference: before the first measurement of a flow, and after each. */
  references: readonly ServerMeasurement[]
  rssMb: number
  pinning: Pinning
}

/**
 * @param folder for the server's home
 * @param seconds of each single measurement
 * @throws at the first wrong answer
 */
export async function runSession(folder: string, seconds: number, progress: Progress): Promise<Session> {
  progress.update('starting the servers')
  const pinning = pinLoad()
  const home = await configureHome(folder)
  const start = (words: readonly string[]) =>
    startProcess(
      pinning.onServerCore(words),
      home.environment,
      /(?:listening at|Server started:) http:\/\/[^\s:]+:(\d+)/,
    )
  const referenceFile = fileURLToPath(new URL('./reference-server.js', import.meta.url))
  const reference = await start([process.execPath, referenceFile])
  const server = await start(home.words)
  await home.register()
  const flows = await createFlows(portOf(server))

  const measureReference = (forSeconds: number) =>
    measureServer(reference, referenceFlow, forSeconds, pinning.isPinned)
  const measureFlow = (name: FlowName, forSeconds: number) =>
    measureServer(server, flows[name], forSeconds, pinning.isPinned)

  progress.update('warming up')
  await measureReference(warmUpSeconds)
  for (const name of flowNames) await measureFlow(name, warmUpSeconds)

  const rounds = Object.fromEntries(flowNames.map((name) => [name, []])) as unknown as Record<
    FlowName,
    Round[]
  >
  let before = await measureReference(seconds)
  const references = [before]
  for (let round = 1; round <= roundCount; round++)
    for (const name of flowNames) {
      progress.update(`round ${round} of ${roundCount}: ${name}`)
      const measured = await measureFlow(name, seconds)
      const after = await measureReference(seconds)
      const referencePerSecond = (before.requestsPerSecond + after.requestsPerSecond) / 2
      rounds[name].push({ ...measured, referencePerSecond })
      references.push(after)
      before = after
    }
  return { rounds, references, rssMb: residentMb(server.pid), pinning }
}

const portOf = ({ found }: RunningProcess): number => Number(found[1])

async function measureServer(
  server: RunningProcess,
  flow: Flow,
  seconds: number,
  stayAwake: boolean,
): Promise<ServerMeasurement> {
  await flow.prepare?.(seconds)
  const before = processorMicros(server.pid)
  const measured = await measure(portOf(server), flow.conversations, seconds, stayAwake)
  return {
    ...measured,
    processorMicros: (processorMicros(server.pid) - before) / measured.requestCount,
  }
}
