import { describe, expect, test } from 'vitest'
import { ChainError } from '../../src/chain/errors.ts'
import { buildTransaction } from '../../src/chain/transaction.ts'
import { readEvidence } from '../../src/chain/transaction-evidence.ts'
import type { ChainClient } from '../../src/chain/types.ts'
import { prepareAnchor, recharge, sendBuilt } from '../../src/chain/wallet.ts'
import { checkChain, coinSats, fundOf, startNode } from '../devnode/support.ts'
import { testKey } from './support.ts'

const keys = ['one', 'two', 'three'].map(testKey) as [
  ReturnType<typeof testKey>,
  ...ReturnType<typeof testKey>[],
]
const [one, two, three] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]]
const payload = Buffer.from('payload')

describe('anchors', () => {
  test('hundreds can wait one on the other, and are mined in one block', async () => {
    const { client, node } = await startNode({ fund: fundOf(one.address) })
    const txids: string[] = []
    for (let count = 0; count < 200; count++) {
      const anchor = await prepareAnchor({ client, keys: [one], payload: Buffer.from(`anchor ${count}`) })
      await sendBuilt(client, anchor)
      txids.push(anchor.txid)
    }
    const { hash } = await node.mine()
    expect((await client.block(hash))!.txids.slice(1)).toEqual(txids)
    await checkChain(client, [one.address])
  })

  test('preparing sends nothing, and the prepared bytes can be sent twice', async () => {
    const { client } = await startNode({ fund: fundOf(one.address) })
    const anchor = await prepareAnchor({ client, keys: [one], payload })
    expect(await client.transaction(anchor.txid)).toBeUndefined()
    await sendBuilt(client, anchor)
    await sendBuilt(client, anchor)
    expect(readEvidence((await client.rawTransaction(anchor.txid))!)).toMatchObject({
      payloads: [payload],
      signers: [one.address],
    })
  })

  test('the first key that can pay does: from confirmed coins before waiting ones', async () => {
    const { client, node } = await startNode({ fund: fundOf(two.address, three.address) })
    const payer = async (...order: typeof keys) =>
      (await prepareAnchor({ client, keys: order, payload })).address
    expect(await payer(one, two, three)).toBe(two.address)
    expect(await payer(three, two, one)).toBe(three.address)
    await sendBuilt(client, await prepareAnchor({ client, keys: [two], payload }))
    // What it has now waits for a block.
    expect(await payer(one, two, three)).toBe(three.address)
    await sendBuilt(client, await prepareAnchor({ client, keys: [three], payload, feeRate: 3 }))
    expect(await payer(one, two, three)).toBe(two.address)
    expect(await payer(three, two, one)).toBe(three.address)
    await node.mine()
    await recharge({ client, key: three, addresses: [one.address], amountSats: 2_000n })
    await node.mine()
    // However little it has.
    expect(await payer(one, two, three)).toBe(one.address)
  })

  test('no key, or none with enough: insufficient funds', async () => {
    const { client } = await startNode()
    await expect(prepareAnchor({ client, keys: [], payload })).rejects.toMatchObject({
      code: 'insufficient_funds',
    })
    await expect(prepareAnchor({ client, keys, payload })).rejects.toMatchObject({
      code: 'insufficient_funds',
      availableSats: 0n,
      message: expect.stringMatching(`${one.address} has 0 satoshis, \\d+ are needed`),
    })
  })

  test('a node that understates a value does not get the difference as a fee', async () => {
    const { client } = await startNode({ fund: fundOf(one.address) })
    const lying: ChainClient = {
      ...client,
      unspentOutputs: async (address) =>
        (await client.unspentOutputs(address)).map((output) => ({
          ...output,
          valueSats: output.valueSats / 2n,
        })),
    }
    await expect(prepareAnchor({ client: lying, keys: [one], payload })).rejects.toMatchObject({
      code: 'bad_answer',
    })
    const forgetful: ChainClient = { ...client, rawTransaction: async () => undefined }
    await expect(prepareAnchor({ client: forgetful, keys: [one], payload })).rejects.toMatchObject({
      code: 'bad_answer',
      retry: true,
    })
  })
})

describe('recharge', () => {
  test('pays every address once, in one transaction', async () => {
    const { client, node } = await startNode({
      fund: { addresses: [one.address], amountSats: 10n * coinSats },
    })
    const addresses = [one.address, two.address, three.address, two.address]
    const sent = await recharge({ client, key: one, addresses, amountSats: coinSats })
    expect(sent.addresses).toEqual([one.address, two.address, three.address])
    await node.mine()
    expect(await client.balanceSats(one.address)).toBe(8n * coinSats - sent.feeSats)
    for (const { address } of [two, three]) expect(await client.balanceSats(address)).toBe(coinSats)
  })

  test('too little: what is there and what is needed, and nothing is sent', async () => {
    const { client } = await startNode({ fund: fundOf(one.address) })
    const sent = recharge({ client, key: one, addresses: [two.address], amountSats: coinSats })
    await expect(sent).rejects.toMatchObject({
      code: 'insufficient_funds',
      availableSats: coinSats,
      message: expect.stringMatching(/^insufficient fund: \w+ has 100000000 satoshis, 100000202 are needed$/),
    })
    expect(await client.balanceSats(two.address)).toBe(0n)
  })

  test('a fee under the required amount names both', async () => {
    const { client } = await startNode({ fund: fundOf(one.address) })
    const sent = recharge({ client, key: one, addresses: [two.address], amountSats: 1_000n, feeRate: 0.5 })
    await expect(sent).rejects.toMatchObject({
      code: 'fee_too_low',
      message: expect.stringMatching(/^a fee of 123 satoshis is under the required amount of 22\d$/),
    })
  })

  test('also where the node speaks of priority only', async () => {
    const { client } = await startNode({ fund: fundOf(one.address) })
    const unspentOutputs = await client.unspentOutputs(one.address)
    const built = buildTransaction({ key: one, unspentOutputs, payload, feeRate: 0 })

    const old = {
      ...client,
      send: () => Promise.reject(new ChainError('fee_too_low', 'insufficient priority')),
    }
    await expect(sendBuilt(old, built)).rejects.toThrow(
      `a fee of 10 satoshis is under the required amount of ${built.raw.length}`,
    )
  })

  test.each([
    ['545n of dust', [two.address], 545n, 'bad_amount'],
    ['a wrong address', ['nobody'], 1_000n, 'bad_address'],
    ['nobody at all', [], 1_000n, 'bad_amount'],
  ])('%s is refused', async (_name, addresses, amountSats, code) => {
    const { client } = await startNode({ fund: fundOf(one.address) })
    await expect(recharge({ client, key: one, addresses, amountSats })).rejects.toMatchObject({ code })
  })
})
