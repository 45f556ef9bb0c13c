import { Transaction } from 'bitcoinjs-lib'
import { beforeAll, describe, expect, test } from 'vitest'
import { type ConfirmedAnchor, isConfirmed } from '../../src/anchor/anchor.ts'
import { listAnchors } from '../../src/anchor/anchor-store.ts'
import { encodePayload } from '../../src/anchor/payload.ts'
import { type AnchorExpectation, verifyAnchor, verifyAnchorOnChain } from '../../src/anchor/verify.ts'
import { encodeBlockHeader, parseBlockHeader } from '../../src/chain/block.ts'
import { hashBytes } from '../../src/chain/hash.ts'
import { dataScript } from '../../src/chain/script-data.ts'
import { buildTransaction } from '../../src/chain/transaction.ts'
import { coin, signedInput, testKey } from '../chain/support.ts'
import { collect } from '../support/collect.ts'
import { Bench } from './support.ts'

async function confirmedAnchor(): Promise<{ bench: Bench; anchor: ConfirmedAnchor }> {
  const bench = await Bench.open()
  await bench.write(5)
  await bench.tick()
  await bench.node.mine()
  await bench.tick()
  const [anchor] = await bench.anchors()
  if (!isConfirmed(anchor!)) throw new Error('not confirmed')
  return { bench, anchor }
}

describe('offline', () => {
  let good: ConfirmedAnchor
  let expectation: AnchorExpectation

  beforeAll(async () => {
    const { bench, anchor } = await confirmedAnchor()
    good = anchor
    expectation = {
      checkpoint: await bench.checkpoint(anchor.size),
      serverAddresses: [testKey('other server').address, bench.key.address],
    }
  })

  const kindsOf = (anchor: ConfirmedAnchor, expected = expectation) => [
    ...new Set(verifyAnchor(anchor, expected).map(({ kind }) => kind)),
  ]
  const inBlock = (change: Partial<ConfirmedAnchor['block']>): ConfirmedAnchor => ({
    ...good,
    block: { ...good.block, ...change },
  })
  /** The anchor with another transaction, which its block then does not hold. */
  const withTransaction = (raw: Buffer): ConfirmedAnchor => ({
    ...good,
    raw,
    txid: Transaction.fromBuffer(raw).getId(),
  })
  const flipped = (bytes: Buffer, at: number) => {
    const copy = Buffer.from(bytes)
    copy[at]! ^= 1
    return copy
  }

  test('a good anchor has no findings', () => {
    expect(verifyAnchor(good, expectation)).toEqual([])
  })

  test('a flipped bit of the payload breaks payload, signature and txid', () => {
    const at = good.raw.indexOf('CSO1')
    for (const offset of [0, 4, 19, 20, 51]) {
      const raw = flipped(good.raw, at + offset)
      expect(kindsOf({ ...good, raw })).toEqual([
        'anchor_malformed',
        'anchor_payload',
        'anchor_signer',
        'anchor_branch',
      ])
    }
  })

  test('bytes that are no transaction', () => {
    expect(kindsOf({ ...good, raw: good.raw.subarray(1) })).toEqual(['anchor_malformed'])
    expect(kindsOf({ ...good, raw: Buffer.alloc(0) })).toEqual(['anchor_malformed'])
  })

  test('another key may sign what it likes', () => {
    const key = testKey('stranger')
    const built = buildTransaction({
      key,
      unspentOutputs: [coin(key, 10_000n)],
      payload: encodePayload(good),
    })
    expect(kindsOf(withTransaction(built.raw))).toEqual(['anchor_signer', 'anchor_branch'])
    expect(verifyAnchor(good, { ...expectation, serverAddresses: [key.address] })).toEqual([
      { kind: 'anchor_signer', detail: expect.stringContaining(testKey('server').address) },
    ])
    expect(kindsOf(good, { ...expectation, serverAddresses: [] })).toEqual(['anchor_signer'])
  })

  test.each([
    ['for the other tree', Transaction.SIGHASH_ALL, ['anchor_payload', 'anchor_branch']],
    ['outputs not signed', Transaction.SIGHASH_NONE, ['anchor_payload', 'anchor_signer', 'anchor_branch']],
  ])('two trees in one transaction: %s', (_name, hashType, kinds) => {
    const key = testKey('server')
    const transaction = new Transaction()
    transaction.addInput(hashBytes(good.txid), 0)
    for (const size of [good.size, good.size + 1])
      transaction.addOutput(dataScript(encodePayload({ ...good, size })), 0n)
    transaction.setInputScript(0, signedInput(transaction, key, hashType))
    expect(kindsOf(withTransaction(Buffer.from(transaction.toBuffer())))).toEqual(kinds)
  })

  test('a checkpoint that is missing, or of another tree', () => {
    const { checkpoint } = expectation
    expect(kindsOf(good, { ...expectation, checkpoint: undefined })).toEqual(['anchor_checkpoint'])
    for (const other of [{ size: 6 }, { origin: 'elsewhere.example.com' }, { root: Buffer.alloc(32) }]) {
      expect(kindsOf(good, { ...expectation, checkpoint: { ...checkpoint!, ...other } })).toEqual([
        'anchor_checkpoint',
        'anchor_payload',
      ])
    }
    expect(kindsOf({ ...good, root: Buffer.alloc(32) })).toEqual(['anchor_checkpoint'])
  })

  test('a wrong branch', () => {
    const [sibling, ...rest] = good.block.branch
    const other = flipped(Buffer.from(sibling!, 'hex'), 0).toString('hex')
    expect(kindsOf(inBlock({ branch: [other, ...rest] }))).toEqual(['anchor_branch'])
    expect(kindsOf(inBlock({ branch: rest }))).toEqual(['anchor_branch'])
    expect(kindsOf(inBlock({ index: good.block.index - 1 }))).toEqual(['anchor_branch'])
    expect(kindsOf(inBlock({ index: good.block.index + 2 }))).toEqual(['anchor_branch'])
  })

  test('a wrong header', () => {
    const { header } = good.block
    // Version, time, nonce; then the Merkle root, which also leads the branch astray.
    for (const at of [0, 68, 76])
      expect(kindsOf(inBlock({ header: flipped(header, at) }))).toEqual(['anchor_header'])
    expect(kindsOf(inBlock({ header: flipped(header, 36) }))).toEqual(['anchor_header', 'anchor_branch'])
    expect(kindsOf(inBlock({ header: header.subarray(1) }))).toEqual(['anchor_header'])
    expect(kindsOf(inBlock({ hash: 'ab'.repeat(32) }))).toEqual(['anchor_header'])
    // The right bytes in all but the work: difficulty 1 of Bitcoin, which took 2^32 tries.
    const hard = encodeBlockHeader({ ...parseBlockHeader(header), bits: 0x1d00ffff })
    expect(verifyAnchor(inBlock({ header: hard, hash: parseBlockHeader(hard).hash }), expectation)).toEqual([
      { kind: 'anchor_header', detail: expect.stringContaining('target') },
    ])
  })

  test('an anchor without a block is checked as far as it goes', () => {
    const { block: _, ...transaction } = good
    expect(verifyAnchor({ ...transaction, status: 'pending' }, expectation)).toEqual([])
    const other = { ...expectation, serverAddresses: [] }
    expect(verifyAnchor({ ...transaction, status: 'reorged' }, other)).toMatchObject([
      { kind: 'anchor_signer' },
    ])
  })
})

