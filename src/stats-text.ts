/** The result of `ledger stats` for people. */
import type { LedgerStats } from './audit/stats.ts'

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** Names and values, as one block. */
export function statsBlock(stats: LedgerStats): Record<string, string> {
  const {
    events,
    diskBytes,
    bytesPerEvent,
    segments,
    dropped,
    oldest,
    newest,
    rate,
    checkpoints,
    anchors,
    types,
  } = stats
  return {
    Events: String(events),
    Disk: bytesText(diskBytes),
    DiskPerEvent: bytesPerEvent === null ? '' : `${Math.round(bytesPerEvent)} bytes`,
    DiskPerMillionEvents: bytesPerEvent === null ? '' : bytesText(bytesPerEvent * 1_000_000),
    Segments:
      segments.compression === null
        ? '0'
        : `${segments.count} with ${segments.events} events, ${bytesText(segments.fileBytes)}, compressed ${segments.compression.toFixed(2)} to 1`,
    Over: `${segments.streams} grants and sessions in segments`,
    Dropped: `${dropped.payloads} records of ${dropped.streams} streams, ${dropped.sideRecords} side records`,
    Oldest: oldest ?? '',
    Newest: newest ?? '',
    Rate:
      rate.perSecond === null
        ? ''
        : `${rate.perSecond.toFixed(rate.perSecond < 10 ? 2 : 0)} events a second (last ${rate.events})`,
    Checkpoints:
      checkpoints.count === 0 ? '0' : `${checkpoints.count}, the last of ${checkpoints.lastSize} events`,
    Anchors: `${anchors.confirmed} confirmed, the last of ${anchors.anchoredSize} events; ${anchors.pending} pending`,
    ...Object.fromEntries(Object.entries(types ?? {}).map(([type, count]) => [type, String(count)])),
  }
}
