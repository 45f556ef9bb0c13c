/**
 * The event record, version 1: the bytes that are hashed and stored (docs/formats.md).
 *
 *     0   1  version = 0x01
 *     1   8  position, big-endian
 *     9   6  time, milliseconds since 1970, big-endian
 *     15  2  event type
 *     17  4  version in the stream
 *     21  1  flags: bit 0, a commitment to a side record follows the stream
 *     22  1  length n of the stream name
 *     23  n  stream name, UTF-8
 *         32 commitment, where flagged
 *            body, to the end
 */
import { LedgerError } from './errors.ts'

export const recordVersion = 1
const headerBytes = 23
/** Where in a record stands what the stream index names it by. */
export const recordName = { position: 1, version: 17, streamLength: 22, stream: headerBytes } as const
const commitmentBytes = 32
const hasCommitment = 1

/** When the event of a record was appended, in milliseconds since 1970. */
export const recordTime = (record: Buffer): number => record.readUIntBE(9, 6)

export interface EventRecord {
  position: number
  timeMs: number
  type: number
  stream: string
  version: number
  body: Buffer
  /** SHA-256(salt ‖ side record), where the event has one. */
  commitment?: Buffer | undefined
}

/** Encodes a record. Positions and times are safe integers; the stream name has 1 to 255 bytes, none of them 0. */
export function encodeRecord(record: EventRecord): Buffer {
  const { position, timeMs, type, stream, version, body, commitment } = record
  const streamBytes = Buffer.byteLength(stream)
  if (streamBytes === 0 || streamBytes > 255 || stream.includes('\0'))
    throw new RangeError('a stream name has 1 to 255 bytes, none of them zero')
  const bytes = Buffer.allocUnsafe(
    headerBytes + streamBytes + (commitment ? commitmentBytes : 0) + body.length,
  )
  bytes[0] = recordVersion
  bytes.writeUIntBE(Math.floor(position / 0x1_0000_0000), 1, 4)
  bytes.writeUInt32BE(position % 0x1_0000_0000, 5)
  bytes.writeUIntBE(timeMs, 9, 6)
  bytes.writeUInt16BE(type, 15)
  bytes.writeUInt32BE(version, 17)
  bytes[21] = commitment ? hasCommitment : 0
  bytes[22] = streamBytes
  bytes.write(stream, headerBytes, 'utf8')
  let offset = headerBytes + streamBytes
  if (commitment) offset += commitment.copy(bytes, offset)
  body.copy(bytes, offset)
  return bytes
}

/** The type of an event, without a look at the rest of its record; undefined where that is none. */
export const typeOf = (record: Buffer): number | undefined =>
  record.length < headerBytes ? undefined : record.readUInt16BE(15)

/** @throws LedgerError damaged, for an unknown version or bytes that are too short */
export function decodeRecord(bytes: Buffer): EventRecord {
  if (bytes[0] !== recordVersion)
    throw new LedgerError('damaged', `record version ${bytes[0] ?? 'none'} is not known to this program`)
  const flags = bytes[21] ?? 0
  const streamEnd = headerBytes + (bytes[22] ?? 0)
  const bodyStart = streamEnd + (flags & hasCommitment ? commitmentBytes : 0)
  if (bytes.length < bodyStart || flags > hasCommitment)
    throw new LedgerError('damaged', 'record header is malformed')
  return {
    position: bytes.readUInt32BE(1) * 0x1_0000_0000 + bytes.readUInt32BE(5),
    timeMs: recordTime(bytes),
    type: bytes.readUInt16BE(15),
    version: bytes.readUInt32BE(17),
    stream: bytes.toString('utf8', headerBytes, streamEnd),
    body: bytes.subarray(bodyStart),
    commitment: flags & hasCommitment ? bytes.subarray(streamEnd, bodyStart) : undefined,
  }
}
