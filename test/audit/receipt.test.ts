/** Receipts: any event gets one that verifies, and whatever is altered in it is found at its station. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeReceipt, encodeReceipt, type Receipt } from '../../src/audit/receipt.ts'
import { checkReceipt, type ReceiptCheckOptions, type ReceiptVerdict } from '../../src/audit/receipt-check.ts'
import { eventsOfToken } from '../../src/audit/receipt-subjects.ts'
import { type ReceiptOptions, receiptFor } from '../../src/audit/receipts.ts'
import type { ChainClient } from '../../src/chain/types.ts'
import { annexKey, eventKey, tileKey } from '../../src/ledger/layout.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { anchorOf, anchorTrees, checkpointsOf, liveAnchored } from '../support/anchored-ledger.ts'
import {
  administrator,
  copyOf,
  lifeEvents,
  liveThrough,
  SampleLedger,
  server,
  options as strict,
  tamper,
  template,
  temporaryDirectory,
  token,
  trusted,
} from './support.ts'

const { verifyMessage } = strict
let directory: string
let storage: Storage

beforeAll(async () => {
  directory = await template((log) => liveAnchored(log, 2))
  storage = await openStorage(`${directory}/ledger`)
})
afterAll(() => storage.close())

const receipt = (positions: number[], more: Partial<ReceiptOptions> = {}) =>
  receiptFor(storage, positions, { verifyMessage, ...more })

const check = (it: Receipt, more: Partial<ReceiptCheckOptions> = {}): Promise<ReceiptVerdict> =>
  checkReceipt(decodeReceipt(encodeReceipt(it)), { verifyMessage, trusted, ...more })

const failed = ({ stations }: ReceiptVerdict) => [
  ...new Set(stations.filter(({ outcome }) => outcome === 'failed').map(({ station }) => station)),
]
const outcomes = ({ stations }: ReceiptVerdict) =>
  stations.map(({ station, about, outcome }) => `${outcome} ${station} ${about}`)

describe('a receipt', () => {
  test('of an act of administration: every station', async () => {
    const verdict = await check(await receipt([1], { disclose: true }))
    expect(verdict.ok).toBe(true)
    expect(outcomes(verdict)).toEqual([
      'proved record event 1 (position 1)',
      'proved record server 1 (position 0)',
      'proved side_record event 1 (position 1)',
      'proved inclusion event 1 (position 1)',
      'proved inclusion server 1 (position 0)',
      'proved checkpoint_signature checkpoint of 5 events',
      'proved server_key server 1 (position 0)',
      'proved server_address server 1 (position 0)',
      'proved administrator event 1 (position 1)',
      'proved anchor_payload anchor 1',
      'proved anchor_signature anchor 1',
      'proved anchor_branch anchor 1',
      'not_proved block_header anchor 1',
      'not_proved block_on_chain anchor 1',
    ])
    expect(verdict.stations.find(({ station }) => station === 'block_header')?.detail).toContain(
      'a development chain, which proves nothing',
    )
  })

  test('without addresses from elsewhere: the words of the receipt are not taken for proved', async () => {
    const verdict = await check(await receipt([1]), { trusted: {} })
    expect(verdict.ok).toBe(true)
    expect(outcomes(verdict)).toContain('not_proved server_address server 1 (position 0)')
    expect(outcomes(verdict)).toContain('not_proved administrator event 1 (position 1)')
    expect(outcomes(verdict)).toContain('not_proved side_record event 1 (position 1)')
  })

  test('other addresses are known from elsewhere than those of the receipt', async () => {
    const trusted = { serverAddresses: [administrator.address], administratorAddress: server.address }
    expect(failed(await check(await receipt([1]), { trusted }))).toEqual(['server_address', 'administrator'])
  })

  test('of events in two trees: each in the first anchored tree that holds it', async () => {
    const both = await receipt([9, 3])
    const verdict = await check(both)
    expect(verdict).toMatchObject({ ok: true, events: [{ position: 3 }, { position: 9 }] })
    expect(both.anchors).toHaveLength(2)
    expect(outcomes(verdict)).toContain('proved checkpoint_signature checkpoint of 5 events')
    expect(outcomes(verdict)).toContain('proved checkpoint_signature checkpoint of 13 events')
  })

  test('in the order of the log, each event once', async () => {
    const { events, servers, ...rest } = await receipt([9, 3])
    expect(failed(await check({ ...rest, servers, events: events.toReversed() }))).toEqual(['record'])
    expect(failed(await check({ ...rest, servers, events: [...events, events[1]!] }))).toEqual(['record'])
    expect(failed(await check({ ...rest, events, servers: [servers[0]!, servers[0]!] }))).toEqual(['record'])
  })

  test('of the token that is held beside it', async () => {
    const it = await receipt([7])
    expect(outcomes(await check(it, { token: token('at', 'one') }))).toContain(
      'proved token event 1 (position 7)',
    )
    expect(failed(await check(it, { token: token('at', 'two') }))).toEqual(['token'])
  })

  test('a node that is none', async () => {
    const chain = {
      endpoint: 'http://localhost',
      transaction: async () => undefined,
      status: async () => {
        throw new Error('is it a Coinstack node?')
      },
    } as unknown as ChainClient
    const { stations } = await check(await receipt([1]), { chain })
    expect(stations.findLast(({ outcome }) => outcome === 'failed')).toMatchObject({
      station: 'block_on_chain',
      detail: 'the node could not be asked: is it a Coinstack node?',
    })
  })

  test('holds personal data only where disclosed', async () => {
    const [shut] = (await receipt([3])).events
    const [open] = (await receipt([3], { disclose: true })).events
    expect(shut).not.toHaveProperty('side')
    expect(shut!.record.includes('192.0.2.7')).toBe(false)
    expect(open!.side!.includes('192.0.2.7')).toBe(true)
    const { events } = await check(await receipt([2], { disclose: true }))
    expect(events[0]?.event).toMatchObject({ side: { username: 'alice' } })
  })

  test('of what is not there, or not anchored, or not even signed', async () => {
    await expect(receipt([lifeEvents + 2])).rejects.toMatchObject({ code: 'not_found' })
    await expect(receipt([lifeEvents])).rejects.toMatchObject({
      code: 'not_anchored',
      message: expect.stringMatching(/wait for one, or take --unanchored$/),
    })
    await expect(receipt([lifeEvents], { unanchored: true })).rejects.toMatchObject({ code: 'not_anchored' })
  })

  test('without anchor, where that is asked for, says so', async () => {
    const copy = await temporaryDirectory()
    const log = await SampleLedger.open(copy)
    await liveThrough(log)
    await anchorTrees(log, [5])
    await expect(receiptFor(log.storage, [9], { verifyMessage })).rejects.toMatchObject({
      code: 'not_anchored',
    })
    const bare = await receiptFor(log.storage, [3, 9], { verifyMessage, unanchored: true })
    await log.ledger.close()
    expect(bare.anchors).toHaveLength(1)
    const verdict = await check(bare)
    expect(verdict.ok).toBe(true)
    expect(outcomes(verdict)).toContain('not_proved anchor_payload event 2 (position 9)')
    expect(outcomes(verdict)).not.toContain('not_proved anchor_payload event 1 (position 3)')
  })
})

describe('the events of', () => {
  test.each<[string, string, number, number[]]>([
    ['a code', token('ac', 'one'), 5, [6, 9]],
    ['an access token that was replaced', token('at', 'one'), 7, [8, 9]],
    ['a refresh token', token('rt', 'two'), 8, [9]],
    ['a session', token('se', 'one'), 3, [10]],
    ['a live token', token('at', 'own0'), 13, []],
  ])('%s', async (_, text, issued, ended) => {
    expect(await eventsOfToken(storage, text)).toMatchObject({ issued, ended })
  })

  test('nothing', async () => {
    expect(await eventsOfToken(storage, token('at', 'unknown'))).toBeUndefined()
    expect(await eventsOfToken(storage, 'alice')).toBeUndefined()
  })

  test('a token whose client and user were removed', async () => {
    const copy = await temporaryDirectory()
    const log = await SampleLedger.open(copy)
    await liveThrough(log)
    const signed = { signedAtSeconds: 1, signature: '' }
    await log.administer(
      { type: 'user.removed', subject: 'alice-subject', ...signed },
      streamOf.user('alice-subject'),
      1,
    )
    await log.administer(
      { type: 'client.removed', clientId: 'trusted', ...signed },
      streamOf.client('trusted'),
      1,
    )
    expect(await eventsOfToken(log.storage, token('at', 'two'))).toMatchObject({
      client: { clientId: 'trusted', clientVersion: 0 },
      ended: [9, 13, 14],
    })
    await log.ledger.close()
  })
})

describe('whatever is altered is found at its station', () => {
  const flip = (bytes: Buffer, at: number) => {
    const copy = Buffer.from(bytes)
    copy[(at + copy.length) % copy.length]! ^= 1
    return copy
  }
  const line = (text: string, number: number, change: (line: string) => string) =>
    text
      .split('\n')
      .map((it, i) => (i === number ? change(it) : it))
      .join('\n')
  const otherLetter = (text: string) => (text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`)

  type Alter = (it: Receipt, full: Receipt) => void
  const table: [string, Alter, string[]][] = [
    [
      'the version of the record',
      ({ events }) => {
        events[0]!.record = flip(events[0]!.record, 0)
      },
      ['record', 'inclusion'],
    ],
    [
      'the position in the record',
      ({ events }) => {
        events[0]!.record = flip(events[0]!.record, 8)
      },
      ['inclusion', 'administrator'],
    ],
    [
      'the time of the record',
      ({ events }) => {
        events[0]!.record = flip(events[0]!.record, 14)
      },
      ['inclusion'],
    ],
    [
      'the signature in the record',
      ({ events }) => {
        events[0]!.record = flip(events[0]!.record, -3)
      },
      ['inclusion', 'administrator'],
    ],
    [
      'the side record',
      ({ events }) => {
        events[0]!.side = flip(events[0]!.side!, 40)
      },
      ['side_record'],
    ],
    [
      'the side record of another event',
      (it, full) => {
        it.events[0]!.side = full.events[1]!.side!
      },
      ['side_record'],
    ],
    [
      'a side record where none belongs',
      (it, full) => {
        it.servers[0]!.side = full.events[1]!.side!
      },
      ['side_record'],
    ],
    [
      'the first line of the proof',
      ({ events }) => {
        events[0]!.proof = line(events[0]!.proof, 0, otherLetter)
      },
      ['inclusion'],
    ],
    [
      'the index in the proof',
      ({ events }) => {
        events[0]!.proof = line(events[0]!.proof, 1, () => 'index 3')
      },
      ['inclusion'],
    ],
    [
      'extra data in the proof',
      ({ events }) => {
        events[0]!.proof = line(events[0]!.proof, 1, (it) => `extra AAAA\n${it}`)
      },
      ['inclusion'],
    ],
    [
      'a hash of the proof',
      ({ events }) => {
        events[0]!.proof = line(events[0]!.proof, 3, otherLetter)
      },
      ['inclusion'],
    ],
    [
      'a missing hash',
      ({ events }) => {
        events[0]!.proof = events[0]!.proof.replace(/\n.{44}\n\n/, '\n\n')
      },
      ['inclusion'],
    ],
    [
      'the origin of a checkpoint',
      (it) => everywhere(it, (proof) => proof.replace('signon.example.com\n5', 'sign0n.example.com\n5')),
      ['checkpoint_signature', 'anchor_payload'],
    ],
    [
      'the size of a checkpoint',
      (it) => everywhere(it, (proof) => proof.replace('com\n5\n', 'com\n3\n')),
      ['inclusion', 'checkpoint_signature', 'anchor_payload'],
    ],
    [
      'the root of a checkpoint',
      (it) => everywhere(it, (proof) => proof.replace(/(com\n5\n)./, '$1_')),
      ['checkpoint_signature', 'anchor_payload'],
    ],
    [
      'the signature of a checkpoint',
      (it) =>
        everywhere(it, (proof) =>
          proof.replace(/(.{10})(.)(.{9}\n)$/, (_, a, b, c) => a + (b === 'A' ? 'B' : 'A') + c),
        ),
      ['checkpoint_signature'],
    ],
    [
      'the record of the server',
      ({ servers }) => {
        servers[0]!.record = flip(servers[0]!.record, -3)
      },
      ['inclusion', 'checkpoint_signature', 'server_key', 'administrator'],
    ],
    [
      'the key of the server',
      ({ servers }) => {
        servers[0]!.record = flip(servers[0]!.record, servers[0]!.record.length - 110)
      },
      ['inclusion', 'checkpoint_signature', 'server_key', 'administrator'],
    ],
    [
      'another event for the server',
      (it) => {
        it.servers = [it.events[0]!]
      },
      ['checkpoint_signature', 'server_key', 'administrator'],
    ],
    [
      'no server',
      (it) => {
        it.servers = []
      },
      ['checkpoint_signature', 'administrator'],
    ],
    [
      'the anchor of another tree',
      (it, full) => {
        it.anchors = [full.anchors[1]!]
      },
      ['anchor_payload'],
    ],
    [
      'the payload of the transaction',
      ({ anchors }) => {
        anchors[0]!.transaction = replaced(anchors[0]!.transaction, '43534f31', '43534f32')
      },
      ['anchor_payload', 'anchor_signature', 'anchor_branch'],
    ],
    [
      'the size in the payload',
      ({ anchors }) => {
        anchors[0]!.transaction = replaced(anchors[0]!.transaction, '0000000000000005', '0000000000000004')
      },
      ['anchor_payload', 'anchor_signature', 'anchor_branch'],
    ],
    [
      'the amount of the transaction',
      ({ anchors }) => {
        anchors[0]!.transaction = flip(anchors[0]!.transaction, -38)
      },
      ['anchor_signature', 'anchor_branch'],
    ],
    [
      'the signature of the transaction',
      ({ anchors }) => {
        anchors[0]!.transaction = flip(anchors[0]!.transaction, 60)
      },
      ['anchor_signature', 'anchor_branch'],
    ],
    [
      'bytes that are no transaction',
      ({ anchors }) => {
        anchors[0]!.transaction = anchors[0]!.transaction.subarray(1)
      },
      ['anchor_payload'],
    ],
    [
      'the place in the block',
      ({ anchors }) => {
        anchors[0]!.block.index = 1
      },
      ['anchor_branch'],
    ],
    [
      'the other place of a hash that pairs with itself',
      ({ anchors }) => {
        anchors[0]!.block.index = 3
      },
      ['anchor_branch'],
    ],
    [
      'a place that the path has not',
      ({ anchors }) => {
        anchors[0]!.block.index = 4
      },
      ['anchor_branch'],
    ],
    [
      'a hash of the path',
      ({ anchors }) => {
        anchors[0]!.block.branch[1] = '44'.repeat(32)
      },
      ['anchor_branch'],
    ],
    [
      'the Merkle root of the header',
      ({ anchors }) => {
        anchors[0]!.block.header = flip(anchors[0]!.block.header, 40)
      },
      ['anchor_branch', 'block_header'],
    ],
    ...[0, 4, 68, 72, 76].map((at): [string, Alter, string[]] => [
      `byte ${at} of the header`,
      ({ anchors }) => {
        anchors[0]!.block.header = flip(anchors[0]!.block.header, at)
      },
      ['block_header'],
    ]),
  ]

  const everywhere = (it: Receipt, change: (proof: string) => string) => {
    for (const proven of [...it.events, ...it.servers]) proven.proof = change(proven.proof)
  }
  const replaced = (bytes: Buffer, from: string, to: string) =>
    Buffer.from(bytes.toString('hex').replace(from, to), 'hex')

  let full: Receipt
  beforeAll(async () => {
    full = await receipt([1, 11], { disclose: true })
  })

  test.each(table)('%s', async (_, alter, stations) => {
    const it = decodeReceipt(encodeReceipt(await receipt([1], { disclose: true })))
    expect(failed(await check(it))).toEqual([])
    alter(it, full)
    expect(failed(await check(it))).toEqual(stations)
  })

  test('any flipped bit of any field', async () => {
    const text = encodeReceipt(await receipt([1, 9], { disclose: true }))
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length - 2), fc.integer({ min: 0, max: 6 }), async (at, bit) => {
        const bytes = Buffer.from(text)
        bytes[at]! ^= 1 << bit
        const isWhite = (byte: number) => [0x20, 0x0a, 0x0d, 0x09].includes(byte)
        if (isWhite(bytes[at]!) && isWhite(Buffer.from(text)[at]!)) return
        let outcome: boolean | string
        try {
          outcome = (await checkReceipt(decodeReceipt(bytes.toString()), { verifyMessage, trusted })).ok
        } catch (error) {
          outcome = (error as { code: string }).code
        }
        expect(outcome).not.toBe(true)
      }),
      { numRuns: 400, seed: 1 },
    )
  })
})

test('any event of any ledger has a receipt that verifies', async () => {
  const logs: { storage: Storage; size: number }[] = []
  for (const tokens of [1, 250, 300, 600]) {
    const copy = await template(async (log) => {
      await liveThrough(log)
      await log.issueToClient(tokens)
      await log.checkpoints.sign()
      await anchorTrees(log, [5, lifeEvents + tokens])
    })
    logs.push({ storage: await openStorage(`${copy}/ledger`), size: lifeEvents + tokens })
  }
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...logs),
      fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      async ({ storage: reader, size }, places, disclose) => {
        const positions = [...new Set(places.map((place) => Math.floor(place * size)))].sort((a, b) => a - b)
        const verdict = await check(await receiptFor(reader, positions, { verifyMessage, disclose }))
        expect(failed(verdict)).toEqual([])
        expect(verdict.events.map(({ position }) => position)).toEqual(positions)
      },
    ),
    { numRuns: 100 },
  )
  for (const log of logs) await log.storage.close()
})

describe('a damaged ledger gives no receipt', () => {
  test.each<[string, Buffer, (value: Buffer) => Buffer | undefined]>([
    ['an altered record', eventKey(1), (value) => Buffer.concat([value.subarray(0, -1), Buffer.of(1)])],
    ['a missing record', eventKey(1), () => undefined],
    ['a missing tile', tileKey(0, 0), () => undefined],
    ['a missing checkpoint', annexKey('checkpoint/0000000000000005'), () => undefined],
    [
      'an altered checkpoint',
      annexKey('checkpoint/0000000000000005'),
      (value) => Buffer.from(value.toString().replace('5', '6')),
    ],
    ['a malformed anchor', annexKey('anchor/0000000000000005'), () => Buffer.from('{}')],
  ])('%s', async (_, key, change) => {
    const copy = await copyOf(directory)
    await tamper(copy, async (db) => {
      const value = change((await db.get(key))!)
      await (value ? db.put(key, value) : db.del(key))
    })
    const damaged = await openStorage(`${copy}/ledger`)
    await expect(receiptFor(damaged, [1], { verifyMessage })).rejects.toMatchObject({
      code: expect.stringMatching(/^(damaged|invalid_tile)$/),
    })
    await damaged.close()
  })
})

describe('with a node', () => {
  const node = (changes: Partial<ChainClient>) => changes as ChainClient
  test.each<[string, (hash: string) => Partial<ChainClient>, string[]]>([
    [
      'that has the block',
      (hash) => ({
        transaction: async (txid) => ({ txid, blockHash: hash, blockHeight: 7 }),
        blockHashAt: async () => hash,
      }),
      [],
    ],
    [
      'that has another block',
      (hash) => ({
        transaction: async (txid) => ({ txid, blockHash: hash, blockHeight: 7 }),
        blockHashAt: async () => '55'.repeat(32),
      }),
      ['block_on_chain'],
    ],
    [
      'that does not know the transaction',
      () => ({ transaction: async () => undefined }),
      ['block_on_chain'],
    ],
    [
      'that is away',
      () => ({
        transaction: async () => {
          throw new Error('no answer')
        },
      }),
      ['block_on_chain'],
    ],
  ])('%s', async (_, answers, stations) => {
    const [first] = await checkpointsOf(storage)
    const { hash } = anchorOf(first!).block
    expect(failed(await check(await receipt([1]), { chain: node(answers(hash)) }))).toEqual(stations)
  })
})

test('a header with the work of a public chain', async () => {
  const it = await receipt([1])
  // Bitcoin's first block: the work is real, and nothing of the anchor is in it.
  it.anchors[0]!.block.header = Buffer.from(
    `01000000${'00'.repeat(32)}3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c`,
    'hex',
  )
  const verdict = await check(it)
  expect(failed(verdict)).toEqual(['anchor_branch'])
  expect(verdict.stations.find(({ station }) => station === 'block_header')).toMatchObject({
    outcome: 'proved',
    detail: expect.stringContaining('about 2^32 hashes'),
  })
})

describe('a file that is no receipt', () => {
  test.each<[string, (value: Record<string, unknown>) => unknown, string]>([
    ['another format', (value) => ({ ...value, format: 'receipt' }), 'malformed'],
    ['a later version', (value) => ({ ...value, version: 2 }), 'unknown_version'],
    ['no version', ({ version: _, ...value }) => value, 'unknown_version'],
    ['an unknown member', (value) => ({ ...value, more: 1 }), 'malformed'],
    ['a missing member', ({ anchors: _, ...value }) => value, 'malformed'],
    ['no events', (value) => ({ ...value, events: [] }), 'malformed'],
    [
      'too many events',
      (value) => ({ ...value, events: Array(65).fill((value.events as unknown[])[0]) }),
      'malformed',
    ],
    ['events that are no list', (value) => ({ ...value, events: {} }), 'malformed'],
    ['an event that is no object', (value) => ({ ...value, events: [1] }), 'malformed'],
    [
      'a record that is no base64',
      (value) => ({ ...value, events: [{ record: '*', proof: '' }] }),
      'malformed',
    ],
    ['a list', () => [1], 'malformed'],
    ['nothing', () => null, 'malformed'],
  ])('%s', async (_, change, code) => {
    const text = JSON.stringify(change(JSON.parse(encodeReceipt(await receipt([1])))))
    expect(() => decodeReceipt(text)).toThrow(
      expect.objectContaining({ code, message: expect.not.stringContaining('\n') }),
    )
  })

  test.each(['', '{', '\u0000', 'x'.repeat(5 << 20)])('text', (text) => {
    expect(() => decodeReceipt(text)).toThrow(expect.objectContaining({ code: 'malformed' }))
  })
})