describe('online', () => {
  test('confirmations, then each way to lose them', async () => {
    const { bench, anchor } = await confirmedAnchor()
    const verdict = async () => {
      const { findings, confirmations } = await verifyAnchorOnChain(anchor, bench.client)
      return [findings.map(({ kind }) => kind), confirmations]
    }
    expect(await verdict()).toEqual([[], 1])
    await bench.node.mine()
    expect(await verdict()).toEqual([[], 2])
    await bench.node.reorg(2)
    expect(await verdict()).toEqual([['anchor_unconfirmed'], 0])
    await bench.node.mine()
    expect(await verdict()).toEqual([['anchor_reorged'], 0])
    await bench.node.reorg(1, { transactions: 'drop' })
    expect(await verdict()).toEqual([['anchor_missing'], 0])
    const { block: _, ...transaction } = anchor
    expect(await verifyAnchorOnChain({ ...transaction, status: 'pending' }, bench.client)).toEqual({
      findings: [],
      confirmations: 0,
    })
    await bench.node.close()
    expect(await verdict()).toEqual([['node_unreachable'], 0])
  })

  test('a block that the node has left', async () => {
    const { bench, anchor } = await confirmedAnchor()
    const client = { ...bench.client, blockHashAt: async () => 'ab'.repeat(32) }
    expect(await verifyAnchorOnChain(anchor, client)).toMatchObject({
      findings: [{ kind: 'anchor_reorged' }],
    })
  })

  test('an answer that is refused is not a missing anchor', async () => {
    const { bench, anchor } = await confirmedAnchor()
    const client = { ...bench.client, transaction: () => bench.client.block('no hash').then(() => undefined) }
    expect(await verifyAnchorOnChain(anchor, client)).toMatchObject({
      findings: [{ kind: 'node_bad_answer' }],
    })
  })
})

test('the list of stored anchors names a damaged one and goes on', async () => {
  const { bench, anchor } = await confirmedAnchor()
  await bench.write()
  await bench.tickLater()
  const { storage } = bench.log.ledger
  const batch = storage.batch()
  batch.put(Buffer.from('aanchor/0000000000000002'), Buffer.from('{}'))
  batch.put(Buffer.from('aanchor/0000000000000003'), storage.get(Buffer.from('aanchor/0000000000000005'))!)
  await batch.write()
  expect(await collect(listAnchors(storage))).toMatchObject([
    { name: 'anchor/0000000000000002', fault: expect.stringContaining('malformed') },
    { name: 'anchor/0000000000000003', fault: 'it holds an anchor of size 5' },
    { name: 'anchor/0000000000000005', anchor: { txid: anchor.txid } },
    { name: 'anchor/0000000000000006', anchor: { status: 'pending' } },
  ])
})
