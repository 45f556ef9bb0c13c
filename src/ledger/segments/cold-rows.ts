import type { EventRecord } from '../record.ts'
import type { Storage } from '../storage.ts'

/** Which rows may move to a segment, by their keys in the storage. */
export interface ColdRows {
  /** Those that follow from this event alone and never change. */
  ofEvent(record: EventRecord): Buffer[]
  /**
   * Those of a stream that was over before this time. Otherwise the time, not before the one given, from which on it
   * may be over; undefined where it never is.
   */
  ofStream(storage: Storage, stream: string, beforeMs: number): Promise<Buffer[] | number | undefined>
  /** The stream whose state a row is. */
  streamOf(key: Buffer): string | undefined
}
