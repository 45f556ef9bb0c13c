import { payments, script, Transaction } from 'bitcoinjs-lib'
import { writeCompactSize } from './compact-size.ts'
import { ChainError } from './errors.ts'
import { hashBytes } from './hash.ts'
import { type PrivateKey, scriptOfAddress } from './keys.ts'
import { dataScript } from './script-data.ts'
import type { UnspentOutput } from './types.ts'

/** Outputs below are dust: the node refuses them (546 = 3 x 182 bytes at 1 sat a byte, rounded; btcd policy). */
export const dustLimitSats = 546n

/** The node's minimum, in satoshis a byte of size. */
export const minimumFeeRate = 1

/** On top of the size's fee, so that no rounding of a node makes it one satoshi short. */
const feeMarginSats = 10n

interface PaymentOutput {
  readonly address: string
  readonly valueSats: bigint
}

export interface TransactionRequest {
  /** Owns every unspent output given, and gets the change. */
  readonly key: PrivateKey
  readonly unspentOutputs: readonly UnspentOutput[]
  readonly payments?: readonly PaymentOutput[]
  /** Goes into one OP_RETURN output, 2 to 80 bytes. */
  readonly payload?: Buffer
  /** Satoshis a byte; `minimumFeeRate` if left out. */
  readonly feeRate?: number
}

export interface BuiltTransaction {
  readonly raw: Buffer
  readonly txid: string
  readonly feeSats: bigint
  readonly inputs: readonly UnspentOutput[]
  /** The change as the key's next unspent output, so that a next transaction can be built on it at once. */
  readonly change: UnspentOutput | undefined
}

/**
 * Builds and signs a version 1 transaction with P2PKH inputs (SIGHASH_ALL, strict DER, low S). Pure and
 * deterministic: the same request gives the same bytes.
 *
 * Coins are taken confirmed ones first, larger ones first. Change below the dust limit goes to the fee.
 *
 * @throws ChainError `insufficient_funds`, `bad_address`, `bad_amount`, `bad_payload`.
 */
export function buildTransaction(request: TransactionRequest): BuiltTransaction {
  const { key, feeRate = minimumFeeRate } = request
  if (!(feeRate >= 0 && Number.isFinite(feeRate)))
    throw new ChainError('bad_amount', `${feeRate} is no fee rate`)
  const outputs = outputsOf(request)
  const paidSats = outputs.reduce((sum, output) => sum + output.valueSats, 0n)
  const coins = selectCoins(request.unspentOutputs, key, outputs, paidSats, feeRate)

  const transaction = new Transaction()
  transaction.version = 1
  for (const input of coins.inputs) transaction.addInput(hashBytes(input.txid), input.index)
  for (const output of outputs) transaction.addOutput(output.script, output.valueSats)
  const changeScript = scriptOfAddress(key.address)
  const changeIndex = coins.changeSats === 0n ? -1 : transaction.addOutput(changeScript, coins.changeSats)
  for (const [index, input] of coins.inputs.entries()) {
    const hash = transaction.hashForSignature(index, input.script, Transaction.SIGHASH_ALL)
    const signature = script.signature.encode(key.sign(hash), Transaction.SIGHASH_ALL)
    transaction.setInputScript(index, payments.p2pkh({ pubkey: key.publicKey, signature }).input!)
  }

  const txid = transaction.getId()
  const change = {
    txid,
    index: changeIndex,
    valueSats: coins.changeSats,
    script: changeScript,
    confirmations: 0,
  }
  return {
    raw: Buffer.from(transaction.toBuffer()),
    txid,
    feeSats: coins.feeSats,
    inputs: coins.inputs,
    change: changeIndex === -1 ? undefined : change,
  }
}

interface Output {
  readonly script: Buffer
  readonly valueSats: bigint
}

