import { describe, expect, test } from 'vitest'
import { type AnchorerStatus, openAnchorer } from '../../src/anchor/anchorer.ts'
import { verifyAnchorOnChain } from '../../src/anchor/verify.ts'
import { readEvidence } from '../../src/chain/transaction-evidence.ts'
import { recharge } from '../../src/chain/wallet.ts'
import { listCheckpoints } from '../../src/ledger/checkpoints.ts'
import { testKey } from '../chain/support.ts'
import { Bench, intervalMs } from './support.ts'

describe('anchors of a growing ledger', () => {
  test('pending, confirmed, buried', async () => {
    const bench = await Bench.open()
    expect(bench.anchorer.status()).toEqual({ confirmed: 0, pending: 0, anchoredSize: 0, node: 'unknown' })
    await bench.write(3)
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 0, pending: 1, anchoredSize: 0, node: 'reachable' })
    expect(await bench.anchors()).toMatchObject([{ size: 3, status: 'pending' }])

    await bench.node.mine()
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 1, pending: 0, anchoredSize: 3, node: 'reachable' })
    const [anchor] = await bench.anchors()
    expect(anchor).toMatchObject({ status: 'confirmed', block: { height: bench.node.height() } })
    expect(await verifyAnchorOnChain(anchor!, bench.client)).toEqual({ findings: [], confirmations: 1 })

    for (let confirmations = 2; confirmations < 6; confirmations++) await bench.node.mine()
    await bench.tick()
    expect(await bench.anchors()).toMatchObject([{ status: 'confirmed' }])
    await bench.node.mine()
    await bench.tick()
    expect(await bench.anchors()).toMatchObject([{ status: 'buried' }])
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 1, pending: 0, anchoredSize: 3 })
    expect(bench.sent).toHaveLength(1)
  })

  test('an empty ledger, or nothing new, gets no anchor', async () => {
    const bench = await Bench.open()
    await bench.tick()
    expect(bench.sent).toEqual([])
    await bench.write()
    await bench.tick()
    await bench.node.mine()
    await bench.tickLater()
    await bench.tickLater()
    expect(bench.sent).toHaveLength(1)
  })

  test('one an interval, several on their way', async () => {
    const bench = await Bench.open()
    await bench.write()
    await bench.tick()
    await bench.write()
    bench.clock.nowMs += intervalMs - 1
    await bench.tick()
    expect(await bench.anchors()).toHaveLength(1)
    bench.clock.nowMs += 1
    await bench.tick()
    await bench.write(2)
    await bench.tickLater()
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 0, pending: 3 })
    await bench.node.mine()
    await bench.tick()
    expect((await bench.anchors()).map(({ size, status }) => [size, status])).toEqual([
      [1, 'confirmed'],
      [2, 'confirmed'],
      [4, 'confirmed'],
    ])
  })

  test('keys take turns in paying, whatever each has, as far as it can', async () => {
    const poor = testKey('poor')
    const bench = await Bench.open({ otherKeys: [poor, testKey('without coins')] })
    await recharge({
      client: bench.client,
      key: bench.key,
      addresses: [poor.address],
      amountSats: 2_000n,
    })
    await bench.node.mine()
    for (let i = 0; i < 5; i++) {
      await bench.write()
      await bench.tickLater()
      await bench.node.mine()
    }
    const payers = bench.sent.map((raw) => readEvidence(raw).signers)
    const [first, second] = [[bench.key.address], [poor.address]]
    expect(payers).toEqual([first, second, first, second, first])
  })

  test('a clock that was set back does not stop it', async () => {
    const bench = await Bench.open()
    await bench.write()
    await bench.tick()
    await bench.write()
    bench.clock.nowMs -= 3_600_000
    await bench.tick()
    expect(await bench.anchors()).toHaveLength(2)
  })

  test('where nobody mines it waits for blocks, then takes the newest tree', async () => {
    const bench = await Bench.open()
    for (let i = 0; i < 20; i++) {
      await bench.write()
      await bench.tickLater()
    }
    expect(bench.anchorer.status()).toMatchObject({ pending: 16 })
    await bench.node.mine()
    await bench.tickLater()
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 16, pending: 1 })
    expect((await bench.anchors()).at(-1)).toMatchObject({ size: 20, status: 'pending' })
  })

  test('counts and watched anchors outlive a restart, also without the entry that keeps them', async () => {
    const bench = await Bench.open()
    await bench.write()
    await bench.tick()
    for (let i = 0; i < 6; i++) await bench.node.mine()
    await bench.write()
    await bench.tickLater()
    await bench.node.mine()
    await bench.write()
    await bench.tickLater()
    const status = { confirmed: 2, pending: 1, anchoredSize: 2 }
    expect((await bench.anchors()).map((anchor) => anchor.status)).toEqual(['buried', 'confirmed', 'pending'])
    await bench.restart()
    expect(bench.anchorer.status()).toEqual({ ...status, node: 'unknown' })
    await bench.check()

    const batch = bench.log.ledger.storage.batch()
    batch.del(Buffer.from('aanchors'))
    await batch.write()
    await bench.restart()
    expect(bench.anchorer.status()).toEqual({ ...status, node: 'unknown' })
    await bench.node.mine()
    await bench.tick()
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 3, pending: 0, anchoredSize: 3 })
    expect(bench.sent).toHaveLength(3)
  })

  test('changes$ tells the present status and each other one', async () => {
    const bench = await Bench.open()
    const heard: AnchorerStatus[] = []
    let isComplete = false
    bench.anchorer.changes$.subscribe({
      next: (status) => heard.push(status),
      complete: () => {
        isComplete = true
      },
    })
    await bench.write()
    for (let i = 0; i < 3; i++) await bench.tick()
    await bench.node.mine()
    await bench.tick()
    await bench.anchorer.stop()
    expect(heard).toEqual([
      { confirmed: 0, pending: 0, anchoredSize: 0, node: 'unknown' },
      { confirmed: 0, pending: 1, anchoredSize: 0, node: 'reachable' },
      { confirmed: 1, pending: 0, anchoredSize: 1, node: 'reachable' },
    ])
    expect(isComplete).toBe(true)
  })

  test('asks only for the tip while nothing moves', async () => {
    const bench = await Bench.open()
    for (let i = 0; i < 3; i++) {
      await bench.write()
      await bench.tickLater()
      if (i < 2) await bench.node.mine()
    }
    await bench.tick()
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 2, pending: 1 })
    const before = bench.calls
    for (let i = 0; i < 5; i++) await bench.tick()
    expect(bench.calls - before).toBe(5)
  })
})

