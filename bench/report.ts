/** What the bench says at its end: a table for people, an object for programs. */
import { listTable } from '../src/terminal/tables.ts'
import { type FlowName, flowNames } from './flows.ts'
import type { Measurement } from './load.ts'

/** One measurement, with the processor time that the server's process took for each request. */
export interface ServerMeasurement extends Measurement {
  /** NaN where it is not known. */
  processorMicros: number
}

/** One measurement of a flow, with the mean of the reference right before and right after it. */
export interface Round extends ServerMeasurement {
  referencePerSecond: number
}

export type Rounds = Readonly<Record<FlowName, readonly Round[]>>

export interface Report {
  reference: { requestsPerSecond: number }
  flows: Record<FlowName, { requestsPerSecond: number; ratio: number; p50Ms: number; p99Ms: number }>
  rssMb: number
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const range = (values: readonly number[]): [number, number] => [
  Math.min(...values),
  Math.max(...values),
]

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))

const ratioOf = (round: Round): number => round.requestsPerSecond / round.referencePerSecond

/** Medians of the rounds; the ratio is the median of each round's own, so that a slow moment is slow for both. */
export function summarise(rounds: Rounds, references: readonly ServerMeasurement[], rssMb: number): Report {
  const flow = (name: FlowName) => {
    const of = (value: (round: Round) => number) => median(rounds[name].map(value))
    return {
      requestsPerSecond: Math.round(of((round) => round.requestsPerSecond)),
      ratio: rounded(of(ratioOf), 3),
      p50Ms: rounded(
        of((round) => round.p50Ms),
        2,
      ),
      p99Ms: rounded(
        of((round) => round.p99Ms),
        2,
      ),
    }
  }
  return {
    reference: { requestsPerSecond: Math.round(median(references.map((of) => of.requestsPerSecond))) },
    flows: Object.fromEntries(flowNames.map((name) => [name, flow(name)])) as Report['flows'],
    rssMb,
  }
}

const thousands = (value: number): string => value.toLocaleString('en-US')

const processorText = (measurements: readonly ServerMeasurement[]): string => {
  const micros = median(measurements.map(({ processorMicros }) => processorMicros))
  return Number.isNaN(micros) ? 'unknown' : micros.toFixed(0)
}

/**
 * The table. Beside each median ratio stand the lowest and the highest, which say how quiet the machine was; the
 * processor time of a request hardly depends on that.
 */
export function reportTable(
  report: Report,
  rounds: Rounds,
  references: readonly ServerMeasurement[],
): string {
  const rows = flowNames.map((name) => {
    const { requestsPerSecond, ratio, p50Ms, p99Ms } = report.flows[name]
    const ratios = rounds[name].map(ratioOf)
    return [
      name,
      thousands(requestsPerSecond),
      ratio.toFixed(3),
      `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
      p50Ms.toFixed(2),
      p99Ms.toFixed(2),
      processorText(rounds[name]),
    ]
  })
  const bare = thousands(report.reference.requestsPerSecond)
  const headings = ['flow', 'requests/s', 'ratio', 'from to', 'p50 ms', 'p99 ms', 'processor us']
  const all = [headings, ['bare Fastify', bare, '1', '', '', '', processorText(references)], ...rows]
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const [heading = [], ...rest] = all.map((row) =>
    row.map((value, column) => (column === 0 ? value : value.padStart(widths[column]!))),
  )
  return listTable(heading, rest)
}
