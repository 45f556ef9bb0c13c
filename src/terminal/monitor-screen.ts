import asciichart from 'asciichart'
import { type Appearance, paint, shorten } from './output.ts'
import { barTable } from './tables.ts'

type Tally = Readonly<Record<string, number>>

/** What `server monitor --json` prints and the screen shows. */
export interface MonitorSnapshot {
  readonly authorization: { readonly issuance: number; readonly consumption: number }
  readonly token: { readonly issuance: number; readonly revocation: number; readonly refresh: number }
  /** By their causes. */
  readonly ends: {
    readonly sessions: Tally
    readonly grants: Tally
    readonly notices: Tally
    readonly pauses: Tally
  }
  /** Share of look-ups answered by the cache, 0 to 1; null before the first look-up. */
  readonly cache: { readonly hitRate: number | null }
  readonly coinstack: { readonly read: number; readonly write: number }
  /** Events a second, the latest last. */
  readonly history: {
    readonly client: readonly number[]
    readonly authorization: readonly number[]
    readonly token: readonly number[]
  }
  readonly ledger: { readonly position: number }
  readonly anchors: { readonly confirmed: number; readonly pending: number; readonly lagEvents: number }
}

const columns = 80
const historySeconds = 60
const chartRows = 4

const asciiSymbols = ['+', '|', '-', '-', '-', '`', '.', '.', "'", '|']

/** The monitor screen as text of at most 80 columns and 24 lines. */
export function monitorScreen(
  snapshot: MonitorSnapshot,
  appearance: Pick<Appearance, 'charset' | 'colour'>,
): string {
  const heading = (text: string) => paint('bold', text, appearance.colour)
  return [
    heading('# Current services'),
    servicesTable(snapshot),
    '',
    heading('# History'),
    historyGraph('Client', snapshot.history.client, appearance.charset),
    historyGraph('Authorization', snapshot.history.authorization, appearance.charset),
    historyGraph('Token', snapshot.history.token, appearance.charset),
    '',
    heading('# Ledger'),
    ledgerTable(snapshot),
    ...endLines(snapshot),
  ].join('\n')
}

function servicesTable({ authorization, token, cache, coinstack }: MonitorSnapshot): string {
  return barTable([
    [
      { content: 'Authorization', colSpan: 2 },
      { content: 'Token', colSpan: 3 },
      { content: 'Cache' },
      { content: 'Coinstack', colSpan: 2 },
    ],
    ['Issuance', 'Consumption', 'Issuance', 'Revocation', 'Refresh', 'Hit Rate', 'Read', 'Write'],
    [
      count(authorization.issuance),
      count(authorization.consumption),
      count(token.issuance),
      count(token.revocation),
      count(token.refresh),
      percentage(cache.hitRate),
      count(coinstack.read),
      count(coinstack.write),
    ],
  ])
}

function ledgerTable({ ledger, anchors }: MonitorSnapshot): string {
  return barTable([
    ['Position', 'Anchors Confirmed', 'Pending', 'Events Not Anchored'],
    [count(ledger.position), count(anchors.confirmed), count(anchors.pending), count(anchors.lagEvents)],
  ])
}

/** What has ended since the start and why, the most frequent cause first; a line that is too long is cut. */
export function endLines({ ends }: Pick<MonitorSnapshot, 'ends'>): string[] {
  const told = (name: string, tally: Tally) => {
    const causes = Object.entries(tally)
      .filter(([, times]) => times > 0)
      .sort(([, one], [, other]) => other - one)
      .map(([cause, times]) => `${cause.replaceAll('_', ' ')} ${count(times)}`)
    return `${name}: ${causes.join(', ') || 'none'}`
  }
  return [
    `${told('Sessions ended', ends.sessions)}; ${told('logouts told', ends.notices)}`,
    `${told('Grants ended', ends.grants)}; ${told('pauses', ends.pauses)}`,
  ].map((line) => shorten(line, columns))
}

/** The last minute as a graph, its maximum at the left. Missing seconds count as nothing happening. */
function historyGraph(name: string, perSecond: readonly number[], charset: Appearance['charset']): string {
  const latest = perSecond.slice(-historySeconds)
  const series = [...new Array<number>(historySeconds - latest.length).fill(0), ...latest]
  const highest = Math.max(1, ...series)
  const graph = asciichart.plot(series, {
    min: 0,
    max: highest,
    height: chartRows - 1,
    format: (_value: number, row: number) =>
      (row === 0 ? count(highest) : row === chartRows - 1 ? '0' : '').padStart(5),
    ...(charset === 'ascii' ? { symbols: asciiSymbols } : {}),
  })
  return graph
    .split('\n')
    .map((line, row) => `${(row === 0 ? name : '').padEnd(13)}${line}`.trimEnd())
    .join('\n')
}

/** At most six characters, so that the table keeps within 80 columns. */
function count(value: number): string {
  if (value < 1_000_000) return String(Math.round(value))
  const steps = ['M', 'G', 'T', 'P']
  let scaled = value / 1_000_000
  let step = 0
  while (scaled >= 1000 && step < steps.length - 1) {
    scaled /= 1000
    step++
  }
  // Rounded down: a counter never shows more than it counted.
  return `${Math.floor(scaled * 10) / 10}${steps[step]}`
}

function percentage(share: number | null): string {
  // Rounded down as well, so that 100% means every single one.
  return share === null ? '-' : `${Math.floor(share * 100 + 1e-9)}%`
}
