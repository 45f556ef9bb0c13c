/** What the retention policy dropped. */
import type { EventLayouts } from './layout.ts'

export interface RetentionEvents {
  /** The records of streams that were over went, whole streams at a time; their leaf hashes stay. */
  'payloads.dropped': {
    /** The first position, and the one behind the last. */
    from: number
    to: number
    count: number
    /** Which ones, see dropped-positions.ts. */
    positions: string
    /** So long had they been over at least. */
    ageSeconds: number
    /** 8 bytes of SHA-256 of each stream's name, ascending. */
    streams: string
  }
  /** Side records went; their records stay. */
  'side_records.dropped': {
    from: number
    to: number
    count: number
    positions: string
    ageSeconds: number
  }
}

export const retentionLayouts: EventLayouts<RetentionEvents> = {
  'payloads.dropped': {
    code: 2,
    fields: ['from', 'to', 'count', 'positions:hash', 'ageSeconds', 'streams:hash'],
  },
  'side_records.dropped': { code: 3, fields: ['from', 'to', 'count', 'positions:hash', 'ageSeconds'] },
}
