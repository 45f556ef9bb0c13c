import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transaction } from 'bitcoinjs-lib'
import { afterEach, expect } from 'vitest'
import { meetsTarget, parseBlock } from '../../src/chain/block.ts'
import { displayHash } from '../../src/chain/hash.ts'
import { addressOfScript } from '../../src/chain/keys.ts'
import { createRestClient } from '../../src/chain/rest-client.ts'
import type { ChainClient } from '../../src/chain/types.ts'
import { type DevNode, type DevNodeSettings, openDevNode } from '../../src/devnode/node.ts'

export const coinSats = 100_000_000n

type CleanUp = () => Promise<unknown>
const cleanUps: CleanUp[] = []

/** Done after the test, the last one first. */
export function afterTest(cleanUp: CleanUp): void {
  cleanUps.push(cleanUp)
}

afterEach(async () => {
  while (cleanUps.length > 0) await cleanUps.pop()!()
})

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'devnode-'))
  afterTest(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export interface RunningNode {
  readonly node: DevNode
  readonly client: ChainClient
  readonly directory: string
}

/** A node with manual mining on a free port, closed after the test; closing it twice is fine. */
export async function startNode(settings: Partial<DevNodeSettings> = {}): Promise<RunningNode> {
  const directory = settings.directory ?? (await temporaryDirectory())
  const node = await openDevNode({ port: 0, blockIntervalMs: 0, ...settings, directory })
  afterTest(() => node.close())
  return { node, client: createRestClient({ endpoint: node.endpoint, timeoutMs: 20_000 }), directory }
}

/** One coin for each address. */
export function fundOf(...addresses: string[]) {
  return { addresses, amountSats: coinSats }
}

/**
 * Reads the whole chain over HTTP and checks it by itself: links, proof of work, Merkle roots, no output spent
 * twice, no money from nowhere; then that the node's unspent outputs of the addresses are those of the blocks.
 * Only without waiting transactions.
 */
export async function checkChain(client: ChainClient, addresses: readonly string[]): Promise<void> {
  const { bestHeight, bestBlockHash } = await client.status()
  const unspent = new Map<string, { address: string | undefined; valueSats: bigint }>()
  let parent = '0'.repeat(64)
  for (let height = 0; height <= bestHeight; height++) {
    const hash = (await client.blockHashAt(height))!
    const { header, txids, transactions } = parseBlock((await client.rawBlock(hash))!)
    expect(header).toMatchObject({ hash, prevHash: parent })
    expect(meetsTarget(header)).toBe(true)
    expect(await client.block(hash)).toMatchObject({ height, parent, txids, timeSeconds: header.timeSeconds })
    let balanceSats = height === 0 ? 0n : 50n * coinSats
    for (const [place, raw] of transactions.entries()) {
      const transaction = Transaction.fromBuffer(raw)
      for (const input of place === 0 ? [] : transaction.ins) {
        const outpoint = `${displayHash(input.hash)}:${input.index}`
        expect(unspent.has(outpoint)).toBe(true)
        balanceSats += unspent.get(outpoint)!.valueSats
        unspent.delete(outpoint)
      }
      for (const [index, { value, script }] of transaction.outs.entries()) {
        unspent.set(`${txids[place]}:${index}`, { address: addressOfScript(script), valueSats: value })
        balanceSats -= value
      }
    }
    expect(balanceSats).toBe(0n)
    parent = hash
  }
  expect(parent).toBe(bestBlockHash)
  for (const address of addresses) {
    const own = [...unspent].filter(([, output]) => output.address === address)
    const told = await client.unspentOutputs(address)
    expect(told.map((output) => `${output.txid}:${output.index}`).sort()).toEqual(
      own.map(([outpoint]) => outpoint).sort(),
    )
    expect(await client.balanceSats(address)).toBe(
      own.reduce((sum, [, output]) => sum + output.valueSats, 0n),
    )
  }
}
