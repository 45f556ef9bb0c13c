/** A server with several keys, each of which pays for anchors: all are bound by the ledger, strangers are not. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { encodeAnchor } from '../../src/anchor/anchor.ts'
import { checkBundle } from '../../src/audit/bundle-check.ts'
import { exportBundle } from '../../src/audit/bundle-export.ts'
import { decodeReceipt, encodeReceipt } from '../../src/audit/receipt.ts'
import { checkReceipt } from '../../src/audit/receipt-check.ts'
import { receiptFor } from '../../src/audit/receipts.ts'
import { verifyLedger } from '../../src/audit/verify.ts'
import type { PrivateKey } from '../../src/chain/keys.ts'
import { signMessage } from '../../src/chain/message.ts'
import { putAnnex } from '../../src/ledger/annex.ts'
import { serverText } from '../../src/oauth/administration.ts'
import { type EventOf, streamOf } from '../../src/oauth/events.ts'
import { testKey } from '../chain/support.ts'
import { anchorOf, checkpointsOf } from '../support/anchored-ledger.ts'
import {
  administrator,
  clientRegistered,
  named,
  options,
  SampleLedger,
  server,
  serverOpened,
  signed,
  temporaryDirectory,
} from './support.ts'

const { verifyMessage } = options
const second = testKey('second key')
const third = testKey('third key')
const stranger = testKey('stranger')

function opened(key: PrivateKey, changes: Partial<EventOf<'server.opened'>> = {}): EventOf<'server.opened'> {
  const event = serverOpened({ serverAddress: key.address, ...changes })
  return { ...event, signature: signMessage(serverText(event), key) }
}

class KeyedLedger {
  readonly log: SampleLedger
  #versions = new Map<string, number>()
  #rounds = 0
  constructor(log: SampleLedger) {
    this.log = log
  }

  static async open(): Promise<KeyedLedger> {
    return new KeyedLedger(await SampleLedger.open(await temporaryDirectory()))
  }

  async introduce(key: PrivateKey, changes: Partial<EventOf<'server.opened'>> = {}): Promise<void> {
    const version = this.#versions.get(key.address) ?? 0
    await this.log.append(streamOf.server(key.address), version, [opened(key, changes)])
    this.#versions.set(key.address, version + 1)
  }

  /** Something happens, is signed, and anchored by the key. @returns the position of what happened */
  async anchor(key: PrivateKey, by = administrator): Promise<number> {
    const position = this.log.ledger.size
    const id = `client-${this.#rounds++}`
    const stream = streamOf.client(id)
    await this.log.append(stream, 0, [signed(clientRegistered(id), stream, 0, by)])
    await this.log.checkpoints.sign()
    const checkpoint = (await checkpointsOf(this.log.storage)).at(-1)!
    const name = `anchor/${String(checkpoint.size).padStart(16, '0')}`
    await putAnnex(this.log.storage, { [name]: encodeAnchor(anchorOf(checkpoint, key)) })
    return position
  }

  verify(serverAddresses?: readonly string[]) {
    return verifyLedger(this.log.storage, {
      verifyMessage,
      ...(serverAddresses && { trusted: { serverAddresses } }),
    })
  }

  /** What a reader who knows these addresses finds wrong with the receipt of an event. */
  async receipt(position: number, serverAddresses?: readonly string[]) {
    const receipt = await receiptFor(this.log.storage, [position], { verifyMessage })
    const trusted = { ...(serverAddresses && { serverAddresses }) }
    const { stations } = await checkReceipt(decodeReceipt(encodeReceipt(receipt)), { verifyMessage, trusted })
    return stations.filter(({ outcome }) => outcome === 'failed').map(({ station }) => station)
  }

  async bundle(from: number, to: number, serverAddresses?: readonly string[]) {
    const target = join(await temporaryDirectory(), 'bundle')
    await exportBundle(this.log.storage, target, { from, to, verifyMessage })
    const trusted = { ...(serverAddresses && { serverAddresses }) }
    return checkBundle(target, { verifyMessage, trusted })
  }

  close(): Promise<void> {
    return this.log.ledger.close()
  }
}

const first = [server.address]

describe.each([
  ['one key', [server]],
  ['two keys', [server, second]],
  ['three keys', [server, second, third]],
])('a server with %s', (_, keys) => {
  test('is known by its first one, whichever paid', async () => {
    const ledger = await KeyedLedger.open()
    for (const key of keys) await ledger.introduce(key)
    const positions: number[] = []
    for (const key of keys) positions.push(await ledger.anchor(key))
    for (const known of [undefined, first, keys.map(({ address }) => address)]) {
      expect(await ledger.verify(known)).toMatchObject({ ok: true, anchors: positions.length, faults: [] })
      for (const position of [0, ...positions]) expect(await ledger.receipt(position, known)).toEqual([])
      expect(await ledger.bundle(0, positions.at(-1)!, known)).toMatchObject({ ok: true, faults: [] })
      expect(await ledger.bundle(positions[0]!, positions[0]!, known)).toMatchObject({ ok: true, faults: [] })
    }
    expect((await ledger.verify()).servers.map(({ serverAddress }) => serverAddress)).toEqual(
      keys.map(({ address }) => address),
    )
    await ledger.close()
  })
})

