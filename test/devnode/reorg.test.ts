import { describe, expect, test } from 'vitest'
import { buildTransaction } from '../../src/chain/transaction.ts'
import { prepareAnchor } from '../../src/chain/wallet.ts'
import { testKey } from '../chain/support.ts'
import { checkChain, coinSats, fundOf, startNode } from './support.ts'

const key = testKey('reorg')

async function startWithAnchors(texts: readonly string[]) {
  const running = await startNode({ fund: fundOf(key.address) })
  const txids: string[] = []
  for (const text of texts) {
    const { raw, txid } = await prepareAnchor({
      client: running.client,
      keys: [key],
      payload: Buffer.from(text),
    })
    await running.client.send(raw)
    await running.node.mine()
    txids.push(txid)
  }
  return { ...running, txids }
}

describe('a reorganised chain', () => {
  test('returns the transactions to the mempool and mines them into other blocks', async () => {
    const { node, client, txids } = await startWithAnchors(['first', 'second', 'third'])
    const before = await Promise.all(txids.map((txid) => client.transaction(txid)))
    const balanceSats = await client.balanceSats(key.address)
    const { height } = await node.reorg(2)
    expect(height).toBe(before[0]!.blockHeight)
    expect(await client.transaction(txids[0]!)).toEqual(before[0])
    expect(await client.transaction(txids[1]!)).toEqual({ txid: txids[1] })
    expect(await client.transaction(txids[2]!)).toEqual({ txid: txids[2] })
    expect(await client.block(before[1]!.blockHash!)).toBeUndefined()
    expect(await client.balanceSats(key.address)).toBe(balanceSats)
    await node.mine()
    const again = await client.transaction(txids[1]!)
    expect(again!.blockHeight).toBe(before[1]!.blockHeight)
    expect(again!.blockHash).not.toBe(before[1]!.blockHash)
    await checkChain(client, [key.address])
  })

  test('may forget the transactions: what they spent can be spent again', async () => {
    const { node, client, txids } = await startWithAnchors(['first', 'second'])
    const waiting = await prepareAnchor({ client, keys: [key], payload: Buffer.from('on top of the second') })
    await client.send(waiting.raw)
    await node.reorg(1, { transactions: 'drop' })
    expect(await client.transaction(txids[1]!)).toBeUndefined()
    // It spent from what is forgotten.
    expect(await client.transaction(waiting.txid)).toBeUndefined()
    const coins = await client.unspentOutputs(key.address)
    expect(coins.map((coin) => coin.txid)).toEqual([txids[0]])
    await client.send(buildTransaction({ key, unspentOutputs: coins, payload: Buffer.from('instead') }).raw)
    await node.mine()
    await checkChain(client, [key.address])
  })

  test('as deep as the funding: the miner pays again', async () => {
    const { node, client, txids } = await startWithAnchors(['first'])
    await node.reorg(3, { transactions: 'drop' })
    expect(await client.balanceSats(key.address)).toBe(0n)
    expect(await client.transaction(txids[0]!)).toBeUndefined()
    for (let count = 0; count < 2; count++) await node.mine()
    expect(await client.balanceSats(key.address)).toBe(coinSats)
    await checkChain(client, [key.address])
  })

  test('no deeper than the chain', async () => {
    const { node } = await startNode()
    const height = node.height()
    await expect(node.reorg(height + 1)).rejects.toThrow(RangeError)
    await expect(node.reorg(-1)).rejects.toThrow(RangeError)
    expect(await node.reorg(0)).toMatchObject({ height })
  })
})
