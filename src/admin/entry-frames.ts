/**
 * Stored entries on the control socket: key length(4), value length(4), key, value; a range as hex in the query, keys and
 * several ranges as JSON in the body.
 */
import type { Entry, Range, StorageReader } from '../ledger/storage.ts'

export interface EntriesQuery {
  gte: string
  lt: string
  reverse?: string
  limit?: string
  /** Without what is altered in segments. */
  salvage?: string
}

export function encodeFrame(key: Buffer, value: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(8 + key.length + value.length)
  frame.writeUInt32BE(key.length, 0)
  frame.writeUInt32BE(value.length, 4)
  key.copy(frame, 8)
  value.copy(frame, 8 + key.length)
  return frame
}

/** Entries of a stream of frames, however it is cut into chunks. */
export async function* decodeFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Entry> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (bytes.length >= 8) {
      const valueStart = 8 + bytes.readUInt32BE(0)
      const end = valueStart + bytes.readUInt32BE(4)
      if (bytes.length < end) break
      yield [bytes.subarray(8, valueStart), bytes.subarray(valueStart, end)]
      bytes = bytes.subarray(end)
    }
    rest = bytes
  }
  if (rest.length > 0) throw new Error('the server broke off')
}

/** So many keys or ranges are asked for at a time: with names of 255 bytes less than 1 MiB. */
export const askedAtOnce = 400

/** What is asked for in a body. */
export interface EntryQuestion {
  keys?: string[]
  ranges?: EntriesQuery[]
  salvage?: boolean
}

/** The entries that are there of those asked for, in the order of the question. */
export async function* answerTo(
  reader: StorageReader,
  { keys = [], ranges = [] }: EntryQuestion,
): AsyncGenerator<Entry> {
  for (const hex of keys) {
    const key = Buffer.from(hex, 'hex')
    const value = await reader.get(key)
    if (value) yield [key, value]
  }
  for (const range of ranges) yield* reader.entries(rangeOfQuery(range))
}

export const rangeQuery = ({ gte, lt, reverse, limit }: Range): EntriesQuery => ({
  gte: gte.toString('hex'),
  lt: lt.toString('hex'),
  ...(reverse && { reverse: '1' }),
  ...(limit !== undefined && { limit: String(limit) }),
})

export const queryOfRange = (range: Range, salvage: boolean): string =>
  new URLSearchParams({ ...rangeQuery(range), ...(salvage && { salvage: '1' }) }).toString()

export const rangeOfQuery = ({ gte, lt, reverse, limit }: EntriesQuery): Range => ({
  gte: Buffer.from(gte, 'hex'),
  lt: Buffer.from(lt, 'hex'),
  ...(reverse !== undefined && { reverse: true }),
  ...(limit !== undefined && { limit: Number(limit) }),
})
