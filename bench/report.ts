/** What the bench says at its end: a table for people, an object for programs. */
import { listTable } from '../src/terminal/tables.ts'
import { type FlowName, flowNames } from './flows.ts'
import type { Measurement } from './load.ts'

/** One measurement of a flow, with the mean of the reference right before and right after it. */
export interface Round extends Measurement {
  referencePerSecond: number
}

export interface Report {
  reference: { requestsPerSecond: number }
  flows: Record<FlowName, Measurement & { ratio: number }>
  rssMb: number
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))

const ratioOf = (round: Round): number => round.requestsPerSecond / round.referencePerSecond

/** Medians of the rounds; the ratio is the median of each round's own, so that a slow moment is slow for both. */
export function summarise(rounds: Readonly<Record<FlowName, readonly Round[]>>, rssMb: number): Report {
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
  const references = Object.values(rounds).flatMap((of) => of.map((round) => round.referencePerSecond))
  return {
    reference: { requestsPerSecond: Math.round(median(references)) },
    flows: Object.fromEntries(flowNames.map((name) => [name, flow(name)])) as Report['flows'],
    rssMb,
  }
}

const thousands = (value: number): string => value.toLocaleString('en-US')

/** The table; beside each median ratio the lowest and the highest, which say how quiet the machine was. */
export function reportTable(
  { reference, flows }: Report,
  rounds: Readonly<Record<FlowName, readonly Round[]>>,
): string {
  const rows = flowNames.map((name) => {
    const { requestsPerSecond, ratio, p50Ms, p99Ms } = flows[name]
    const ratios = rounds[name].map(ratioOf)
    const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`
    return [name, thousands(requestsPerSecond), ratio.toFixed(3), spread, p50Ms.toFixed(2), p99Ms.toFixed(2)]
  })
  const bare = ['bare Fastify', thousands(reference.requestsPerSecond), '1', '', '', '']
  const headings = ['flow', 'requests/s', 'ratio', 'from to', 'p50 ms', 'p99 ms']
  const all = [headings, bare, ...rows]
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const [heading = [], ...rest] = all.map((row) =>
    row.map((value, column) => (column === 0 ? value : value.padStart(widths[column]!))),
  )
  return listTable(heading, rest)
}
