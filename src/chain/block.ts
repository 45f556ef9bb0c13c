import { crypto, Transaction } from 'bitcoinjs-lib'
import { readCompactSize, writeCompactSize } from './compact-size.ts'
import { ChainError } from './errors.ts'
import { displayHash, hashBytes } from './hash.ts'
import { merkleRoot } from './merkle.ts'

/** Size of a block header (Bitcoin developer reference, "Block Headers"). */
export const headerBytes = 80

/** The fields of a block header; hashes in display order. */
export interface BlockHeaderFields {
  readonly version: number
  readonly prevHash: string
  readonly merkleRoot: string
  readonly timeSeconds: number
  /** Compact form of the target. */
  readonly bits: number
  readonly nonce: number
}

export interface BlockHeader extends BlockHeaderFields {
  readonly hash: string
}

export interface ParsedBlock {
  readonly header: BlockHeader
  readonly txids: readonly string[]
  readonly transactions: readonly Buffer[]
}

/** @throws ChainError `malformed` unless it is exactly 80 bytes. */
export function parseBlockHeader(bytes: Buffer): BlockHeader {
  if (bytes.length !== headerBytes) {
    throw new ChainError('malformed', `a block header has ${headerBytes} bytes, not ${bytes.length}`)
  }
  return {
    version: bytes.readInt32LE(0),
    prevHash: displayHash(bytes.subarray(4, 36)),
    merkleRoot: displayHash(bytes.subarray(36, 68)),
    timeSeconds: bytes.readUInt32LE(68),
    bits: bytes.readUInt32LE(72),
    nonce: bytes.readUInt32LE(76),
    hash: displayHash(crypto.hash256(bytes)),
  }
}

/** The 80 bytes of a header. */
export function encodeBlockHeader(header: BlockHeaderFields): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  bytes.writeInt32LE(header.version, 0)
  hashBytes(header.prevHash).copy(bytes, 4)
  hashBytes(header.merkleRoot).copy(bytes, 36)
  bytes.writeUInt32LE(header.timeSeconds, 68)
  bytes.writeUInt32LE(header.bits, 72)
  bytes.writeUInt32LE(header.nonce, 76)
  return bytes
}

/**
 * The number a block hash must not exceed, from its compact form; 0 for a negative or overflowing one, which
 * no hash can meet (Bitcoin Core, arith_uint256::SetCompact).
 */
export function targetOfBits(bits: number): bigint {
  const size = bits >>> 24
  const word = bits & 0x007fffff
  if ((bits & 0x00800000) !== 0) return 0n
  if (word !== 0 && (size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32))) return 0n
  return size <= 3 ? BigInt(word >>> (8 * (3 - size))) : BigInt(word) << BigInt(8 * (size - 3))
}

/**
 * True where the header's hash meets the target that the header itself names. How hard that target is, is for
 * the caller to judge: on a private chain anybody can make such a header.
 */
export function meetsTarget(header: Pick<BlockHeader, 'hash' | 'bits'>): boolean {
  const target = targetOfBits(header.bits)
  return target > 0n && BigInt(`0x${header.hash}`) <= target
}

/**
 * Takes a raw block apart and checks that its transactions are those of its Merkle root.
 *
 * @throws ChainError `malformed`.
 */
export function parseBlock(raw: Buffer): ParsedBlock {
  const header = parseBlockHeader(raw.subarray(0, headerBytes))
  const transactions: Buffer[] = []
  const txids: string[] = []
  let [count, offset] = readCompactSize(raw, headerBytes)
  for (; count > 0; count--) {
    let transaction: Transaction
    try {
      transaction = Transaction.fromBuffer(raw.subarray(offset), true)
    } catch (cause) {
      throw new ChainError('malformed', `transaction ${transactions.length} of the block cannot be read`, {
        cause,
      })
    }
    const end = offset + transaction.byteLength()
    transactions.push(raw.subarray(offset, end))
    txids.push(transaction.getId())
    offset = end
  }
  if (offset !== raw.length) throw new ChainError('malformed', 'the block has unexpected bytes at its end')
  if (txids.length === 0 || merkleRoot(txids) !== header.merkleRoot) {
    throw new ChainError('malformed', 'the block does not hold the transactions of its Merkle root')
  }
  return { header, txids, transactions }
}

/** The raw block of a header and its transactions, coinbase first. */
export function encodeBlock(header: Buffer, transactions: readonly Buffer[]): Buffer {
  return Buffer.concat([header, writeCompactSize(transactions.length), ...transactions])
}
