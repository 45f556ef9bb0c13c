import { expect, test } from 'vitest'
import { type ConfirmedAnchor, encodeAnchor, isConfirmed } from '../../src/anchor/anchor.ts'
import { listAnchors } from '../../src/anchor/anchor-store.ts'
import { openAnchorer } from '../../src/anchor/anchorer.ts'
import { ChainError } from '../../src/chain/errors.ts'
import type { ChainClient } from '../../src/chain/types.ts'
import { annexKey } from '../../src/ledger/layout.ts'
import { testKey } from '../chain/support.ts'
import { fundOf, startNode } from '../devnode/support.ts'
import {
  copyOf,
  liveThrough,
  named,
  SampleLedger,
  server,
  tamper,
  temporaryDirectory,
  verify,
} from './support.ts'

const size = 13
const name = annexKey(`anchor/${String(size).padStart(16, '0')}`)

/** A ledger whose 13 events are anchored in a block, or wait for one. */
async function anchored({ isMined = true, key = server } = {}) {
  const { node, client } = await startNode({ fund: fundOf(key.address) })
  const directory = await temporaryDirectory()
  const log = await SampleLedger.open(directory)
  await liveThrough(log)
  const anchorer = await openAnchorer({
    ledger: log.ledger,
    checkpoints: log.checkpoints,
    chain: client,
    keys: [key],
    feeRateSatsPerByte: 2,
    intervalMs: 10_000,
    now: () => 0,
    log: { info: () => {}, warn: () => {} },
  })
  await anchorer.tick()
  if (isMined) await node.mine()
  await anchorer.tick()
  let anchor: ConfirmedAnchor | undefined
  for await (const stored of listAnchors(log.storage))
    if ('anchor' in stored && isConfirmed(stored.anchor)) anchor = stored.anchor
  await anchorer.stop()
  await log.ledger.close()
  return { directory, node, client, anchor: anchor! }
}

test('a confirmed anchor, with a node, without one, and with one that is away', async () => {
  const { directory, client, node, anchor } = await anchored()
  expect(await verify(directory, { chain: client })).toMatchObject({
    ok: true,
    anchors: 1,
    pendingAnchors: 0,
    warnings: [],
    unchecked: [],
  })
  const notAsked = 'that the blocks of 1 anchors are on the best chain: no node was asked'
  expect(await verify(directory)).toMatchObject({ ok: true, anchors: 1, warnings: [], unchecked: [notAsked] })
  await node.close()
  const away = await verify(directory, { chain: client })
  expect(away).toMatchObject({ ok: true, anchors: 1, unchecked: [notAsked] })
  expect(away.warnings).toEqual([expect.stringMatching(/^the node at http.* could not be asked: /)])
  const mustAsk = await verify(directory, { chain: client, mustAskChain: true })
  expect(named(mustAsk)).toEqual([[size - 1, 'anchor_not_asked']])
  expect(mustAsk.warnings).toEqual([])

  const noNode: ChainClient = {
    ...client,
    transaction: async () => undefined,
    status: async () => {
      throw new ChainError('bad_answer', 'is it a Coinstack node?')
    },
  }
  expect(await verify(directory, { chain: noNode })).toMatchObject({
    ok: true,
    warnings: [expect.stringContaining('is it a Coinstack node?')],
  })

  const { client: stranger } = await startNode()
  const missing = await verify(directory, { chain: stranger })
  expect(named(missing)).toEqual([[size - 1, 'anchor_missing']])
  expect(missing).toMatchObject({ anchors: 0, warnings: [] })

  const elsewhere: ChainClient = {
    ...client,
    transaction: async (txid) => ({ txid, blockHash: '00'.repeat(32), blockHeight: 1 }),
  }
  const reorganised = await verify(directory, { chain: elsewhere })
  expect(reorganised).toMatchObject({ ok: true, warnings: [expect.stringContaining('reorganised')] })
  await tamper(directory, (db) => db.put(name, encodeAnchor({ ...anchor, status: 'buried' })))
  expect(named(await verify(directory, { chain: elsewhere }))).toEqual([[size - 1, 'anchor_reorged']])
})

test('an anchor that waits for its block', async () => {
  const { directory } = await anchored({ isMined: false })
  expect(await verify(directory)).toMatchObject({ ok: true, anchors: 0, pendingAnchors: 1, unchecked: [] })
})

test('an anchor paid by a key that nobody vouches for, unless it is trusted', async () => {
  const key = testKey('second key')
  const { directory } = await anchored({ key })
  expect(named(await verify(directory))).toEqual([[size - 1, 'anchor_signer']])
  const trusted = { serverAddresses: [server.address, key.address] }
  expect(await verify(directory, { trusted })).toMatchObject({ ok: true, anchors: 1 })
})

test('a tampered anchor', async () => {
  const { directory, anchor } = await anchored()
  const faultsWith = async (value: Buffer, at = name) => {
    const copy = await copyOf(directory)
    await tamper(copy, (db) => db.put(at, value))
    return named(await verify(copy))
  }
  const last = size - 1
  expect(await faultsWith(encodeAnchor({ ...anchor, root: Buffer.alloc(32) }))).toEqual([
    [last, 'anchor_root'],
  ])
  expect(await faultsWith(encodeAnchor({ ...anchor, raw: Buffer.alloc(100) }))).toEqual([
    [last, 'anchor_malformed'],
  ])
  expect(await faultsWith(Buffer.from('{}'))).toEqual([[last, 'anchor_malformed']])
  const header = Buffer.from(anchor.block.header)
  header[70]! ^= 1
  expect(await faultsWith(encodeAnchor({ ...anchor, block: { ...anchor.block, header } }))).toContainEqual([
    last,
    'anchor_header',
  ])
  const tall = annexKey(`anchor/${String(99).padStart(16, '0')}`)
  expect(await faultsWith(encodeAnchor({ ...anchor, size: 99 }), tall)).toEqual([
    [98, 'anchor_beyond_log'],
    [null, 'anchor_count'],
  ])
  const low = annexKey(`anchor/${String(4).padStart(16, '0')}`)
  expect(await faultsWith(encodeAnchor({ ...anchor, size: 4 }), low)).toContainEqual([3, 'anchor_root'])
})

test('an anchor that was taken away, or counts that were altered', async () => {
  const { directory } = await anchored()
  const faultsAfter = async (act: Parameters<typeof tamper>[1]) => {
    const copy = await copyOf(directory)
    await tamper(copy, act)
    return named(await verify(copy))
  }
  const counts = (buried: number) =>
    Buffer.from(JSON.stringify({ version: 1, buried, buriedSize: 0, watched: [size] }))
  const state = annexKey('anchors')
  expect(await faultsAfter((db) => db.del(name))).toEqual([[null, 'anchor_count']])
  expect(await faultsAfter((db) => db.put(state, counts(1)))).toEqual([[null, 'anchor_count']])
  expect(await faultsAfter((db) => db.put(state, Buffer.from('{')))).toEqual([[null, 'anchor_count']])
  expect(await faultsAfter((db) => db.put(state, counts(0)))).toEqual([])
})

test('an entry of the annex that nobody writes', async () => {
  const { directory } = await anchored()
  await tamper(directory, (db) => db.put(annexKey('anchors2'), Buffer.from('x')))
  expect(named(await verify(directory))).toEqual([[null, 'entry_unexpected']])
})
