/** The chain as one step of the anchorer sees it: what is asked twice is fetched once. */
import { headerBytes, meetsTarget, parseBlock } from '../chain/block.ts'
import { ChainError } from '../chain/errors.ts'
import { merkleBranch } from '../chain/merkle.ts'
import type { ChainClient, ChainStatus } from '../chain/types.ts'
import type { AnchorBlock } from './anchor.ts'

/** lost: the node would not mine it as things stand, and wants it sent. waiting: in the mempool. */
export type Whereabouts = 'lost' | 'waiting' | AnchorBlock

interface BlockContent {
  readonly header: Buffer
  readonly txids: readonly string[]
}

export class ChainView {
  readonly tip: ChainStatus
  readonly #client: ChainClient
  readonly #hashes = new Map<number, string | undefined>()
  readonly #blocks = new Map<string, BlockContent>()

  private constructor(client: ChainClient, tip: ChainStatus) {
    this.#client = client
    this.tip = tip
  }

  /** @throws ChainError */
  static async open(client: ChainClient): Promise<ChainView> {
    return new ChainView(client, await client.status())
  }

  confirmations({ height }: AnchorBlock): number {
    return Math.max(this.tip.bestHeight - height + 1, 0)
  }

  async isOnBestChain(hash: string, height: number): Promise<boolean> {
    if (!this.#hashes.has(height)) this.#hashes.set(height, await this.#client.blockHashAt(height))
    return this.#hashes.get(height) === hash
  }

  /**
   * Where a transaction is. A block is believed only as far as its own bytes prove it: work, Merkle root, and
   * the transaction in it; that it stands on the best chain is the node's word.
   *
   * @throws ChainError
   */
  async find(txid: string): Promise<Whereabouts> {
    const place = await this.#client.transaction(txid)
    if (place === undefined) return 'lost'
    const { blockHash, blockHeight } = place
    if (blockHash === undefined || blockHeight === undefined) return 'waiting'
    // A node may go on naming the block of a branch that it has left.
    if (!(await this.isOnBestChain(blockHash, blockHeight))) return 'lost'
    const { header, txids } = await this.#block(blockHash)
    const index = txids.indexOf(txid)
    if (index < 0) throw new ChainError('bad_answer', `block ${blockHash} does not hold transaction ${txid}`)
    return { hash: blockHash, height: blockHeight, header, index, branch: merkleBranch(txids, index) }
  }

  async #block(hash: string): Promise<BlockContent> {
    const known = this.#blocks.get(hash)
    if (known) return known
    const raw = await this.#client.rawBlock(hash)
    if (raw === undefined)
      throw new ChainError('bad_answer', `the node no longer knows block ${hash}`, { retry: true })
    const { header, txids } = parseBlock(raw)
    if (header.hash !== hash || !meetsTarget(header))
      throw new ChainError('bad_answer', `block ${hash} has not the work that its header claims`)
    const content = { header: Buffer.from(raw.subarray(0, headerBytes)), txids }
    this.#blocks.set(hash, content)
    return content
  }
}
