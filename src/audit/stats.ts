/** Sizes and rates of a ledger, by a few reads; only the counts by type go through all of it. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isConfirmed } from '../anchor/anchor.ts'
import { listAnchors } from '../anchor/anchor-store.ts'
import { listCheckpoints } from '../ledger/checkpoints.ts'
import { eventKey } from '../ledger/layout.ts'
import { logSize, readRecords } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { Registration } from '../ledger/segments/segments.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { type EventType, eventLayouts } from '../oauth/events.ts'
import { retentionOf } from './drops.ts'

export interface LedgerStats {
  events: number
  /** Bytes of all files of LevelDB and of all segments. */
  diskBytes: number
  /** Everything included; null where there is no event. */
  bytesPerEvent: number | null
  /** Files of older events. */
  segments: {
    count: number
    /** Events in them. */
    events: number
    fileBytes: number
    /** Bytes of the entries in them, divided by those of the files; null where there are none. */
    compression: number | null
    /** Grants and sessions that are over, whose rows are in them. */
    streams: number
  }
  /** What the retention policy dropped; the segments have shrunk by it. */
  dropped: { payloads: number; streams: number; sideRecords: number }
  /** ISO 8601; null where there is no event. */
  oldest: string | null
  newest: string | null
  /** Over the last events: how many, and how many a second; null where they are all of one moment. */
  rate: { events: number; perSecond: number | null }
  checkpoints: { count: number; lastSize: number }
  anchors: { confirmed: number; pending: number; anchoredSize: number }
  /** Only where asked for. */
  types?: Partial<Record<EventType, number>>
}

export interface StatsOptions {
  /** Folder of LevelDB. */
  directory: string
  segments?: readonly Registration[]
  /** Over how many of the last events the rate is taken. */
  lastEvents: number
  /** Counts events by type, reading all of them. */
  types?: boolean
  onProgress?: (done: number, total: number) => void
}

export async function ledgerStats(reader: StorageReader, options: StatsOptions): Promise<LedgerStats> {
  const events = await logSize(reader)
  /** Of the first event from there on that was not dropped. */
  const timeAt = async (position: number): Promise<number | undefined> => {
    if (position < 0) return undefined
    for await (const [, record] of reader.entries({
      gte: eventKey(position),
      lt: eventKey(events),
      limit: 1,
    }))
      return decodeRecord(record).timeMs
    return undefined
  }
  const counted = Math.min(options.lastEvents, events)
  const [oldest, newest, from] = await Promise.all([0, events - 1, events - counted].map(timeAt))
  const seconds = newest === undefined || from === undefined ? 0 : (newest - from) / 1000
  const segments = sumUp(options.segments ?? [])
  const diskBytes = (await sizeOfFiles(options.directory)) + segments.fileBytes
  return {
    events,
    diskBytes,
    bytesPerEvent: events === 0 ? null : diskBytes / events,
    segments,
    dropped: await sumUpDrops(reader),
    oldest: isoTime(oldest),
    newest: isoTime(newest),
    rate: { events: counted, perSecond: seconds > 0 ? (counted - 1) / seconds : null },
    checkpoints: await countCheckpoints(reader),
    anchors: await countAnchors(reader),
    ...(options.types && { types: await countTypes(reader, events, options.onProgress) }),
  }
}

const isoTime = (timeMs: number | undefined): string | null =>
  timeMs === undefined ? null : new Date(timeMs).toISOString()

function sumUp(registrations: readonly Registration[]): LedgerStats['segments'] {
  const sum = (number: (it: Registration) => number) => registrations.reduce((all, it) => all + number(it), 0)
  const fileBytes = sum((it) => it.fileBytes)
  return {
    count: registrations.length,
    events: sum((it) => it.last - it.first + 1),
    fileBytes,
    compression: fileBytes === 0 ? null : sum((it) => it.rawBytes) / fileBytes,
    streams: sum((it) => it.streams),
  }
}

async function sumUpDrops(reader: StorageReader): Promise<LedgerStats['dropped']> {
  const { count: payloads, streams } = await retentionOf(reader, 'payloads')
  const { count: sideRecords } = await retentionOf(reader, 'side_records')
  return { payloads, streams, sideRecords }
}

async function countCheckpoints(reader: StorageReader): Promise<LedgerStats['checkpoints']> {
  const found = { count: 0, lastSize: 0 }
  for await (const { checkpoint } of listCheckpoints(reader)) {
    found.count++
    found.lastSize = checkpoint.size
  }
  return found
}

async function countAnchors(reader: StorageReader): Promise<LedgerStats['anchors']> {
  const found = { confirmed: 0, pending: 0, anchoredSize: 0 }
  for await (const stored of listAnchors(reader)) {
    if (!('anchor' in stored)) continue
    if (isConfirmed(stored.anchor)) {
      found.confirmed++
      found.anchoredSize = stored.anchor.size
    } else found.pending++
  }
  return found
}

const namesByCode = new Map(Object.entries(eventLayouts).map(([type, { code }]) => [code, type as EventType]))
const eventsAtOnce = 10_000

async function countTypes(
  reader: StorageReader,
  size: number,
  onProgress: StatsOptions['onProgress'],
): Promise<Partial<Record<EventType, number>>> {
  const byCode = new Map<number, number>()
  for await (const [position, record] of readRecords(reader, 0, size)) {
    const code = record.readUInt16BE(15)
    byCode.set(code, (byCode.get(code) ?? 0) + 1)
    if (position % eventsAtOnce === 0) onProgress?.(position, size)
  }
  const types: Partial<Record<EventType, number>> = {}
  for (const [code, name] of namesByCode) if (byCode.has(code)) types[name] = byCode.get(code)!
  return types
}

async function sizeOfFiles(directory: string): Promise<number> {
  let bytes = 0
  // LevelDB drops files at any time.
  for (const name of await readdir(directory).catch(() => []))
    bytes += (await stat(join(directory, name)).catch(() => undefined))?.size ?? 0
  return bytes
}
