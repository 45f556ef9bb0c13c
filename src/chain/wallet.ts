import { Transaction } from 'bitcoinjs-lib'
import { ChainError } from './errors.ts'
import type { PrivateKey } from './keys.ts'
import { anchorBudgetSats, type BuiltTransaction, buildTransaction, minimumFeeRate } from './transaction.ts'
import type { ChainClient, UnspentOutput } from './types.ts'

export interface AnchorRequest {
  readonly client: ChainClient
  /** Own keys, the one that should pay before those that may pay in its place. */
  readonly keys: readonly PrivateKey[]
  readonly payload: Buffer
  readonly feeRate?: number
}

export interface PreparedTransaction extends BuiltTransaction {
  /** Whose key signed and pays. */
  readonly address: string
}

/**
 * Builds the transaction that carries a payload, paid by one of the keys, and does not send it: the caller
 * stores the bytes first, so that after a crash the very same transaction can be sent again.
 *
 * @throws ChainError `insufficient_funds` where no key can pay, or what the node's answers cause.
 */
export async function prepareAnchor(request: AnchorRequest): Promise<PreparedTransaction> {
  const { client, keys, payload, feeRate = minimumFeeRate } = request
  const { key, unspentOutputs } = await chooseFunds(client, keys, (owner) =>
    anchorBudgetSats(owner, payload, feeRate),
  )
  const built = buildTransaction({ key, unspentOutputs, payload, feeRate })
  await checkInputs(client, built.inputs)
  return { ...built, address: key.address }
}

export interface RechargeRequest {
  readonly client: ChainClient
  readonly key: PrivateKey
  /** Each is paid once, however often it is named. */
  readonly addresses: readonly string[]
  readonly amountSats: bigint
  readonly feeRate?: number
}

/**
 * Sends `amountSats` to every address in one transaction.
 *
 * @returns the transaction as sent, with the addresses it paid.
 * @throws ChainError `insufficient_funds`, `fee_too_low` naming both amounts, `bad_address`, `bad_amount`.
 */
export async function recharge(
  request: RechargeRequest,
): Promise<PreparedTransaction & { addresses: string[] }> {
  const { client, key, amountSats, feeRate = minimumFeeRate } = request
  const addresses = [...new Set(request.addresses)]
  const payments = addresses.map((address) => ({ address, valueSats: amountSats }))
  const unspentOutputs = await client.unspentOutputs(key.address)
  const built = buildTransaction({ key, unspentOutputs, payments, feeRate })
  await checkInputs(client, built.inputs)
  await sendBuilt(client, built)
  return { ...built, address: key.address, addresses }
}

/**
 * Sends a built transaction. A refusal for the fee is told with the fee that was offered and the one that the
 * node's minimum rate demands, also where the node speaks of priority only.
 */
export async function sendBuilt(
  client: ChainClient,
  built: Pick<BuiltTransaction, 'raw' | 'feeSats'>,
): Promise<void> {
  try {
    await client.send(built.raw)
  } catch (error) {
    if (!(error instanceof ChainError) || error.code !== 'fee_too_low') throw error
    const requiredSats = error.requiredSats ?? BigInt(built.raw.length * minimumFeeRate)
    throw new ChainError(
      'fee_too_low',
      `a fee of ${built.feeSats} satoshis is under the required amount of ${requiredSats}`,
      { cause: error, availableSats: built.feeSats, requiredSats },
    )
  }
}

interface Funds {
  readonly key: PrivateKey
  readonly unspentOutputs: UnspentOutput[]
}

/**
 * The key that should pay: the first with enough in confirmed outputs, else the first that has enough with unconfirmed
 * ones, else the richest, which is then told what it lacks.
 */
async function chooseFunds(
  client: ChainClient,
  keys: readonly PrivateKey[],
  requiredSats: (key: PrivateKey) => bigint,
): Promise<Funds> {
  let waiting: Funds | undefined
  let richest: (Funds & { totalSats: bigint }) | undefined
  for (const key of keys) {
    const unspentOutputs = await client.unspentOutputs(key.address)
    const needed = requiredSats(key)
    if (sum(unspentOutputs.filter((output) => output.confirmations > 0)) >= needed)
      return { key, unspentOutputs }
    const totalSats = sum(unspentOutputs)
    if (totalSats >= needed) waiting ??= { key, unspentOutputs }
    if (richest === undefined || totalSats > richest.totalSats) richest = { key, unspentOutputs, totalSats }
  }
  const chosen = waiting ?? richest
  if (chosen === undefined)
    throw new ChainError('insufficient_funds', 'insufficient fund: there is no key to pay with')
  return chosen
}

function sum(outputs: readonly UnspentOutput[]): bigint {
  return outputs.reduce((total, output) => total + output.valueSats, 0n)
}

/**
 * A P2PKH signature does not cover the value it spends (BIP 143 changed that for segwit only). A node that
 * understates a value would make the key's holder give the difference away as a fee; so each value is read
 * from the raw transaction, which hashes to its txid.
 */
async function checkInputs(client: ChainClient, inputs: readonly UnspentOutput[]): Promise<void> {
  for (const input of inputs) {
    const raw = await client.rawTransaction(input.txid)
    // Known a moment ago and gone now: a reorg or a restart of the node.
    if (raw === undefined)
      throw new ChainError('bad_answer', `the node no longer knows ${input.txid}`, { retry: true })
    const output = Transaction.fromBuffer(raw).outs[input.index]
    if (output === undefined || output.value !== input.valueSats || !input.script.equals(output.script)) {
      throw new ChainError(
        'bad_answer',
        `the node tells another value or script for ${input.txid}:${input.index}`,
      )
    }
  }
}
