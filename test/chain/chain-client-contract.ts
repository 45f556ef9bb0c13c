import { Transaction } from 'bitcoinjs-lib'
import { expect, test } from 'vitest'
import { parseBlock } from '../../src/chain/block.ts'
import { addressOfScript, type PrivateKey } from '../../src/chain/keys.ts'
import { buildTransaction } from '../../src/chain/transaction.ts'
import type { ChainClient } from '../../src/chain/types.ts'
import { testKey } from './support.ts'

/** A node under test with a key that owns confirmed coins there. */
export interface ChainUnderTest {
  readonly client: ChainClient
  readonly key: PrivateKey
  mine(): Promise<unknown>
}

const unknownHash = 'ab'.repeat(32)

/** What every client of every node must do, whatever the protocol between them. */
export function chainClientContract(open: () => Promise<ChainUnderTest>): void {
  async function sendAnchor({ client, key }: ChainUnderTest, payload = Buffer.from('payload')) {
    const built = buildTransaction({ key, unspentOutputs: await client.unspentOutputs(key.address), payload })
    await client.send(built.raw)
    return built
  }

  test('a transaction is in the mempool, then in a block', async () => {
    const chain = await open()
    const { client } = chain
    const before = await client.status()
    const { txid, raw } = await sendAnchor(chain)
    expect(await client.transaction(txid)).toEqual({ txid })
    await chain.mine()
    const { bestBlockHash, bestHeight } = await client.status()
    expect(bestHeight).toBe(before.bestHeight + 1)
    expect(await client.transaction(txid)).toEqual({
      txid,
      blockHash: bestBlockHash,
      blockHeight: bestHeight,
    })
    expect(await client.rawTransaction(txid)).toEqual(raw)
  })

  test('a block tells its place and its transactions, and its raw bytes hold them', async () => {
    const chain = await open()
    const { txid } = await sendAnchor(chain)
    const { bestBlockHash: parent } = await chain.client.status()
    await chain.mine()
    const { bestBlockHash: hash, bestHeight: height } = await chain.client.status()
    const block = await chain.client.block(hash)
    expect(block).toMatchObject({ hash, height, parent, txids: [expect.any(String), txid] })
    const raw = parseBlock((await chain.client.rawBlock(hash))!)
    expect(raw.header).toMatchObject({ hash, prevHash: parent, timeSeconds: block!.timeSeconds })
    expect(raw.txids).toEqual(block!.txids)
    expect(await chain.client.blockHashAt(height)).toBe(hash)
    expect(await chain.client.blockHashAt(height - 1)).toBe(parent)
  })

  test('what the node does not know is undefined', async () => {
    const { client } = await open()
    const { bestHeight } = await client.status()
    expect(await client.blockHashAt(bestHeight + 1)).toBeUndefined()
    for (const method of ['transaction', 'rawTransaction', 'block', 'rawBlock'] as const) {
      expect(await client[method](unknownHash)).toBeUndefined()
      await expect(client[method]('nonsense')).rejects.toMatchObject({ code: 'malformed' })
    }
    expect(await client.unspentOutputs(testKey('has nothing').address)).toEqual([])
    expect(await client.balanceSats(testKey('has nothing').address)).toBe(0n)
  })

  test('unspent outputs name real outputs, and lead on from waiting transactions', async () => {
    const chain = await open()
    const { client, key } = chain
    for (let count = 0; count < 3; count++) {
      const outputs = await client.unspentOutputs(key.address)
      expect(outputs.length).toBeGreaterThan(0)
      for (const { txid, index, valueSats, script, confirmations } of outputs) {
        const output = Transaction.fromBuffer((await client.rawTransaction(txid))!).outs[index]!
        expect(output.value).toBe(valueSats)
        expect(script.equals(output.script)).toBe(true)
        expect(addressOfScript(output.script)).toBe(key.address)
        expect(confirmations > 0).toBe((await client.transaction(txid))!.blockHash !== undefined)
      }
      expect(await client.balanceSats(key.address)).toBe(
        outputs.reduce((sum, { valueSats }) => sum + valueSats, 0n),
      )
      await sendAnchor(chain)
    }
  })

  test('sending again what is waiting, mined or already spent from changes nothing', async () => {
    const chain = await open()
    const { raw } = await sendAnchor(chain)
    await chain.client.send(raw)
    await chain.mine()
    await chain.client.send(raw)
    await sendAnchor(chain)
    await chain.mine()
    await chain.client.send(raw)
  })

  test('a fee under the minimum is refused with both amounts', async () => {
    const { client, key } = await open()
    const unspentOutputs = await client.unspentOutputs(key.address)
    const { raw } = buildTransaction({ key, unspentOutputs, payload: Buffer.from('cheap'), feeRate: 0 })
    await expect(client.send(raw)).rejects.toMatchObject({
      code: 'fee_too_low',
      availableSats: 10n,
      requiredSats: BigInt(raw.length),
      message: expect.stringMatching(`has 10 fees which is under the required amount of ${raw.length}`),
    })
  })

  test('a double spend is refused with the reason, the first transaction stays', async () => {
    const { client, key } = await open()
    const unspentOutputs = await client.unspentOutputs(key.address)
    const [one, two] = ['one', 'two'].map((text) =>
      buildTransaction({ key, unspentOutputs, payload: Buffer.from(text) }),
    )
    await client.send(one!.raw)
    await expect(client.send(two!.raw)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(`already spent by transaction ${one!.txid} in the memory pool`),
    })
    expect(await client.transaction(two!.txid)).toBeUndefined()
  })
}
