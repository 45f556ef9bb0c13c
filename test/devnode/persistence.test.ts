import { once } from 'node:events'
import { createServer } from 'node:net'
import { Level } from 'level'
import { describe, expect, test } from 'vitest'
import { prepareAnchor } from '../../src/chain/wallet.ts'
import { type DevNodeSettings, openDevNode } from '../../src/devnode/node.ts'
import { testKey } from '../chain/support.ts'
import { runAndKill } from '../support/killed-program.ts'
import { afterTest, checkChain, coinSats, fundOf, startNode, temporaryDirectory } from './support.ts'

const killedNode = new URL('killed-node.ts', import.meta.url)

describe('the chain on disk', () => {
  test('killed hard again and again, it is whole and goes on', async () => {
    const directory = await temporaryDirectory()
    const key = testKey('killed')
    const acknowledged: string[] = []
    let height = 0
    for (const anchors of [1, 7, 23]) {
      acknowledged.push(...(await runAndKill(killedNode, [directory], anchors)))
      const { node, client } = await startNode({ directory })
      expect(node.height()).toBeGreaterThan(height)
      // What waited came back and is mined now.
      await node.mine()
      await checkChain(client, [key.address])
      for (const txid of acknowledged) expect(await client.transaction(txid)).toHaveProperty('blockHash')
      height = node.height()
      await node.close()
    }
  })

  test('closed and opened again: the same chain, the same waiting transactions in their order', async () => {
    const key = testKey('reopened')
    const { node, client, directory } = await startNode({ fund: fundOf(key.address) })
    const txids: string[] = []
    for (const text of ['one', 'two', 'three']) {
      const { raw, txid } = await prepareAnchor({ client, keys: [key], payload: Buffer.from(text) })
      await client.send(raw)
      txids.push(txid)
    }
    const status = await client.status()
    await node.close()
    await (await startNode({ directory })).node.close()
    const { client: again, node: last } = await startNode({ directory })
    expect(await again.status()).toEqual(status)
    for (const txid of txids) expect(await again.transaction(txid)).toEqual({ txid })
    const { hash } = await last.mine()
    expect((await again.block(hash))!.txids.slice(1)).toEqual(txids)
    await checkChain(again, [key.address])
  })

  test('an address named later is funded at opening, one that has enough is not', async () => {
    const [one, two] = [testKey('one').address, testKey('two').address]
    const { node, directory } = await startNode({ fund: fundOf(one) })
    const height = node.height()
    await node.close()
    const { client, node: again } = await startNode({ directory, fund: fundOf(one, two, two) })
    expect(await client.balanceSats(one)).toBe(coinSats)
    expect(await client.balanceSats(two)).toBe(coinSats)
    expect(await client.unspentOutputs(two)).toMatchObject([{ confirmations: 1 }])
    expect(again.height()).toBe(height + 1)
    await again.mine()
    expect(await client.balanceSats(two)).toBe(coinSats)
  })

  test('more than the first coinbase can pay: more blocks at once', async () => {
    const addresses = ['a', 'b', 'c'].map((name) => testKey(name).address)
    const { client } = await startNode({ fund: { addresses, amountSats: 70n * coinSats } })
    for (const address of addresses) expect(await client.balanceSats(address)).toBe(70n * coinSats)
    await checkChain(client, addresses)
  })
})

describe('what cannot be opened', () => {
  test('a directory that another node has open', async () => {
    const { directory } = await startNode()
    await expect(openDevNode({ directory, port: 0 })).rejects.toMatchObject({
      code: 'directory_in_use',
      message: expect.stringContaining(directory),
    })
  })

  test('a port in use, and the directory is free again afterwards', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    afterTest(async () => server.close())
    const { port } = server.address() as { port: number }
    const directory = await temporaryDirectory()
    await expect(openDevNode({ directory, port })).rejects.toMatchObject({
      code: 'port_in_use',
      message: `port ${port} on 127.0.0.1 is in use by another program`,
    })
    await startNode({ directory })
  })

  test('a directory of another chain', async () => {
    const directory = await temporaryDirectory()
    const db = new Level<string, Buffer>(directory, { valueEncoding: 'buffer' })
    await db.put('meta!tip', Buffer.alloc(32))
    await db.close()
    await expect(openDevNode({ directory, port: 0 })).rejects.toMatchObject({ code: 'other_chain' })
  })

  test.each<[Partial<DevNodeSettings>, RegExp]>([
    [{ port: 65_536 }, /port 65536/],
    [{ blockIntervalMs: -1 }, /blockIntervalMs -1/],
    [{ fund: { addresses: ['nobody'], amountSats: coinSats } }, /"nobody" is no Bitcoin address/],
    [{ fund: { addresses: [testKey('poor').address], amountSats: 100n } }, /too few/],
  ])('a wrong setting: %o', async (setting, message) => {
    const directory = await temporaryDirectory()
    const opened = openDevNode({ directory, port: 0, ...setting })
    await expect(opened).rejects.toMatchObject({
      code: 'bad_setting',
      message: expect.stringMatching(message),
    })
  })
})

test('blocks come by themselves, one an interval', async () => {
  const { client, node } = await startNode({ blockIntervalMs: 1 })
  const { bestHeight } = await client.status()
  while ((await client.status()).bestHeight < bestHeight + 3);
  await node.close()
  const height = node.height()
  expect(height).toBeGreaterThanOrEqual(bestHeight + 3)
})
