import { expect, test } from 'vitest'
import { ChainView } from '../../src/anchor/chain-view.ts'
import { encodeBlockHeader, parseBlockHeader } from '../../src/chain/block.ts'
import type { ChainClient } from '../../src/chain/types.ts'
import { Bench } from './support.ts'

async function minedAnchor() {
  const bench = await Bench.open()
  await bench.write()
  await bench.tick()
  const { hash, height } = await bench.node.mine()
  const { txid } = (await bench.anchors())[0]!
  const find = async (answers: Partial<ChainClient>) =>
    (await ChainView.open({ ...bench.client, ...answers })).find(txid)
  return { bench, txid, hash, height, find }
}

test('a transaction in a block of the best chain', async () => {
  const { bench, hash, height, find } = await minedAnchor()
  const header = (await bench.client.rawBlock(hash))!.subarray(0, 80)
  expect(await find({})).toEqual({ hash, height, header, index: 1, branch: [expect.any(String)] })
})

test('a block of a branch that the node has left does not count', async () => {
  const { find } = await minedAnchor()
  expect(await find({ blockHashAt: async () => 'ab'.repeat(32) })).toBe('lost')
  expect(await find({ blockHashAt: async () => undefined })).toBe('lost')
})

test('a block without the transaction, without work, or not to be had is no confirmation', async () => {
  const { bench, txid, hash, height, find } = await minedAnchor()
  const parent = (await bench.client.block(hash))!.parent
  const inBlock = (blockHash: string, raw?: Buffer) => ({
    transaction: async () => ({ txid, blockHash, blockHeight: height }),
    blockHashAt: async () => blockHash,
    ...(raw && { rawBlock: async () => raw }),
  })
  const refused = expect.objectContaining({ code: 'bad_answer' })
  await expect(find(inBlock(parent))).rejects.toEqual(refused)
  await expect(find(inBlock('ab'.repeat(32)))).rejects.toEqual(refused)

  const raw = (await bench.client.rawBlock(hash))!
  await expect(find(inBlock(parent, raw))).rejects.toEqual(refused)
  const header = encodeBlockHeader({ ...parseBlockHeader(raw.subarray(0, 80)), bits: 0x1d00ffff })
  const workless = Buffer.concat([header, raw.subarray(80)])
  await expect(find(inBlock(parseBlockHeader(header).hash, workless))).rejects.toEqual(refused)
})
