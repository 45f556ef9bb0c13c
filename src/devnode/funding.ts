import { ChainError } from '../chain/errors.ts'
import type { PrivateKey } from '../chain/keys.ts'
import { type BuiltTransaction, buildTransaction } from '../chain/transaction.ts'
import type { UnspentOutput } from '../chain/types.ts'
import type { ChainQueries } from './chain-queries.ts'

export interface FundSettings {
  readonly addresses: readonly string[]
  readonly amountSats: bigint
}

export interface FundingRequest {
  readonly queries: ChainQueries
  readonly miner: PrivateKey
  readonly fund: FundSettings
}

/** Taken from the miner at once for a payment: enough to pay for every input besides. */
const feeReserveSats = 100_000n

/**
 * An ordinary transaction from the miner's mature coinbases that fills every address up to the amount, once it
 * has fallen below half: filling at every satoshi spent would pile up dust. An address that the miner cannot
 * fill yet waits for a later block. Confirmed and waiting coins both count, so nothing is filled twice.
 */
export async function fundingTransaction(request: FundingRequest): Promise<BuiltTransaction | undefined> {
  const { queries, miner, fund } = request
  const payments: { address: string; valueSats: bigint }[] = []
  for (const address of fund.addresses) {
    const balanceSats = await queries.balanceSats(address)
    if (balanceSats * 2n < fund.amountSats)
      payments.push({ address, valueSats: fund.amountSats - balanceSats })
  }
  if (payments.length === 0) return undefined
  const wantedSats = payments.reduce((sum, payment) => sum + payment.valueSats, feeReserveSats)
  const coins: UnspentOutput[] = []
  let availableSats = 0n
  for await (const coin of queries.spendable(miner.address)) {
    coins.push(coin)
    availableSats += coin.valueSats
    if (availableSats >= wantedSats) break
  }
  while (payments.length > 0) {
    try {
      return buildTransaction({ key: miner, unspentOutputs: coins, payments })
    } catch (error) {
      if (!(error instanceof ChainError) || error.code !== 'insufficient_funds') throw error
      payments.pop()
    }
  }
  return undefined
}
