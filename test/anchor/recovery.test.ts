import { describe, expect, test } from 'vitest'
import { AnchorStore } from '../../src/anchor/anchor-store.ts'
import { buildTransaction } from '../../src/chain/transaction.ts'
import { recharge } from '../../src/chain/wallet.ts'
import { LedgerError } from '../../src/ledger/errors.ts'
import { testKey } from '../chain/support.ts'
import { faultyStorage } from './faults.ts'
import { Bench } from './support.ts'

describe('the process dies between storing and sending', () => {
  test.each(['not sent', 'sent, not acknowledged'] as const)(
    '%s: the same transaction again',
    async (fault) => {
      const bench = await Bench.open()
      await bench.write(2)
      bench.faults.push(fault)
      await bench.tick()
      expect(bench.anchorer.status()).toMatchObject({ pending: 1, lastError: { code: 'unreachable' } })
      await bench.write()
      await bench.restart()
      await bench.tick()
      expect(bench.anchorer.status()).toEqual({
        confirmed: 0,
        pending: 1,
        anchoredSize: 0,
        node: 'reachable',
      })
      await bench.node.mine()
      await bench.tick()
      const [anchor, ...others] = await bench.anchors()
      expect(others).toEqual([])
      expect(anchor).toMatchObject({ size: 2, status: 'confirmed' })
      for (const raw of bench.sent) expect(raw).toEqual(anchor!.raw)
      expect(bench.sent).toHaveLength(fault === 'not sent' ? 2 : 1)
      expect(await bench.mined()).toBe(1)
    },
  )

  test.each(['not sent', 'sent, not acknowledged'] as const)('%s, without a restart', async (fault) => {
    const bench = await Bench.open()
    await bench.write()
    bench.faults.push(fault)
    await bench.tick()
    await bench.write()
    await bench.tickLater()
    await bench.node.mine()
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 2, pending: 0, anchoredSize: 2, node: 'reachable' })
    expect(await bench.mined()).toBe(2)
  })
})

describe('the ledger fails', () => {
  test.each([
    ['not stored', [3]],
    ['stored, not acknowledged', [1, 3]],
  ] as const)('%s: nothing is sent unstored, nothing stored is forgotten', async (fault, sizes) => {
    const { faults, wrap } = faultyStorage()
    const bench = await Bench.open({ storage: wrap })
    await bench.write()
    faults.push(fault)
    await bench.anchorer.tick()
    expect(bench.anchorer.status()).toMatchObject({ lastError: { code: 'unavailable' } })
    expect(bench.sent).toEqual([])
    await bench.write(2)
    await bench.tickLater()
    const pending = { confirmed: 0, pending: sizes.length, anchoredSize: 0, node: 'reachable' }
    expect(bench.anchorer.status()).toEqual(pending)
    await bench.node.mine()
    faults.push(fault)
    await bench.anchorer.tick()
    await bench.tick()
    const confirmed = { confirmed: sizes.length, pending: 0, anchoredSize: 3, node: 'reachable' }
    expect(bench.anchorer.status()).toEqual(confirmed)
    expect((await bench.anchors()).map(({ size }) => size)).toEqual(sizes)
    expect(await bench.mined()).toBe(sizes.length)
    await bench.restart()
    expect(bench.anchorer.status()).toEqual({ ...confirmed, node: 'unknown' })
  })

  test('another tree of a size that is anchored is refused, and so is a damaged record', async () => {
    const bench = await Bench.open()
    await bench.write()
    await bench.tick()
    const { storage } = bench.log.ledger
    const store = await AnchorStore.open(storage)
    const [anchor] = await bench.anchors()
    await expect(store.save({ ...anchor!, root: Buffer.alloc(32) })).rejects.toMatchObject({
      code: 'damaged',
    })
    expect(await bench.anchors()).toEqual([anchor])

    const batch = storage.batch()
    batch.put(Buffer.from('aanchor/0000000000000001'), Buffer.from('{}'))
    await batch.write()
    await expect(AnchorStore.open(storage)).rejects.toThrow(LedgerError)
  })
})

