/**
 * Keys and values of the chain's LevelDB. Numbers in keys are eight hex digits, so that keys sort as the
 * numbers do.
 *
 * | key | value |
 * | --- | --- |
 * | `meta!tip` | hash of the best block |
 * | `meta!miner` | the miner's key in wallet import format, random, worthless outside this chain |
 * | `height!H` | hash of the block at that height |
 * | `block!HASH` | height, header, txids |
 * | `tx!TXID` | height, place in the block, raw transaction |
 * | `output!TXID!N` | an unspent output: value, height, coinbase flag, script |
 * | `coins!ADDRESS!H!TXID!N` | the same output under its address: nothing, the key says it |
 * | `history!ADDRESS!H!PLACE` | txid |
 * | `mempool!N` | raw transaction that waits for a block, N in the order of acceptance |
 */
export const tipKey = 'meta!tip'
export const minerKey = 'meta!miner'

export const heightKey = (height: number) => `height!${fixed(height)}`
export const blockKey = (hash: string) => `block!${hash}`
export const transactionKey = (txid: string) => `tx!${txid}`
export const outputKey = (outpoint: string) => `output!${outpoint}`
export const coinPrefix = (address: string) => `coins!${address}!`
export const coinKey = (address: string, height: number, outpoint: string) =>
  `${coinPrefix(address)}${fixed(height)}!${outpoint}`
export const historyPrefix = (address: string) => `history!${address}!`
export const historyKey = (address: string, height: number, place: number) =>
  `${historyPrefix(address)}${fixed(height)}!${fixed(place)}`
export const mempoolPrefix = 'mempool!'
export const mempoolKey = (sequence: number) => `${mempoolPrefix}${fixed(sequence)}`

/** Behind every key that begins with the prefix. */
export const prefixEnd = (prefix: string) => `${prefix}\uffff`

/** How an output is named in keys and maps. */
export const outpointOf = (txid: string, index: number) => `${txid}!${fixed(index)}`

/** The outpoint at the end of a coin key. */
export function outpointOfCoinKey(key: string): { txid: string; index: number; outpoint: string } {
  const [txid, index] = key.split('!').slice(-2) as [string, string]
  return { txid, index: Number.parseInt(index, 16), outpoint: `${txid}!${index}` }
}

function fixed(value: number): string {
  return value.toString(16).padStart(8, '0')
}

export interface StoredBlock {
  readonly height: number
  readonly header: Buffer
  readonly txids: string[]
}

export function encodeStoredBlock(block: StoredBlock): Buffer {
  return Buffer.concat([
    u32(block.height),
    block.header,
    ...block.txids.map((txid) => Buffer.from(txid, 'hex')),
  ])
}

export function decodeStoredBlock(bytes: Buffer): StoredBlock {
  const txids: string[] = []
  for (let offset = 84; offset < bytes.length; offset += 32)
    txids.push(bytes.toString('hex', offset, offset + 32))
  return { height: bytes.readUInt32BE(0), header: bytes.subarray(4, 84), txids }
}

export interface StoredTransaction {
  readonly height: number
  readonly place: number
  readonly raw: Buffer
}

export function encodeStoredTransaction(transaction: StoredTransaction): Buffer {
  return Buffer.concat([u32(transaction.height), u32(transaction.place), transaction.raw])
}

export function decodeStoredTransaction(bytes: Buffer): StoredTransaction {
  return { height: bytes.readUInt32BE(0), place: bytes.readUInt32BE(4), raw: bytes.subarray(8) }
}

export interface Output {
  readonly valueSats: bigint
  readonly script: Buffer
  /** Height of its block; undefined while it is in the mempool only. */
  readonly height: number | undefined
  readonly coinbase: boolean
}

/** An output of a mined transaction. */
export interface StoredOutput extends Output {
  readonly height: number
}

export function encodeOutput(output: StoredOutput): Buffer {
  const head = Buffer.alloc(13)
  head.writeBigUInt64BE(output.valueSats, 0)
  head.writeUInt32BE(output.height, 8)
  head[12] = output.coinbase ? 1 : 0
  return Buffer.concat([head, output.script])
}

export function decodeOutput(bytes: Buffer): StoredOutput {
  return {
    valueSats: bytes.readBigUInt64BE(0),
    height: bytes.readUInt32BE(8),
    coinbase: bytes[12] === 1,
    script: bytes.subarray(13),
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
