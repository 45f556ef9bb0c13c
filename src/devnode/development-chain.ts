import { randomBytes } from 'node:crypto'
import type { Transaction } from 'bitcoinjs-lib'
import { parseBlockHeader } from '../chain/block.ts'
import type { ChainError } from '../chain/errors.ts'
import { displayHash } from '../chain/hash.ts'
import { createPrivateKey, type PrivateKey, parseWif, scriptOfAddress } from '../chain/keys.ts'
import { parseTransaction } from '../chain/transaction-evidence.ts'
import { checkForm, checkSpending, displayOutpoint, type NextBlock } from './acceptance.ts'
import { assembleBlock, coinbaseTransaction } from './block-assembly.ts'
import { ChainQueries } from './chain-queries.ts'
import { ChainStore, type Tip } from './chain-store.ts'
import { Refusal } from './errors.ts'
import { type FundSettings, fundingTransaction } from './funding.ts'
import { Mempool, type WaitingTransaction } from './mempool.ts'
import * as parameters from './parameters.ts'
import { minerKey, type Output } from './rows.ts'
import { spentOutpoints } from './transaction-outputs.ts'
import { Turns } from './turns.ts'

export interface DevelopmentChainSettings {
  readonly directory: string
  readonly fund: FundSettings
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

export interface ReorgOptions {
  /** Whether the transactions of the invalidated blocks wait again or are forgotten; `return` if left out. */
  readonly transactions?: 'return' | 'drop'
}

/** Blocks mined at once on a new chain: with the last of them the first coinbase can be spent. */
const firstBlocks = parameters.coinbaseMaturity + 1

/** BIP 113: the median of so many blocks is a chain's own clock. */
const medianTimeBlocks = 11

/** The chain with its mempool and its miner: what a node is without its network. */
export class DevelopmentChain {
  readonly #store: ChainStore
  readonly #mempool = new Mempool()
  readonly #turns = new Turns()
  readonly #miner: PrivateKey
  readonly #settings: DevelopmentChainSettings
  readonly #queries: ChainQueries
  #nextSequence = 0

  private constructor(store: ChainStore, miner: PrivateKey, settings: DevelopmentChainSettings) {
    this.#store = store
    this.#miner = miner
    this.#settings = settings
    this.#queries = new ChainQueries(store, this.#mempool)
  }

  /**
   * Opens the chain of the directory, or begins one, and returns once the addresses to fund have confirmed
   * coins. Transactions that waited come back through the same acceptance as new ones.
   */
  static async open(settings: DevelopmentChainSettings): Promise<DevelopmentChain> {
    const store = await ChainStore.open(settings.directory)
    try {
      const miner = parseWif(await store.setting(minerKey, () => createPrivateKey().toWif()))
      const chain = new DevelopmentChain(store, miner, settings)
      await chain.#resume()
      return chain
    } catch (error) {
      await store.close()
      throw error
    }
  }

  async #resume(): Promise<void> {
    const waiting = await this.#store.waiting()
    this.#nextSequence = (waiting.at(-1)?.sequence ?? -1) + 1
    for (const { sequence, raw } of waiting) await this.#acceptAgain(parseTransaction(raw), sequence)
    const { addresses, amountSats } = this.#settings.fund
    const wantedCoinbases = Number((BigInt(addresses.length) * amountSats) / parameters.rewardSats)
    // A chain killed while its first blocks are made goes on with them here.
    const missing = firstBlocks + wantedCoinbases - this.height()
    for (let left = missing; left > 0; left--)
      await this.#mineBlock(this.#settings.clock() - (left - 1) * 1000)
    if (await this.#funding()) await this.#mineBlock(this.#settings.clock())
  }

  /** Waits for what is under way. */
  close(): Promise<void> {
    return this.#turns.take(() => this.#store.close())
  }

  height(): number {
    return this.#store.tip().height
  }

  /** Asks something of the chain as it stands between two changes. */
  read<T>(question: (queries: ChainQueries) => Promise<T>): Promise<T> {
    return this.#turns.take(() => question(this.#queries))
  }

  /** Takes a raw transaction into the mempool. @throws Refusal with the reason in the node's wording. */
  submit(raw: Buffer): Promise<string> {
    return this.#turns.take(async () => {
      let transaction: Transaction
      try {
        transaction = parseTransaction(raw)
      } catch (error) {
        throw new Refusal(`TX decode failed: ${(error as ChainError).message}`)
      }
      return (await this.#accept(transaction)).txid
    })
  }

  /** Mines one block of everything that waits. */
  mine(): Promise<Tip> {
    return this.#turns.take(() => this.#mineBlock(this.#settings.clock()))
  }