describe('the chain loses blocks', () => {
  test('the transaction is gone: the same one is sent again and confirmed again', async () => {
    const bench = await Bench.open()
    await bench.write()
    await bench.tick()
    await bench.node.mine()
    await bench.tick()
    const [first] = await bench.anchors()
    await bench.node.reorg(1, { transactions: 'drop' })
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 0, pending: 1, anchoredSize: 0, node: 'reachable' })
    expect(await bench.anchors()).toMatchObject([{ status: 'reorged', txid: first!.txid }])
    expect((await bench.anchors())[0]).not.toHaveProperty('block')
    await bench.restart()
    await bench.node.mine()
    await bench.tick()
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 1, pending: 0, anchoredSize: 1 })
    const [again] = await bench.anchors()
    expect(again).toMatchObject({ status: 'confirmed', txid: first!.txid, raw: first!.raw })
    expect(again).not.toEqual(first)
    expect(bench.sent).toHaveLength(2)
    expect(await bench.mined()).toBe(1)
  })

  test('the transaction waits again, or stands in another block already', async () => {
    const bench = await Bench.open()
    await bench.write()
    await bench.tick()
    await bench.node.mine()
    await bench.tick()
    await bench.node.reorg(1)
    await bench.tick()
    expect(await bench.anchors()).toMatchObject([{ status: 'reorged' }])
    await bench.node.mine()
    await bench.tick()
    expect(await bench.anchors()).toMatchObject([{ status: 'confirmed' }])
    await bench.node.reorg(1)
    const { hash } = await bench.node.mine()
    await bench.tick()
    expect(await bench.anchors()).toMatchObject([{ status: 'confirmed', block: { hash } }])
    expect(bench.sent).toHaveLength(1)
  })

  test('the node was away and comes back at the same height, without the transaction', async () => {
    const bench = await Bench.open()
    await bench.write()
    await bench.tick()
    await bench.node.mine()
    await bench.node.reorg(1, { transactions: 'drop' })
    await bench.node.close()
    await bench.tick()
    await bench.reopenNode()
    await bench.tick()
    expect(bench.sent).toHaveLength(2)
    await bench.node.mine()
    await bench.tick()
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 1, pending: 0 })
  })

  test('several at once, one spending the change of the other', async () => {
    const bench = await Bench.open()
    for (let i = 0; i < 3; i++) {
      await bench.write()
      await bench.tickLater()
    }
    await bench.node.mine()
    await bench.tick()
    const before = await bench.anchors()
    await bench.node.reorg(1, { transactions: 'drop' })
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 0, pending: 3, anchoredSize: 0, node: 'reachable' })
    await bench.node.mine()
    await bench.tick()
    expect((await bench.anchors()).map(({ txid }) => txid)).toEqual(before.map(({ txid }) => txid))
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 3 })
  })

  test('the coins went elsewhere meanwhile: other transactions for the same trees', async () => {
    const bench = await Bench.open()
    const unspentOutputs = await bench.client.unspentOutputs(bench.key.address)
    for (let i = 0; i < 2; i++) {
      await bench.write()
      await bench.tickLater()
    }
    await bench.node.mine()
    await bench.tick()
    const before = await bench.anchors()
    await bench.node.reorg(1, { transactions: 'drop' })
    const payments = [{ address: bench.key.address, valueSats: 50_000n }]
    await bench.client.send(buildTransaction({ key: bench.key, unspentOutputs, payments }).raw)
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 0, pending: 2, anchoredSize: 0, node: 'reachable' })
    await bench.node.mine()
    await bench.tick()
    const after = await bench.anchors()
    expect(after).toMatchObject([{ status: 'confirmed' }, { status: 'confirmed' }])
    for (const [i, anchor] of after.entries()) {
      expect(anchor.root).toEqual(before[i]!.root)
      expect(anchor.txid).not.toBe(before[i]!.txid)
    }
    expect(await bench.mined()).toBe(2)
  })

  test('the smaller tree spends the change of the larger one: both come back as they were', async () => {
    const bench = await Bench.open({ isFunded: false })
    const { client, key } = bench
    for (const amountSats of [60_000n, 50_000n])
      await recharge({ client, key: testKey('rich'), addresses: [key.address], amountSats })
    await bench.node.mine()
    const coins = await client.unspentOutputs(key.address)
    const larger = coins.filter(({ valueSats }) => valueSats === 60_000n)
    for (let i = 0; i < 2; i++) {
      await bench.write()
      await bench.tickLater()
    }
    await bench.node.mine()
    await bench.tick()
    // The first anchor's coin goes elsewhere, so that its next transaction spends the second one's change.
    await bench.node.reorg(1, { transactions: 'drop' })
    const payments = [{ address: testKey('rich').address, valueSats: 59_000n }]
    await client.send(buildTransaction({ key, unspentOutputs: larger, payments }).raw)
    await bench.tick()
    await bench.node.mine()
    await bench.tick()
    const before = await bench.anchors()
    expect(before).toMatchObject([{ status: 'confirmed' }, { status: 'confirmed' }])
    await bench.node.reorg(1, { transactions: 'drop' })
    bench.sent.length = 0
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 0, pending: 2, anchoredSize: 0, node: 'reachable' })
    const [first, second] = before.map(({ raw }) => raw)
    expect(bench.sent).toEqual([first, second, first])
    await bench.node.mine()
    await bench.tick()
    expect((await bench.anchors()).map(({ txid }) => txid)).toEqual(before.map(({ txid }) => txid))
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 2 })
  })
})
