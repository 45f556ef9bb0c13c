/**
 * What an anchor transaction carries in its OP_RETURN output, 52 bytes:
 *
 *     0   4  magic, ASCII CSO1
 *     4   8  first 8 bytes of SHA-256(origin in UTF-8)
 *     12  8  tree size, big-endian
 *     20 32  root hash
 */
import { hash } from 'node:crypto'
import type { Checkpoint } from '../tree/checkpoint.ts'
import { HASH_BYTES, type Hash } from '../tree/hash.ts'

export const payloadBytes = 52

const magic = Buffer.from('CSO1', 'ascii')
const prefixBytes = 8

export interface AnchorPayload {
  readonly originPrefix: Buffer
  readonly size: number
  readonly root: Hash
}

/** What stands for a log's name in its anchors. */
export const originPrefix = (origin: string): Buffer =>
  hash('sha256', origin, 'buffer').subarray(0, prefixBytes)

/** @throws RangeError for a tree that no anchor can name: an empty one, or a root that is no hash. */
export function encodePayload({ origin, size, root }: Pick<Checkpoint, 'origin' | 'size' | 'root'>): Buffer {
  if (!Number.isSafeInteger(size) || size < 1)
    throw new RangeError(`a tree of size ${size} cannot be anchored`)
  if (root.length !== HASH_BYTES) throw new RangeError(`a root hash has 32 bytes, not ${root.length}`)
  const sizeBytes = Buffer.alloc(8)
  sizeBytes.writeBigUInt64BE(BigInt(size))
  return Buffer.concat([magic, originPrefix(origin), sizeBytes, root])
}

/** Undefined for whatever `encodePayload` would not have written. */
export function parsePayload(bytes: Buffer): AnchorPayload | undefined {
  if (bytes.length !== payloadBytes || !bytes.subarray(0, 4).equals(magic)) return undefined
  const size = bytes.readBigUInt64BE(12)
  if (size < 1n || size > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
  return { originPrefix: bytes.subarray(4, 12), size: Number(size), root: bytes.subarray(20) }
}