  /** Invalidates the last blocks, as a node does that lost them or learned of a better branch. */
  reorg(depth: number, options: ReorgOptions = {}): Promise<Tip> {
    return this.#turns.take(async () => {
      if (!Number.isInteger(depth) || depth < 0 || depth > this.height()) {
        throw new RangeError(`a chain of height ${this.height()} cannot lose ${depth} blocks`)
      }
      const returned: Transaction[] = []
      for (let left = depth; left > 0; left--) returned.unshift(...(await this.#store.disconnectTip()))
      const waited = [...this.#mempool.values()]
      for (const entry of waited) {
        this.#mempool.remove(entry)
        await this.#store.dropWaiting(entry.sequence)
      }
      const candidates = options.transactions === 'drop' ? [] : returned
      for (const transaction of candidates) await this.#acceptAgain(transaction)
      for (const entry of waited) await this.#acceptAgain(entry.transaction)
      return this.#store.tip()
    })
  }

  /** `sequence` is the place in the order of acceptance: a new one, or the one it had before a restart. */
  async #accept(transaction: Transaction, sequence = this.#nextSequence): Promise<WaitingTransaction> {
    const txid = transaction.getId()
    if (this.#mempool.get(txid)) throw new Refusal(`already have transaction ${txid}`)
    const next = this.#nextBlock()
    checkForm(transaction, next)
    const outpoints = spentOutpoints(transaction)
    for (const outpoint of outpoints) {
      const spender = this.#mempool.spenderOf(outpoint)
      if (spender === undefined) continue
      throw new Refusal(
        `output ${displayOutpoint(outpoint)} already spent by transaction ${spender} in the memory pool`,
      )
    }
    if (await this.#store.transaction(txid)) throw new Refusal('transaction already exists')
    const spent: Output[] = []
    for (const [position, outpoint] of outpoints.entries()) {
      const input = transaction.ins[position]!
      const source = displayHash(input.hash)
      const output = this.#mempool.output(source, input.index) ?? (await this.#store.unspentOutput(outpoint))
      if (output === undefined) {
        throw new Refusal(
          `orphan transaction ${txid} references outputs of unknown or fully-spent transaction ${source}`,
        )
      }
      spent.push(output)
    }
    const feeSats = checkSpending(transaction, spent, next)
    this.#nextSequence = Math.max(this.#nextSequence, sequence + 1)
    await this.#store.keepWaiting(sequence, Buffer.from(transaction.toBuffer()))
    return this.#mempool.add(transaction, spent, feeSats, sequence)
  }

  /** Accepts what was accepted before, unless the chain has changed under it: then it is forgotten. */
  async #acceptAgain(transaction: Transaction, sequence?: number): Promise<void> {
    try {
      await this.#accept(transaction, sequence)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      if (sequence !== undefined) await this.#store.dropWaiting(sequence)
    }
  }

  #nextBlock(): NextBlock {
    return { height: this.height() + 1, timeSeconds: Math.floor(this.#settings.clock() / 1000) }
  }

  async #mineBlock(nowMs: number): Promise<Tip> {
    const funding = await this.#funding()
    if (funding) await this.#acceptAgain(parseTransaction(funding.raw))
    const parent = this.#store.tip()
    const height = parent.height + 1
    const chosen = this.#chooseTransactions()
    const feesSats = chosen.reduce((sum, entry) => sum + entry.feeSats, 0n)
    const coinbase = coinbaseTransaction(
      height,
      scriptOfAddress(this.#miner.address),
      feesSats,
      randomBytes(8),
    )
    const block = assembleBlock({
      height,
      parent: parent.hash,
      timeSeconds: Math.max(Math.floor(nowMs / 1000), (await this.#medianTimeSeconds()) + 1),
      transactions: [coinbase, ...chosen.map((entry) => entry.transaction)],
    })
    // Killed before this batch is on disk, the transactions still wait; after it, they are mined.
    await this.#store.connect(
      block,
      chosen.map((entry) => entry.sequence),
    )
    for (const entry of chosen) this.#mempool.remove(entry)
    return this.#store.tip()
  }

  #chooseTransactions(): WaitingTransaction[] {
    const chosen: WaitingTransaction[] = []
    let room = parameters.maximumBlockBytes
    for (const entry of this.#mempool.values()) {
      room -= entry.sizeBytes
      // Stop rather than skip: a later one may spend from the one that has no room.
      if (room < 0) break
      chosen.push(entry)
    }
    return chosen
  }

  async #medianTimeSeconds(): Promise<number> {
    const times: number[] = []
    let hash = this.#store.tip().hash
    while (times.length < medianTimeBlocks) {
      const block = await this.#store.block(hash)
      if (block === undefined) break
      const header = parseBlockHeader(block.header)
      times.push(header.timeSeconds)
      hash = header.prevHash
    }
    return times.sort((a, b) => a - b)[times.length >> 1]!
  }

  #funding() {
    return fundingTransaction({ queries: this.#queries, miner: this.#miner, fund: this.#settings.fund })
  }
}
