/** `npm run bench`: this server's flows beside a bare Fastify endpoint, on the same machine in the same minutes. */
import type { Progress } from '../src/terminal/progress.ts'
import { connectionCount } from './flows.ts'
import { type Report, reportTable, summarise } from './report.ts'
import { roundCount, runSession } from './session.ts'

/** @param seconds of each single measurement */
export async function benchHttp(
  folder: string,
  seconds: number,
  progress: Progress,
): Promise<{ report: Report; text: string }> {
  const { rounds, references, rssMb, pinning } = await runSession(folder, seconds, progress)
  const report = summarise(rounds, references, rssMb)
  const text = [
    reportTable(report, rounds, references),
    '',
    `Memory of the server at the end: ${rssMb} MB resident.`,
    `${connectionCount} connections; ${pinning.text}.`,
    `Medians of ${roundCount} rounds of ${seconds} s a flow, each between two of the bare endpoint.`,
  ].join('\n')
  return { report, text }
}
