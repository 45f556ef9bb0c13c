import { Transaction } from 'bitcoinjs-lib'
import { Level } from 'level'
import { encodeBlockHeader, parseBlockHeader } from '../chain/block.ts'
import { displayHash } from '../chain/hash.ts'
import { addressOfScript } from '../chain/keys.ts'
import { type AssembledBlock, genesisBlock } from './block-assembly.ts'
import { DevNodeError } from './errors.ts'
import type { StoredOutput } from './rows.ts'
import * as rows from './rows.ts'
import { outputAt, outputsOf, spentOutpoints } from './transaction-outputs.ts'

export interface Tip {
  readonly hash: string
  readonly height: number
}

export interface Coin extends StoredOutput {
  readonly txid: string
  readonly index: number
  readonly outpoint: string
}

type Batch = ReturnType<Level<string, Buffer>['batch']>

/**
 * The chain on disk. Every change of the best chain is one synced batch that moves the tip, the unspent outputs
 * and the address index together: killed at any moment, the chain is that of the block before or after.
 * Nothing of it is held in memory but the tip.
 *
 * Calls that write must not overlap; the caller takes turns.
 */
export class ChainStore {
  readonly #db: Level<string, Buffer>
  #tip: Tip

  private constructor(db: Level<string, Buffer>, tip: Tip) {
    this.#db = db
    this.#tip = tip
  }

  /** Opens the directory's chain, or begins one. @throws DevNodeError `directory_in_use`, `other_chain`. */
  static async open(directory: string): Promise<ChainStore> {
    const db = new Level<string, Buffer>(directory, { keyEncoding: 'utf8', valueEncoding: 'buffer' })
    try {
      await db.open()
    } catch (cause) {
      const locked = (cause as { cause?: { code?: string } }).cause?.code === 'LEVEL_LOCKED'
      if (!locked) throw cause
      throw new DevNodeError(
        'directory_in_use',
        `another process has the development chain in ${directory} open`,
        { cause },
      )
    }
    try {
      const genesis = genesisBlock()
      const store = new ChainStore(db, { hash: genesis.header.hash, height: 0 })
      const tip = await store.#get(rows.tipKey)
      if (tip === undefined) {
        await store.connect(genesis, [])
        return store
      }
      if ((await store.hashAt(0)) !== genesis.header.hash) {
        throw new DevNodeError('other_chain', `${directory} holds another chain than this development chain`)
      }
      const hash = tip.toString('hex')
      store.#tip = { hash, height: (await store.block(hash))!.height }
      return store
    } catch (error) {
      await db.close()
      throw error
    }
  }

  close(): Promise<void> {
    return this.#db.close()
  }

  tip(): Tip {
    return this.#tip
  }

  /** The value under a key of `meta`, made and synced at first use. */
  async setting(key: string, make: () => string): Promise<string> {
    const stored = await this.#get(key)
    if (stored !== undefined) return stored.toString('utf8')
    const value = make()
    await this.#db.batch().put(key, Buffer.from(value)).write({ sync: true })
    return value
  }

