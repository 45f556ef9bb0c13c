import { Transaction } from 'bitcoinjs-lib'
import { encodeBlock, parseBlockHeader } from '../chain/block.ts'
import { displayHash } from '../chain/hash.ts'
import type { ChainStore, Tip } from './chain-store.ts'
import type { Mempool } from './mempool.ts'
import { coinbaseMaturity } from './parameters.ts'
import type { Output, StoredBlock } from './rows.ts'

export interface SpendableCoin extends Output {
  readonly txid: string
  readonly index: number
  readonly confirmations: number
}

export interface TransactionView {
  readonly txid: string
  readonly transaction: Transaction
  readonly block: { readonly hash: string; readonly height: number; readonly timeSeconds: number } | undefined
  /** What the inputs spend, in their order; empty for a coinbase. */
  readonly spent: readonly { readonly valueSats: bigint; readonly script: Uint8Array }[]
}

export interface BlockView extends StoredBlock {
  readonly hash: string
  readonly timeSeconds: number
  readonly parent: string
  readonly child: string | undefined
}

/** Answers from the chain on disk and the mempool together. Holds nothing itself. */
export class ChainQueries {
  readonly #store: ChainStore
  readonly #mempool: Mempool

  constructor(store: ChainStore, mempool: Mempool) {
    this.#store = store
    this.#mempool = mempool
  }

  tip(): Tip {
    return this.#store.tip()
  }

  hashAt(height: number): Promise<string | undefined> {
    return this.#store.hashAt(height)
  }

  async block(hash: string): Promise<BlockView | undefined> {
    const stored = await this.#store.block(hash)
    if (stored === undefined) return undefined
    const header = parseBlockHeader(stored.header)
    const child = await this.#store.hashAt(stored.height + 1)
    return { ...stored, hash, timeSeconds: header.timeSeconds, parent: header.prevHash, child }
  }

  async rawBlock(hash: string): Promise<Buffer | undefined> {
    const stored = await this.#store.block(hash)
    if (stored === undefined) return undefined
    const transactions: Buffer[] = []
    for (const txid of stored.txids) transactions.push((await this.#store.transaction(txid))!.raw)
    return encodeBlock(stored.header, transactions)
  }

  async rawTransaction(txid: string): Promise<Buffer | undefined> {
    const waiting = this.#mempool.get(txid)
    if (waiting) return Buffer.from(waiting.transaction.toBuffer())
    return (await this.#store.transaction(txid))?.raw
  }

  async transaction(txid: string): Promise<TransactionView | undefined> {
    const raw = await this.rawTransaction(txid)
    if (raw === undefined) return undefined
    const transaction = Transaction.fromBuffer(raw)
    const spent: { valueSats: bigint; script: Uint8Array }[] = []
    for (const input of transaction.isCoinbase() ? [] : transaction.ins) {
      const source = Transaction.fromBuffer((await this.rawTransaction(displayHash(input.hash)))!)
      const output = source.outs[input.index]!
      spent.push({ valueSats: output.value, script: output.script })
    }
    const stored = await this.#store.transaction(txid)
    const hash = stored && (await this.#store.hashAt(stored.height))
    const block = hash === undefined ? undefined : await this.block(hash)
    return { txid, transaction, spent, block }
  }

  /** Mature and unspent, the oldest first, unconfirmed ones last. */
  async *spendable(address: string): AsyncGenerator<SpendableCoin> {
    const { height } = this.#store.tip()
    for await (const coin of this.#store.coins(address)) {
      const mature = !coin.coinbase || height + 1 - coin.height >= coinbaseMaturity
      if (!mature || this.#mempool.spenderOf(coin.outpoint) !== undefined) continue
      yield { ...coin, confirmations: height - coin.height + 1 }
    }
    for (const coin of this.#mempool.coinsOf(address)) yield { ...coin, confirmations: 0 }
  }

  async balanceSats(address: string): Promise<bigint> {
    let sum = 0n
    for await (const coin of this.spendable(address)) sum += coin.valueSats
    return sum
  }

  /** Mempool first, then mined, the newest first. */
  async *history(address: string, which: 'all' | 'confirmed' | 'unconfirmed'): AsyncGenerator<string> {
    if (which !== 'confirmed') yield* this.#mempool.txidsOf(address)
    if (which !== 'unconfirmed') yield* this.#store.history(address)
  }
}
