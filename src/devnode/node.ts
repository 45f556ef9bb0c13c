import { mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { isAddress } from '../chain/keys.ts'
import type { Tip } from './chain-store.ts'
import { DevelopmentChain, type ReorgOptions } from './development-chain.ts'
import { DevNodeError } from './errors.ts'
import { dustLimitSats } from './parameters.ts'
import { createRestApi } from './rest-api.ts'

export interface DevNodeSettings {
  /** Holds the chain; made if missing. One process at a time. */
  readonly directory: string
  /** Of the REST API; 0 picks a free one. */
  readonly port: number
  /** 127.0.0.1 if left out: there is no access control. */
  readonly host?: string
  /** Between blocks; 1000 if left out, 0 for blocks by `mine` only. */
  readonly blockIntervalMs?: number
  /** Addresses that the miner keeps at an amount, each. */
  readonly fund?: { readonly addresses: readonly string[]; readonly amountSats: bigint }
  /** Milliseconds since 1970. */
  readonly clock?: () => number
  /** Told what went wrong while a block was mined by the clock; mining goes on with the next interval. */
  readonly onError?: (error: unknown) => void
}

export interface DevNode {
  /** Base URL of the REST API. */
  readonly endpoint: string
  readonly port: number
  height(): number
  /** Mines a block of everything that waits, now. */
  mine(): Promise<Tip>
  /** Invalidates the last `depth` blocks; the next block goes on from what is left. */
  reorg(depth: number, options?: ReorgOptions): Promise<Tip>
  /** Ends mining, the API and the chain, in this order. */
  close(): Promise<void>
}

const defaultIntervalMs = 1000

/**
 * A development chain with one miner behind Coinstack's REST API: real blocks, signatures and fees, but a proof
 * of work that costs nothing. It proves nothing to anybody.
 *
 * @throws DevNodeError `port_in_use`, `directory_in_use`, `bad_setting`, `other_chain`; nothing stays open then.
 */
export async function openDevNode(settings: DevNodeSettings): Promise<DevNode> {
  const {
    directory,
    port,
    host = '127.0.0.1',
    blockIntervalMs = defaultIntervalMs,
    clock = Date.now,
  } = settings
  const fund = {
    addresses: [...new Set(settings.fund?.addresses)],
    amountSats: settings.fund?.amountSats ?? 0n,
  }
  checkSettings(port, blockIntervalMs, fund)
  await mkdir(directory, { recursive: true })
  const chain = await DevelopmentChain.open({ directory, fund, clock })
  const api = createRestApi(chain, clock)
  try {
    await listen(api, host, port)
  } catch (error) {
    await api.close()
    await chain.close()
    throw error
  }
  const stopMining = mineRegularly(chain, blockIntervalMs, settings.onError ?? (() => undefined))
  const actualPort = (api.server.address() as AddressInfo).port
  return {
    endpoint: `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    port: actualPort,
    height: () => chain.height(),
    mine: () => chain.mine(),
    reorg: (depth, options) => chain.reorg(depth, options),
    async close() {
      stopMining()
      await api.close()
      await chain.close()
    },
  }
}

function checkSettings(
  port: number,
  blockIntervalMs: number,
  fund: { addresses: readonly string[]; amountSats: bigint },
): void {
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new DevNodeError('bad_setting', `port ${port}: expected 0 to 65535`)
  }
  if (!Number.isInteger(blockIntervalMs) || blockIntervalMs < 0) {
    throw new DevNodeError(
      'bad_setting',
      `blockIntervalMs ${blockIntervalMs}: expected whole milliseconds, 0 or more`,
    )
  }
  const wrong = fund.addresses.find((address) => !isAddress(address))
  if (wrong !== undefined) throw new DevNodeError('bad_setting', `fund: "${wrong}" is no Bitcoin address`)
  // Half of it is paid as one output at least.
  if (fund.addresses.length > 0 && fund.amountSats < 2n * dustLimitSats) {
    throw new DevNodeError(
      'bad_setting',
      `fund: ${fund.amountSats} satoshis are too few, expected ${2n * dustLimitSats} or more`,
    )
  }
}

async function listen(api: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await api.listen({ host, port })
  } catch (cause) {
    const { code } = cause as { code?: string }
    if (code === 'EADDRINUSE') {
      throw new DevNodeError('port_in_use', `port ${port} on ${host} is in use by another program`, { cause })
    }
    throw new DevNodeError(
      'bad_setting',
      `cannot listen on ${host} port ${port}: ${code ?? 'unknown reason'}`,
      { cause },
    )
  }
}

/** One block an interval, never two at a time. Gives what ends it. */
function mineRegularly(
  chain: DevelopmentChain,
  intervalMs: number,
  onError: (error: unknown) => void,
): () => void {
  if (intervalMs === 0) return () => undefined
  let stopped = false
  let timer: NodeJS.Timeout
  const next = () => {
    timer = setTimeout(() => {
      chain
        .mine()
        .catch((error: unknown) => (stopped ? undefined : onError(error)))
        .finally(() => (stopped ? undefined : next()))
    }, intervalMs)
  }
  next()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