  async hashAt(height: number): Promise<string | undefined> {
    return (await this.#get(rows.heightKey(height)))?.toString('hex')
  }

  async block(hash: string): Promise<rows.StoredBlock | undefined> {
    const bytes = await this.#get(rows.blockKey(hash))
    return bytes && rows.decodeStoredBlock(bytes)
  }

  async transaction(txid: string): Promise<rows.StoredTransaction | undefined> {
    const bytes = await this.#get(rows.transactionKey(txid))
    return bytes && rows.decodeStoredTransaction(bytes)
  }

  async unspentOutput(outpoint: string): Promise<StoredOutput | undefined> {
    const bytes = await this.#get(rows.outputKey(outpoint))
    return bytes && rows.decodeOutput(bytes)
  }

  /** Unspent outputs of an address, the oldest first. */
  async *coins(address: string): AsyncGenerator<Coin> {
    const prefix = rows.coinPrefix(address)
    for await (const key of this.#db.keys({ gte: prefix, lt: rows.prefixEnd(prefix) })) {
      const outpoint = rows.outpointOfCoinKey(key)
      const output = await this.unspentOutput(outpoint.outpoint)
      if (output !== undefined) yield { ...outpoint, ...output }
    }
  }

  /** Txids of an address, mined, the newest first. */
  async *history(address: string): AsyncGenerator<string> {
    const prefix = rows.historyPrefix(address)
    const range = { gte: prefix, lt: rows.prefixEnd(prefix), reverse: true }
    for await (const txid of this.#db.values(range)) yield txid.toString('hex')
  }

  /** Makes the block the tip, and takes its transactions' rows out of the mempool, in one synced batch. */
  async connect(block: AssembledBlock, mempoolSequences: readonly number[]): Promise<void> {
    const { header, height, transactions } = block
    const batch = this.#db.batch()
    const created = new Map<string, StoredOutput>()
    const txids = transactions.map((transaction) => transaction.getId())
    for (const [place, transaction] of transactions.entries()) {
      const touched = new Set<string>()
      for (const outpoint of spentOutpoints(transaction)) {
        const spent = created.get(outpoint) ?? (await this.unspentOutput(outpoint))
        if (spent === undefined)
          throw new Error(`block ${height} spends an output that is not there: ${outpoint}`)
        touch(touched, removeCoin(batch, outpoint, spent))
      }
      for (const [outpoint, output] of outputsOf(transaction, txids[place]!, height)) {
        created.set(outpoint, output)
        touch(touched, addCoin(batch, outpoint, output))
      }
      const txid = Buffer.from(txids[place]!, 'hex')
      for (const address of touched) batch.put(rows.historyKey(address, height, place), txid)
      const raw = Buffer.from(transaction.toBuffer())
      batch.put(rows.transactionKey(txids[place]!), rows.encodeStoredTransaction({ height, place, raw }))
    }
    const hash = Buffer.from(header.hash, 'hex')
    batch.put(
      rows.blockKey(header.hash),
      rows.encodeStoredBlock({ height, header: encodeBlockHeader(header), txids }),
    )
    batch.put(rows.heightKey(height), hash).put(rows.tipKey, hash)
    for (const sequence of mempoolSequences) batch.del(rows.mempoolKey(sequence))
    await batch.write({ sync: true })
    this.#tip = { hash: header.hash, height }
  }

  /**
   * Takes the tip off the chain, in one synced batch, and gives back its transactions without the coinbase. No
   * undo data is kept: the outputs it spent are read from the transactions that made them.
   */
  async disconnectTip(): Promise<Transaction[]> {
    const { hash, height } = this.#tip
    const block = (await this.block(hash))!
    const batch = this.#db.batch()
    const transactions: Transaction[] = []
    for (const [place, txid] of [...block.txids.entries()].reverse()) {
      const transaction = Transaction.fromBuffer((await this.transaction(txid))!.raw)
      if (place > 0) transactions.unshift(transaction)
      const touched = new Set<string>()
      for (const [outpoint, output] of outputsOf(transaction, txid, height)) {
        touch(touched, removeCoin(batch, outpoint, output))
      }
      for (const [position, outpoint] of spentOutpoints(transaction).entries()) {
        const input = transaction.ins[position]!
        const source = (await this.transaction(displayHash(input.hash)))!
        const restored = outputAt(
          Transaction.fromBuffer(source.raw),
          input.index,
          source.height,
          source.place === 0,
        )
        touch(touched, addCoin(batch, outpoint, restored))
      }
      for (const address of touched) batch.del(rows.historyKey(address, height, place))
      batch.del(rows.transactionKey(txid))
    }
    const parent = parseBlockHeader(block.header).prevHash
    batch.del(rows.blockKey(hash)).del(rows.heightKey(height)).put(rows.tipKey, Buffer.from(parent, 'hex'))
    await batch.write({ sync: true })
    this.#tip = { hash: parent, height: height - 1 }
    return transactions
  }

  /** Not synced: a transaction that waits may be lost with the machine's power, as on any node. */
  keepWaiting(sequence: number, raw: Buffer): Promise<void> {
    return this.#db.put(rows.mempoolKey(sequence), raw)
  }

  dropWaiting(sequence: number): Promise<void> {
    return this.#db.del(rows.mempoolKey(sequence))
  }

  /** Waiting transactions in the order of their acceptance. */
  async waiting(): Promise<{ sequence: number; raw: Buffer }[]> {
    const range = { gte: rows.mempoolPrefix, lt: rows.prefixEnd(rows.mempoolPrefix) }
    const entries = await this.#db.iterator(range).all()
    return entries.map(([key, raw]) => ({
      sequence: Number.parseInt(key.slice(rows.mempoolPrefix.length), 16),
      raw,
    }))
  }

  async #get(key: string): Promise<Buffer | undefined> {
    return this.#db.get(key)
  }
}

/** The key says all. Not empty: classic-level does not free its copy of an empty value (src/ledger/storage.ts). */
const present = Buffer.of(1)

function addCoin(batch: Batch, outpoint: string, output: StoredOutput): string | undefined {
  const address = addressOfScript(output.script)
  batch.put(rows.outputKey(outpoint), rows.encodeOutput(output))
  if (address !== undefined) batch.put(rows.coinKey(address, output.height, outpoint), present)
  return address
}

function removeCoin(batch: Batch, outpoint: string, output: StoredOutput): string | undefined {
  const address = addressOfScript(output.script)
  batch.del(rows.outputKey(outpoint))
  if (address !== undefined) batch.del(rows.coinKey(address, output.height, outpoint))
  return address
}

function touch(addresses: Set<string>, address: string | undefined): void {
  if (address !== undefined) addresses.add(address)
}
