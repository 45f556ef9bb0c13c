import type { Transaction } from 'bitcoinjs-lib'
import { displayHash } from '../chain/hash.ts'
import { dataOfScript } from '../chain/script-data.ts'
import { outpointOf, type StoredOutput } from './rows.ts'

/** What a transaction spends; nothing for a coinbase. */
export function spentOutpoints(transaction: Transaction): string[] {
  if (transaction.isCoinbase()) return []
  return transaction.ins.map((input) => outpointOf(displayHash(input.hash), input.index))
}

/** Spendable outputs with their outpoints: data outputs never enter the set. */
export function outputsOf(transaction: Transaction, txid: string, height: number): [string, StoredOutput][] {
  const outputs: [string, StoredOutput][] = []
  for (const [index, output] of transaction.outs.entries()) {
    if (dataOfScript(output.script) !== undefined) continue
    outputs.push([outpointOf(txid, index), outputAt(transaction, index, height, transaction.isCoinbase())])
  }
  return outputs
}

/** One output as the unspent set keeps it. */
export function outputAt(
  transaction: Transaction,
  index: number,
  height: number,
  coinbase: boolean,
): StoredOutput {
  const { script, value } = transaction.outs[index]!
  return { valueSats: value, script: Buffer.from(script), height, coinbase }
}