function outputsOf(request: TransactionRequest): Output[] {
  const outputs: Output[] = []
  for (const { address, valueSats } of request.payments ?? []) {
    if (valueSats < dustLimitSats) {
      throw new ChainError(
        'bad_amount',
        `a payment of ${valueSats} satoshis is dust: the least is ${dustLimitSats}`,
      )
    }
    outputs.push({ script: scriptOfAddress(address), valueSats })
  }
  if (request.payload !== undefined) outputs.push({ script: dataScript(request.payload), valueSats: 0n })
  if (outputs.length === 0) throw new ChainError('bad_amount', 'a transaction needs a payment or a payload')
  return outputs
}

interface Coins {
  readonly inputs: UnspentOutput[]
  readonly feeSats: bigint
  readonly changeSats: bigint
}

function selectCoins(
  unspentOutputs: readonly UnspentOutput[],
  key: PrivateKey,
  outputs: readonly Output[],
  paidSats: bigint,
  feeRate: number,
): Coins {
  const inputs: UnspentOutput[] = []
  let chosenSats = 0n
  const fee = (outs: readonly Output[]) => feeForSize(maximumSize(inputs.length, key, outs), feeRate)
  const withChange = [...outputs, { script: scriptOfAddress(key.address), valueSats: 0n }]
  for (const candidate of [...unspentOutputs].sort(byPreference)) {
    inputs.push(candidate)
    chosenSats += candidate.valueSats
    const plainFeeSats = fee(outputs)
    if (chosenSats < paidSats + plainFeeSats) continue
    const feeSats = fee(withChange)
    const changeSats = chosenSats - paidSats - feeSats
    // Too little for an output of its own: it adds to the fee rather than be refused as dust.
    if (changeSats < dustLimitSats) return { inputs, feeSats: chosenSats - paidSats, changeSats: 0n }
    return { inputs, feeSats, changeSats }
  }
  const requiredSats = paidSats + feeForSize(maximumSize(Math.max(inputs.length, 1), key, outputs), feeRate)
  throw new ChainError(
    'insufficient_funds',
    `insufficient fund: ${key.address} has ${chosenSats} satoshis, ${requiredSats} are needed`,
    { availableSats: chosenSats, requiredSats },
  )
}

function byPreference(a: UnspentOutput, b: UnspentOutput): number {
  const confirmed = Number(b.confirmations > 0) - Number(a.confirmations > 0)
  if (confirmed !== 0) return confirmed
  if (a.valueSats !== b.valueSats) return a.valueSats > b.valueSats ? -1 : 1
  return a.txid === b.txid ? a.index - b.index : a.txid < b.txid ? -1 : 1
}

/**
 * Size with the longest signatures there are: 71 bytes of low-S DER and the hash type. The real one is at most
 * this, so a fee by this size is never short.
 */
function maximumSize(inputCount: number, key: PrivateKey, outputs: readonly Output[]): number {
  const inputScriptBytes = 1 + 72 + 1 + key.publicKey.length
  let size = 4 + writeCompactSize(inputCount).length + inputCount * (32 + 4 + 1 + inputScriptBytes + 4)
  size += writeCompactSize(outputs.length).length
  for (const output of outputs)
    size += 8 + writeCompactSize(output.script.length).length + output.script.length
  return size + 4
}

/** The fee of a transaction of so many bytes: rounded up, with a small margin. */
function feeForSize(bytes: number, feeRate: number = minimumFeeRate): bigint {
  return BigInt(Math.ceil(bytes * feeRate)) + feeMarginSats
}

/** What is enough for one anchor: one input, the payload, and change that is no dust. */
export function anchorBudgetSats(key: PrivateKey, payload: Buffer, feeRate: number = minimumFeeRate): bigint {
  const outputs = [dataScript(payload), scriptOfAddress(key.address)].map((s) => ({
    script: s,
    valueSats: 0n,
  }))
  return feeForSize(maximumSize(1, key, outputs), feeRate) + dustLimitSats
}
