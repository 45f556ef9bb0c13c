import type { EventRecord } from '../record.ts'
import type { Storage } from '../storage.ts'

/** The rows of a stream that is over. */
export interface ColdStream {
  rows: Buffer[]
  /** While one of these is stored, some of the rows are still to be written in its place. */
  open: Buffer[]
}

/** Which rows may move to a segment, by their keys in the storage. */
export interface ColdRows {
  /** Those that follow from this event alone and never change. */
  ofEvent(record: EventRecord): Buffer[]
  /**
   * Those of a stream that was over before this time. Otherwise the time, not before the one given, from which on it
   * may be over; undefined where it never is.
   */
  ofStream(storage: Storage, stream: string, beforeMs: number): Promise<ColdStream | number | undefined>
  /** The stream whose state a row is. */
  streamOf(key: Buffer): string | undefined
}
