/** Coins for the servers: without them nothing can be anchored. */
import { ChainError } from '../chain/errors.ts'
import type { PrivateKey } from '../chain/keys.ts'
import type { ChainClient } from '../chain/types.ts'
import { recharge } from '../chain/wallet.ts'
import { type Connection, ControlError } from './connection.ts'

const satsPerCoin = 100_000_000n

/** Coins as decimal text into satoshis. @throws ControlError malformed */
export function parseCoins(text: string): bigint {
  const match = /^(\d{1,8})(?:\.(\d{1,8}))?$/.exec(text)
  const sats = match ? BigInt(match[1] ?? 0) * satsPerCoin + BigInt((match[2] ?? '').padEnd(8, '0')) : 0n
  if (sats === 0n)
    throw new ControlError('malformed', `${text}: an amount of coins is expected, such as 1 or 0.25`)
  return sats
}

/**
 * Sends `amountSats` to the administrator's address, every server key's and every peer's.
 *
 * @throws ControlError insufficient_funds in the words of SignOn 1.1
 * @throws ChainError fee_too_low naming both amounts, unreachable
 */
export async function rechargeServers(
  { operations }: Connection,
  client: ChainClient,
  key: PrivateKey,
  amountSats: bigint,
): Promise<{ txid: string; addresses: string[] }> {
  const { administrator, servers, peers } = await operations.coinAddresses({})
  try {
    const { txid, addresses } = await recharge({
      client,
      key,
      addresses: [administrator, ...servers, ...peers],
      amountSats,
    })
    return { txid, addresses }
  } catch (error) {
    if (!(error instanceof ChainError) || error.code !== 'insufficient_funds') throw error
    const { code, availableSats, requiredSats } = error
    const amounts = `${key.address} has ${availableSats} satoshis, ${requiredSats} are needed`
    throw new ControlError(code, `Insufficient fund: ${amounts}`)
  }
}
