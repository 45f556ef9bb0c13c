import type { Transaction } from 'bitcoinjs-lib'
import { addressOfScript } from '../chain/keys.ts'
import { type Output, outpointOf } from './rows.ts'
import { spentOutpoints } from './transaction-outputs.ts'

export interface WaitingTransaction {
  readonly txid: string
  readonly transaction: Transaction
  readonly sizeBytes: number
  readonly feeSats: bigint
  readonly sequence: number
  /** Whoever pays or is paid by it. */
  readonly addresses: ReadonlySet<string>
}

export interface WaitingCoin extends Output {
  readonly txid: string
  readonly index: number
}

/**
 * Accepted transactions that wait for a block, in the order of acceptance, which is also one where every
 * transaction stands behind those it spends from.
 */
export class Mempool {
  readonly #waiting = new Map<string, WaitingTransaction>()
  readonly #spenders = new Map<string, string>()
  readonly #byAddress = new Map<string, Set<string>>()

  get(txid: string): WaitingTransaction | undefined {
    return this.#waiting.get(txid)
  }

  values(): IterableIterator<WaitingTransaction> {
    return this.#waiting.values()
  }

  /** The transaction that spends an output, if one waits. */
  spenderOf(outpoint: string): string | undefined {
    return this.#spenders.get(outpoint)
  }

  /** An output that a waiting transaction makes, spent or not. */
  output(txid: string, index: number): Output | undefined {
    const output = this.#waiting.get(txid)?.transaction.outs[index]
    if (output === undefined) return undefined
    return { valueSats: output.value, script: Buffer.from(output.script), height: undefined, coinbase: false }
  }

  add(
    transaction: Transaction,
    spent: readonly Output[],
    feeSats: bigint,
    sequence: number,
  ): WaitingTransaction {
    const txid = transaction.getId()
    const scripts = [...spent, ...transaction.outs].map((output) => addressOfScript(output.script))
    const addresses = new Set(scripts.filter((address) => address !== undefined))
    const entry = { txid, transaction, sizeBytes: transaction.byteLength(), feeSats, sequence, addresses }
    this.#waiting.set(txid, entry)
    for (const outpoint of spentOutpoints(transaction)) this.#spenders.set(outpoint, txid)
    for (const address of addresses) {
      const txids = this.#byAddress.get(address) ?? new Set()
      this.#byAddress.set(address, txids.add(txid))
    }
    return entry
  }

  remove(entry: WaitingTransaction): void {
    this.#waiting.delete(entry.txid)
    for (const outpoint of spentOutpoints(entry.transaction)) this.#spenders.delete(outpoint)
    for (const address of entry.addresses) {
      const txids = this.#byAddress.get(address)
      txids?.delete(entry.txid)
      if (txids?.size === 0) this.#byAddress.delete(address)
    }
  }

  txidsOf(address: string): string[] {
    return [...(this.#byAddress.get(address) ?? [])]
  }

  /** Outputs to an address that no other waiting transaction spends. */
  coinsOf(address: string): WaitingCoin[] {
    const coins: WaitingCoin[] = []
    for (const txid of this.txidsOf(address)) {
      for (const index of this.#waiting.get(txid)!.transaction.outs.keys()) {
        const output = this.output(txid, index)!
        if (addressOfScript(output.script) !== address || this.#spenders.has(outpointOf(txid, index)))
          continue
        coins.push({ ...output, txid, index })
      }
    }
    return coins
  }
}
