import { opcodes, script, type Transaction } from 'bitcoinjs-lib'
import { checkInputSignature } from '../chain/input-signature.ts'
import { addressOfScript } from '../chain/keys.ts'
import { dataOfScript } from '../chain/script-data.ts'
import { Refusal } from './errors.ts'
import * as parameters from './parameters.ts'
import type { Output } from './rows.ts'
import { spentOutpoints } from './transaction-outputs.ts'

/** The block that the transaction would stand in. */
export interface NextBlock {
  readonly height: number
  readonly timeSeconds: number
}

/**
 * What the transaction shows by itself: sanity first, then the relay policy, in btcd's order.
 *
 * @throws Refusal with the reason in the node's wording.
 */
export function checkForm(transaction: Transaction, next: NextBlock): void {
  const txid = transaction.getId()
  if (transaction.ins.length === 0) throw new Refusal('transaction has no inputs')
  if (transaction.outs.length === 0) throw new Refusal('transaction has no outputs')
  const size = transaction.byteLength()
  if (size > parameters.maximumTransactionBytes) {
    throw notStandard(
      txid,
      `transaction size of ${size} is larger than max allowed size of ${parameters.maximumTransactionBytes}`,
    )
  }
  let totalSats = 0n
  for (const { value } of transaction.outs) {
    totalSats += value
    if (value < 0n) throw new Refusal(`transaction output has negative value of ${value}`)
    if (totalSats > parameters.maximumMoneySats) {
      throw new Refusal(
        `total value of all transaction outputs is ${totalSats} which is higher than max allowed value of ${parameters.maximumMoneySats}`,
      )
    }
  }
  const outpoints = spentOutpoints(transaction)
  if (transaction.isCoinbase()) throw new Refusal(`transaction ${txid} is an individual coinbase`)
  if (new Set(outpoints).size !== outpoints.length) throw new Refusal('transaction contains duplicate inputs')
  if (transaction.version !== 1) {
    throw notStandard(txid, `transaction version ${transaction.version} is not in the valid range of 1-1`)
  }
  if (!isFinal(transaction, next)) throw notStandard(txid, 'transaction is not finalized')
  for (const [index, input] of transaction.ins.entries()) {
    const pushes = script.decompile(input.script)
    if (pushes === null || !script.isPushOnly(pushes)) {
      throw notStandard(txid, `transaction input ${index}: signature script is not push only`)
    }
  }
  for (const [index, output] of transaction.outs.entries()) checkOutput(txid, index, output)
}

function checkOutput(txid: string, index: number, output: Transaction['outs'][number]): void {
  if (output.script[0] === opcodes.OP_RETURN) {
    const data = dataOfScript(output.script)
    if (data === undefined || data.length > parameters.maximumDataBytes) {
      throw notStandard(txid, `transaction output ${index}: non-standard script form`)
    }
    // A real node fails on these two with an internal error; here the reason is told.
    if (data.length === 1 || (data[0] === 0x44 && data[1] === 0x58)) {
      throw notStandard(
        txid,
        `transaction output ${index}: payload of one byte or with the deletion marker 4458`,
      )
    }
    return
  }
  if (addressOfScript(output.script) === undefined) {
    throw notStandard(txid, `transaction output ${index}: non-standard script form`)
  }
  if (output.value < parameters.dustLimitSats) {
    throw notStandard(txid, `transaction output ${index}: payment of ${output.value} is dust`)
  }
}

/** BIP 113 aside, btcd's IsFinalizedTransaction: no lock time, or one that has passed, or no input that heeds it. */
function isFinal(transaction: Transaction, next: NextBlock): boolean {
  const { locktime } = transaction
  const now = locktime < 500_000_000 ? next.height : next.timeSeconds
  return locktime === 0 || locktime < now || transaction.ins.every((input) => input.sequence === 0xffffffff)
}

/**
 * What the transaction does with the outputs it spends, given in its inputs' order: maturity, values, fee, and
 * last, because it costs most, the signatures.
 *
 * @returns the fee in satoshis.
 * @throws Refusal with the reason in the node's wording.
 */
export function checkSpending(transaction: Transaction, spent: readonly Output[], next: NextBlock): bigint {
  const txid = transaction.getId()
  const outpoints = spentOutpoints(transaction).map(displayOutpoint)
  for (const [index, output] of spent.entries()) {
    if (output.coinbase && next.height - (output.height ?? next.height) < parameters.coinbaseMaturity) {
      throw new Refusal(
        `tried to spend coinbase transaction ${outpoints[index]!.split(':')[0]} from height ${output.height} at height ` +
          `${next.height} before required maturity of ${parameters.coinbaseMaturity} blocks`,
      )
    }
  }
  const inSats = spent.reduce((sum, output) => sum + output.valueSats, 0n)
  const outSats = transaction.outs.reduce((sum, output) => sum + output.value, 0n)
  if (inSats < outSats) {
    throw new Refusal(
      `total value of all transaction inputs for transaction ${txid} is ${inSats} which is less than amount spent of ${outSats}`,
    )
  }
  const feeSats = inSats - outSats
  const requiredSats = BigInt(transaction.byteLength()) * parameters.minimumFeeSatsPerByte
  // Stricter than the node, which lets old large coins pass by priority: a fault in a fee shall show here.
  if (feeSats < requiredSats) {
    throw new Refusal(
      `transaction ${txid} has ${feeSats} fees which is under the required amount of ${requiredSats}`,
    )
  }
  for (const [index, output] of spent.entries()) {
    const signature = checkInputSignature(transaction, index)
    const fault =
      signature.kind === 'invalid'
        ? signature.fault
        : signature.address !== addressOfScript(output.script)
          ? 'public key does not hash to the address of the output'
          : undefined
    if (fault !== undefined) {
      throw new Refusal(
        `failed to validate input ${txid}:${index} which references output ${outpoints[index]} - ${fault}`,
      )
    }
  }
  return feeSats
}

/** An outpoint as reasons name it. */
export function displayOutpoint(outpoint: string): string {
  const [txid, index] = outpoint.split('!') as [string, string]
  return `${txid}:${Number.parseInt(index, 16)}`
}

function notStandard(txid: string, reason: string): Refusal {
  return new Refusal(`transaction ${txid} is not standard: ${reason}`)
}
