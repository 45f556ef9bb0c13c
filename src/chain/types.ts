/** An output that an address can spend now. `txid` is in the usual display order everywhere in this program. */
export interface UnspentOutput {
  readonly txid: string
  readonly index: number
  readonly valueSats: bigint
  readonly script: Buffer
  /** 0 while the transaction is in the mempool only. */
  readonly confirmations: number
}

export interface ChainStatus {
  readonly bestBlockHash: string
  readonly bestHeight: number
}

/** Where a transaction stands: without a block it is in the mempool only. */
interface TransactionPlace {
  readonly txid: string
  readonly blockHash?: string
  readonly blockHeight?: number
}

export interface BlockSummary {
  readonly hash: string
  readonly height: number
  readonly timeSeconds: number
  readonly parent: string
  readonly txids: readonly string[]
}

/**
 * A node of a Bitcoin-type chain with an address index.
 *
 * Every call is one or a few requests to the node and may throw `ChainError` (`unreachable`, `refused`,
 * `bad_answer`). A client holds no state and may be used concurrently. Nothing it returns is proof of
 * anything beyond this: raw transactions and blocks hash to what was asked for.
 */
export interface ChainClient {
  readonly endpoint: string
  status(): Promise<ChainStatus>
  /** Undefined when the node does not know the transaction, for example after a reorg. */
  transaction(txid: string): Promise<TransactionPlace | undefined>
  rawTransaction(txid: string): Promise<Buffer | undefined>
  block(hash: string): Promise<BlockSummary | undefined>
  rawBlock(hash: string): Promise<Buffer | undefined>
  /** Hash of the best chain's block at a height; undefined above the tip. */
  blockHashAt(height: number): Promise<string | undefined>
  /** Spendable satoshis of an address, unconfirmed ones included, immature coinbases not. */
  balanceSats(address: string): Promise<bigint>
  unspentOutputs(address: string): Promise<UnspentOutput[]>
  /**
   * Hands a transaction to the node. Idempotent: a transaction that the node already has, in the mempool or
   * in a block, counts as sent, so that the caller may repeat a send whose answer was lost.
   *
   * @throws ChainError `fee_too_low` or `refused` with the node's reason, `unreachable` when it is not known
   *   whether the node has it.
   */
  send(rawTransaction: Buffer): Promise<void>
}
