import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { readEvidence } from '../../src/chain/transaction-evidence.ts'
import { testKey } from '../chain/support.ts'
import { checkChain, coinSats, fundOf, startNode } from './support.ts'

// A client that nobody of this project wrote; it comes without types.
const CoinStack = createRequire(import.meta.url)('coinstack-sdk-js')
const key = testKey('sdk')
const other = testKey('sdk other').address

describe('coinstack-sdk-js 1.1.19', () => {
  test('reads, builds, signs and sends', async () => {
    const { node, client } = await startNode({ fund: fundOf(key.address) })
    const sdk = new CoinStack('key', 'secret', `127.0.0.1:${node.port}`, 'http')
    const { bestBlockHash, bestHeight } = await client.status()
    expect(await sdk.getBlockchainStatus()).toMatchObject({
      best_block_hash: bestBlockHash,
      best_height: bestHeight,
    })
    expect((await sdk.getBlock(bestBlockHash)).height).toBe(bestHeight)
    expect(await sdk.getBalance(key.address)).toBe(Number(coinSats))
    expect(await sdk.getUnspentOutputs(key.address)).toHaveLength(1)

    const sent: string[] = []
    for (const text of ['one', 'two']) {
      const builder = sdk.createTransactionBuilder()
      builder.addOutput(other, CoinStack.Math.toSatoshi('0.01'))
      builder.setDataOutput(Buffer.from(text))
      builder.setInput(key.address)
      const { tx } = await builder.buildTransaction()
      tx.sign(key.toWif())
      await sdk.sendTransaction(tx.serialize())
      expect(readEvidence(Buffer.from(tx.serialize(), 'hex'))).toEqual({
        txid: tx.getHash(),
        payloads: [Buffer.from(text)],
        signers: [key.address],
      })
      sent.push(tx.getHash())
    }
    expect(await sdk.getBalance(other)).toBe(2_000_000)
    await node.mine()
    const transaction = await sdk.getTransaction(sent[0])
    expect(transaction.block_hash[0].block_height).toBe(bestHeight + 1)
    expect(transaction.outputs[1].data).toBe(Buffer.from('one').toString('hex'))
    expect(await sdk.getTransactions(other)).toEqual([sent[1], sent[0]])
    expect(await client.balanceSats(key.address)).toBe(coinSats - 2_020_000n)
    await checkChain(client, [key.address, other])
  })

  test('is told the reason of a refusal', async () => {
    const { node } = await startNode({ fund: fundOf(key.address) })
    const sdk = new CoinStack('key', 'secret', `127.0.0.1:${node.port}`, 'http')
    const builder = sdk.createTransactionBuilder()
    builder.addOutput(other, 545)
    builder.setInput(key.address)
    const { tx } = await builder.buildTransaction()
    tx.sign(key.toWif())
    await expect(sdk.sendTransaction(tx.serialize())).rejects.toMatchObject({
      status: 400,
      errorCode: 3004,
      cause: expect.stringMatching(/payment of 545 is dust/),
    })
  })
})