describe('the node fails', () => {
  test('closed and opened again: what is said of it, and one anchor for all that was missed', async () => {
    const bench = await Bench.open()
    await bench.write()
    await bench.tick()
    await bench.node.close()
    for (let i = 0; i < 3; i++) {
      await bench.write()
      await bench.tickLater()
      expect(bench.anchorer.status()).toMatchObject({
        pending: 1,
        node: 'unreachable',
        lastError: { code: 'unreachable', message: expect.stringContaining('ECONNREFUSED') },
      })
    }
    await bench.write()
    await bench.reopenNode()
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 0, pending: 2, anchoredSize: 0, node: 'reachable' })
    await bench.node.mine()
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 2, pending: 0, anchoredSize: 5, node: 'reachable' })
    expect((await bench.anchors()).map(({ size }) => size)).toEqual([1, 5])
    expect(bench.messages.filter((message) => message.startsWith('anchoring'))).toEqual([
      'anchoring waits',
      'anchoring goes on',
    ])
  })

  test('the log is held by checkpoints meanwhile, one an interval', async () => {
    const bench = await Bench.open()
    await bench.node.close()
    const sizes: number[] = []
    for (let i = 0; i < 4; i++) {
      await bench.write()
      await bench.tick()
      bench.clock.nowMs += intervalMs / 2
    }
    for await (const { checkpoint } of listCheckpoints(bench.log.ledger.storage)) sizes.push(checkpoint.size)
    expect(sizes).toEqual([1, 3])
  })

  test('out of coins: it says so, and goes on once funded', async () => {
    const bench = await Bench.open({ isFunded: false })
    await bench.write()
    await bench.tick()
    const lastError = { code: 'insufficient_funds', message: expect.stringContaining(bench.key.address) }
    expect(bench.anchorer.status()).toMatchObject({ pending: 0, node: 'reachable', lastError })
    expect(bench.sent).toEqual([])
    await recharge({
      client: bench.client,
      key: testKey('rich'),
      addresses: [bench.key.address],
      amountSats: 100_000n,
    })
    await bench.write()
    await bench.tick()
    await bench.node.mine()
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 1, pending: 0, anchoredSize: 2, node: 'reachable' })
  })

  test('a fee that is too low is raised', async () => {
    const bench = await Bench.open()
    const settings = { ...bench.settings, feeRateSatsPerByte: 0.5 }
    bench.anchorer = await openAnchorer(settings)
    await bench.write()
    await bench.tick()
    expect(bench.anchorer.status()).toMatchObject({ pending: 1, lastError: { code: 'fee_too_low' } })
    await bench.tick()
    expect(bench.anchorer.status()).toEqual({ confirmed: 0, pending: 1, anchoredSize: 0, node: 'reachable' })
    await bench.node.mine()
    await bench.tick()
    expect(bench.anchorer.status()).toMatchObject({ confirmed: 1, pending: 0 })
    expect(await bench.mined()).toBe(1)
  })

  test.each(['refused', 'throttled'] as const)(
    '%s for no fault of the transaction: the same one again',
    async (fault) => {
      const bench = await Bench.open()
      await bench.write()
      bench.faults.push(fault, fault)
      for (let i = 0; i < 2; i++) {
        await bench.tick()
        expect(bench.anchorer.status()).toMatchObject({ pending: 1, lastError: { code: 'refused' } })
        await bench.write()
        bench.clock.nowMs += intervalMs
      }
      await bench.tick()
      expect(bench.anchorer.status()).toMatchObject({ pending: 2 })
      expect(bench.anchorer.status()).not.toHaveProperty('lastError')
      expect(new Set(bench.sent.map((raw) => raw.toString('hex'))).size).toBe(2)
    },
  )
})
