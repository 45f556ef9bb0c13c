/** The stream index and the rows cut into ranges of keys of about one length, by events from everywhere in the log. */
import { rangeOf, rowKey, streamKey } from '../ledger/layout.ts'
import { readRecord } from '../ledger/reader.ts'
import type { EventRecord } from '../ledger/record.ts'
import type { Range, StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import { projectIndexRows, stateRowKey } from '../projections/rows.ts'
import type { IndexPart } from './index-scan.ts'

const samplesEachPart = 8

/** About so many parts of the whole index; no stream is cut in two. */
export async function partsOfIndex(reader: StorageReader, size: number, count: number): Promise<IndexPart[]> {
  const samples = await sampled(reader, size, count, ({ stream }) => [streamKey(stream, 0)])
  return partsBetween(rangeOf('stream'), samples, count)
}

/** About so many parts of all rows. */
export async function partsOfRows(reader: StorageReader, size: number, count: number): Promise<Range[]> {
  const samples = await sampled(reader, size, count, rowKeysOf)
  return partsBetween(rangeOf('row'), samples, count)
}

async function sampled(
  reader: StorageReader,
  size: number,
  count: number,
  keysOf: (record: EventRecord) => Buffer[],
): Promise<Buffer[]> {
  const keys: Buffer[] = []
  for (let i = 0; i < count * samplesEachPart && size > 0; i++) {
    const position = Math.floor((size * i) / (count * samplesEachPart))
    // A record that cannot be read is told elsewhere.
    const sample = await readRecord(reader, position).catch(() => undefined)
    if (sample) keys.push(...keysOf(sample.record))
  }
  return keys
}

/** Of the state of its stream, and of the rows that the first event of a stream puts. */
function rowKeysOf({ position, timeMs, stream, version, type, body }: EventRecord): Buffer[] {
  const keys = [rowKey(stateRowKey(stream))]
  if (version > 0) return keys
  const event = decodeEvent(type, body)
  const put = (key: Buffer) => void keys.push(rowKey(key))
  projectIndexRows(
    { position, timeMs, stream, version, event },
    { state: undefined, version },
    { put, del: () => {} },
  )
  return keys
}

function partsBetween({ gte, lt }: Range, samples: Buffer[], count: number): IndexPart[] {
  samples.sort(Buffer.compare)
  const edges: Buffer[] = [gte]
  for (let i = 1; i < count; i++) {
    const edge = samples[Math.floor((samples.length * i) / count)]
    if (edge && edge.compare(edges.at(-1)!) > 0) edges.push(edge)
  }
  return edges.map((edge, i) => ({ gte: edge, lt: edges[i + 1] ?? lt }))
}