test('a key that was added later vouches for what it had paid before', async () => {
  const ledger = await KeyedLedger.open()
  await ledger.introduce(server)
  const before = await ledger.anchor(second)
  expect(named(await ledger.verify(first))).toEqual([[before, 'anchor_signer']])
  expect(await ledger.receipt(before, first)).toEqual(['anchor_signature'])
  expect((await ledger.bundle(0, before, first)).ok).toBe(false)

  await ledger.introduce(second)
  await ledger.anchor(server)
  expect(await ledger.verify(first)).toMatchObject({ ok: true, anchors: 2 })
  expect(await ledger.receipt(before, first)).toEqual([])
  expect(await ledger.bundle(0, before, first)).toMatchObject({
    ok: true,
    manifest: { to: before, size: ledger.log.ledger.size },
  })
  await ledger.close()
})

test('a key that stands in no signed tree yet is not vouched for', async () => {
  const ledger = await KeyedLedger.open()
  await ledger.introduce(server)
  const before = await ledger.anchor(second)
  await ledger.introduce(second)
  await expect(ledger.receipt(before, first)).rejects.toMatchObject({ code: 'not_anchored' })
  expect((await ledger.bundle(0, before, first)).ok).toBe(false)
  expect(await ledger.verify(first)).toMatchObject({ ok: true, anchors: 1 })
  await ledger.close()
})

test('a stranger who pays is refused, unless the reader knows better', async () => {
  const ledger = await KeyedLedger.open()
  for (const key of [server, second]) await ledger.introduce(key)
  const position = await ledger.anchor(stranger)
  const known = [...first, stranger.address]
  for (const addresses of [undefined, first]) {
    expect(named(await ledger.verify(addresses))).toEqual([[position, 'anchor_signer']])
    expect(await ledger.receipt(position, addresses)).toEqual(['anchor_signature'])
    expect((await ledger.bundle(0, position, addresses)).ok).toBe(false)
  }
  expect(await ledger.verify(known)).toMatchObject({ ok: true, anchors: 1 })
  expect(await ledger.receipt(position, known)).toEqual([])
  expect((await ledger.bundle(0, position, known)).ok).toBe(true)
  await ledger.close()
})

describe('a stranger in the log', () => {
  const someKey = Buffer.alloc(32, 3).toString('base64url')
  test.each<[string, Partial<EventOf<'server.opened'>>]>([
    ['with another checkpoint key', { checkpointKey: someKey }],
    ['who names another administrator', { administratorAddress: stranger.address }],
  ])('%s', async (_, changes) => {
    const ledger = await KeyedLedger.open()
    await ledger.introduce(server)
    await ledger.introduce(stranger, changes)
    const by = changes.administratorAddress ? stranger : administrator
    const position = await ledger.anchor(stranger, by)
    expect(named(await ledger.verify(first))).toEqual([[1, 'server_untrusted']])
    expect(await ledger.receipt(position, first)).toContain('server_address')
    expect((await ledger.bundle(0, position, first)).ok).toBe(false)
    await ledger.close()
  })
})

test('another administrator, named by every key', async () => {
  const successor = testKey('successor')
  const ledger = await KeyedLedger.open()
  const keys = [server, second]
  const positions: number[] = []
  for (const by of [administrator, successor, administrator]) {
    for (const key of keys) await ledger.introduce(key, { administratorAddress: by.address })
    for (const key of keys) positions.push(await ledger.anchor(key, by))
  }
  expect(await ledger.verify(first)).toMatchObject({ ok: true, anchors: 6 })
  for (const position of positions) expect(await ledger.receipt(position, first)).toEqual([])
  for (const position of positions)
    expect(await ledger.bundle(position, position, first)).toMatchObject({ ok: true })
  await ledger.close()
})

test('a peer between the keys of the server', async () => {
  const peer = testKey('peer')
  const checkpointKey = Buffer.alloc(32, 3).toString('base64url')
  const ledger = await KeyedLedger.open()
  await ledger.introduce(server)
  await ledger.introduce(peer, { checkpointKey })
  await ledger.introduce(second)
  const position = await ledger.anchor(second)
  expect(await ledger.verify([...first, peer.address])).toMatchObject({ ok: true, anchors: 1 })
  expect(await ledger.receipt(position, first)).toEqual([])
  await ledger.close()
})
