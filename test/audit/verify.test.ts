import type { Level } from 'level'
import { beforeAll, describe, expect, test } from 'vitest'
import type { FaultKind } from '../../src/audit/fault.ts'
import { verifyLedger } from '../../src/audit/verify.ts'
import {
  annexKey,
  encodePosition,
  eventKey,
  frontierKey,
  rangeOf,
  rowKey,
  sideKey,
  streamKey,
  tileKey,
} from '../../src/ledger/layout.ts'
import { decodeRecord, encodeRecord } from '../../src/ledger/record.ts'
import { encodeEvent } from '../../src/oauth/event-codec.ts'
import type { Event } from '../../src/oauth/events.ts'
import { stateRowKey, usernameRowKey } from '../../src/projections/rows.ts'
import { parseCheckpoint, signCheckpoint } from '../../src/tree/checkpoint.ts'
import { ed25519PrivateKey } from '../../src/tree/ed25519.ts'
import { ed25519Signer } from '../../src/tree/signed-note.ts'
import { testKey } from '../chain/support.ts'
import {
  clientToken,
  copyOf,
  lifeEvents,
  liveThrough,
  named,
  options,
  origin,
  rebuildTree,
  SampleLedger,
  signed,
  startMs,
  tamper,
  template,
  userRegistered,
  verify,
} from './support.ts'

type Db = Level<Buffer, Buffer>

const tokens = 900
const size = lifeEvents + tokens
let original: string

/** A life, then tokens enough for full tiles, with a checkpoint inside a block and one at the end. */
beforeAll(async () => {
  original = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(400)
    await log.checkpoints.sign()
    await log.issueToClient(500, 'more')
    await log.checkpoints.sign()
  })
})

async function tampered(act: (db: Db) => Promise<unknown>) {
  const copy = await copyOf(original)
  await tamper(copy, act)
  return verify(copy)
}

async function flip(db: Db, key: Buffer, at: number): Promise<void> {
  const value = Buffer.from((await db.get(key))!)
  value[at < 0 ? value.length + at : at]! ^= 1
  await db.put(key, value)
}

/** Replaces an event, and all of the tree with it: whoever does so lacks only the keys. */
async function forge(db: Db, position: number, event: Event, changes: object = {}): Promise<void> {
  const old = decodeRecord((await db.get(eventKey(position)))!)
  const { code, body } = encodeEvent(event)
  await db.put(eventKey(position), encodeRecord({ ...old, type: code, body, ...changes }))
  await rebuildTree(db)
}

const noteName = (events: number) => annexKey(`checkpoint/${String(events).padStart(16, '0')}`)

async function editNote(db: Db, events: number, edit: (note: string) => string): Promise<void> {
  await db.put(noteName(events), Buffer.from(edit((await db.get(noteName(events)))!.toString())))
}

test('an untouched ledger', async () => {
  expect(await verify(original)).toMatchObject({
    ok: true,
    events: size,
    checkpoints: 4,
    anchors: 0,
    erased: 0,
    faults: [],
    hasMoreFaults: false,
    warnings: [],
    unchecked: [],
    servers: [{ position: 0, origin }],
  })
})

test('an empty ledger', async () => {
  expect(await verify(await template(async () => {}))).toMatchObject({ ok: true, events: 0, faults: [] })
})

const faultTable: [what: string, act: (db: Db) => Promise<unknown>, faults: [number | null, FaultKind][]][] =
  [
    ['first record', (db) => flip(db, eventKey(0), 30), [[0, 'record_altered']]],
    ['record of an administration', (db) => flip(db, eventKey(1), -1), [[1, 'record_altered']]],
    ['version byte', (db) => flip(db, eventKey(5), 0), [[5, 'record_altered']]],
    ['position in a record', (db) => flip(db, eventKey(300), 8), [[300, 'record_altered']]],
    ['time in a record', (db) => flip(db, eventKey(7), 14), [[7, 'record_altered']]],
    ['record in a full tile', (db) => flip(db, eventKey(400), 40), [[400, 'record_altered']]],
    ['last record', (db) => flip(db, eventKey(size - 1), -1), [[size - 1, 'record_altered']]],
    [
      'two records of one block',
      async (db) => {
        await flip(db, eventKey(260), 50)
        await flip(db, eventKey(270), 50)
      },
      [
        [260, 'record_altered'],
        [270, 'record_altered'],
      ],
    ],
    ['record cut short', (db) => db.put(eventKey(20), Buffer.alloc(0)), [[20, 'record_altered']]],
    [
      'two records swapped',
      async (db) => {
        const [a, b] = await db.getMany([eventKey(12), eventKey(500)])
        await db.batch([
          { type: 'put', key: eventKey(12), value: b! },
          { type: 'put', key: eventKey(500), value: a! },
        ])
      },
      [
        [12, 'record_misplaced'],
        [500, 'record_misplaced'],
      ],
    ],
    ['record deleted', (db) => db.del(eventKey(100)), [[100, 'record_missing']]],
    ['last record deleted', (db) => db.del(eventKey(size - 1)), [[size - 1, 'record_missing']]],
    ['record added', (db) => db.put(eventKey(size), Buffer.alloc(40)), [[size, 'record_unexpected']]],
    ['side record altered', (db) => flip(db, sideKey(2), -1), [[2, 'side_altered']]],
    ['side record added', (db) => db.put(sideKey(5), Buffer.alloc(40)), [[5, 'side_unexpected']]],
    ['leaf hash altered in a full tile', (db) => flip(db, tileKey(0, 1), 3 * 32), [[259, 'tile_altered']]],
    [
      'leaf hash altered in the partial tile',
      (db) => flip(db, tileKey(0, 3), 2 * 32),
      [[3 * 256 + 2, 'tile_altered']],
    ],
    [
      'a record and the leaf hash of another',
      async (db) => {
        await flip(db, eventKey(300), 50)
        await flip(db, tileKey(0, 1), 0)
      },
      [
        [256, 'tile_altered'],
        [300, 'record_altered'],
      ],
    ],
    ['hash of a full tile altered', (db) => flip(db, tileKey(1, 0), 33), [[256, 'tile_altered']]],
    ['partial tile missing', (db) => db.del(tileKey(0, 3)), [[3 * 256, 'tile_missing']]],
    ['upper tile missing', (db) => db.del(tileKey(1, 0)), [[0, 'tile_missing']]],
    ['tile added', (db) => db.put(tileKey(0, 4), Buffer.alloc(32)), [[null, 'entry_unexpected']]],
    ['upper tile added', (db) => db.put(tileKey(2, 0), Buffer.alloc(32)), [[null, 'entry_unexpected']]],
    ['frontier altered', (db) => flip(db, frontierKey, -1), [[size - 1, 'frontier_altered']]],
    ['frontier unreadable', (db) => db.put(frontierKey, Buffer.alloc(5)), [[size - 1, 'frontier_altered']]],
    [
      'frontier and last record altered',
      async (db) => {
        await flip(db, frontierKey, -1)
        await flip(db, eventKey(size - 1), -1)
      },
      [
        [size - 1, 'record_altered'],
        [size - 1, 'frontier_altered'],
      ],
    ],
    [
      'checkpoint root altered',
      (db) =>
        editNote(db, size, (note) =>
          note.replace(/^(.)(?=.*=\n\n)/m, (first) => (first === 'A' ? 'B' : 'A')),
        ),
      [[size - 1, 'checkpoint_signature']],
    ],
    [
      'checkpoint signature altered',
      (db) => editNote(db, 413, (note) => note.replace(/.{4}\n$/, 'AAA=\n')),
      [[412, 'checkpoint_signature']],
    ],
    [
      'checkpoint signed by a stranger',
      (db) =>
        editNote(db, 413, (note) =>
          signCheckpoint(parseCheckpoint(`${note.split('\n\n')[0]}\n`), [
            ed25519Signer(origin, ed25519PrivateKey(Buffer.alloc(32, 8))),
          ]),
        ),
      [[412, 'checkpoint_signature']],
    ],
    [
      'checkpoint unreadable',
      (db) => db.put(noteName(413), Buffer.from('x')),
      [[412, 'checkpoint_malformed']],
    ],
    [
      'checkpoint of another size',
      async (db) => db.put(noteName(413), (await db.get(noteName(5)))!),
      [[412, 'checkpoint_malformed']],
    ],
    ['row missing', (db) => db.del(rowKey(stateRowKey('grant:first'))), [[9, 'row_missing']]],
    ['row altered', (db) => flip(db, rowKey(stateRowKey('grant:first')), 8), [[9, 'row_altered']]],
    [
      'row added',
      (db) => db.put(rowKey(usernameRowKey('mallory')), Buffer.from('alice-subject')),
      [[null, 'row_unexpected']],
    ],
    [
      'row of a removed user',
      (db) => db.put(rowKey(usernameRowKey('bob')), Buffer.from('bob-subject')),
      [[null, 'row_unexpected']],
    ],
    [
      'index entry altered',
      (db) => db.put(streamKey('grant:first', 1), encodePosition(300)),
      [[6, 'index_altered']],
    ],
    ['index entry deleted', (db) => db.del(streamKey('grant:first', 1)), [[6, 'index_missing']]],
    [
      'index entry added',
      (db) => db.put(streamKey('grant:first', 5), encodePosition(300)),
      [[300, 'index_unexpected']],
    ],
    [
      'malformed index entry',
      (db) => db.put(Buffer.from('sx'), encodePosition(1)),
      [[null, 'index_unexpected']],
    ],
    ['unknown entry', (db) => db.put(Buffer.from('zebra'), Buffer.alloc(1)), [[null, 'entry_unexpected']]],
    [
      'an event forged with a new tree: root',
      (db) => forge(db, 450, { ...clientToken('forged'), scopes: ['admin'] }),
      [
        [450, 'row_altered'],
        [450, 'row_missing'],
        [size - 1, 'checkpoint_root'],
      ],
    ],
    [
      'administration forged with a new tree',
      (db) =>
        forge(
          db,
          11,
          signed(userRegistered('bob-subject', 'bob'), 'user:bob-subject', 0, testKey('somebody')),
        ),
      [
        [11, 'administrator_signature'],
        [12, 'checkpoint_root'],
        [412, 'checkpoint_root'],
        [size - 1, 'checkpoint_root'],
      ],
    ],
    [
      'time set back with a new tree',
      (db) => forge(db, 500, clientToken('more87'), { timeMs: startMs }),
      [
        [500, 'time_backwards'],
        [500, 'row_altered'],
        [size - 1, 'checkpoint_root'],
      ],
    ],
  ]

test.each(faultTable)('%s', async (_, act, faults) => {
  const result = await tampered(act)
  expect(result.ok).toBe(false)
  expect(
    named(result).filter(([, kind]) => kind !== 'row_unexpected' || faults.some(([, k]) => k === kind)),
  ).toEqual(faults)
})

test('a row that still names whose side record is gone', async () => {
  const result = await tampered((db) => db.del(sideKey(2)))
  expect(named(result)).toEqual([
    [2, 'side_missing'],
    [2, 'row_altered'],
    [null, 'row_unexpected'],
  ])
})

test('a whole block cut off', async () => {
  const result = await tampered((db) => db.clear({ gte: eventKey(512), lt: eventKey(size) }))
  expect(named(result)).toEqual([[512, 'record_missing']])
  expect(result).toMatchObject({ events: 512, checkpoints: 3, root: null })
  expect(result.unchecked).toContain('roots behind the first lost record cannot be computed')
})

test('a log cut with tree and index is shorter than what was signed', async () => {
  const cut = 600
  const result = await tampered(async (db) => {
    for (let position = cut; position < size; position++) {
      const { stream, version } = decodeRecord((await db.get(eventKey(position)))!)
      await db.batch([
        { type: 'del', key: eventKey(position) },
        { type: 'del', key: streamKey(stream, version) },
      ])
    }
    await rebuildTree(db)
  })
  expect(named(result).filter(([, kind]) => kind !== 'row_unexpected')).toEqual([
    [size - 1, 'checkpoint_beyond_log'],
  ])
})

test('a saved checkpoint holds the log to its past', async () => {
  const copy = await copyOf(original)
  let note = ''
  await tamper(copy, async (db) => {
    note = (await db.get(noteName(413)))!.toString()
    await db.clear({ gte: annexKey('checkpoint/'), lt: annexKey('checkpoint0') })
  })
  const savedCheckpoints = [{ source: 'a file', note }]
  expect(await verify(copy, { savedCheckpoints })).toMatchObject({ ok: true, checkpoints: 0 })
  await tamper(copy, (db) => forge(db, 20, { ...clientToken('forged'), scopes: ['admin'] }))
  expect(named(await verify(copy, { savedCheckpoints, rows: false }))).toEqual([[412, 'checkpoint_root']])
})

test('a tile of leaf hashes lost altogether accuses no record', async () => {
  const copy = await copyOf(original)
  await tamper(copy, (db) => db.put(tileKey(0, 1), Buffer.alloc(256 * 32)))
  const { faults, hasMoreFaults } = await verify(copy)
  expect(hasMoreFaults).toBe(true)
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(['tile_altered']))
  expect(faults[0]).toMatchObject({ position: 256 })
})

test('more faults than are collected', async () => {
  const copy = await copyOf(original)
  await tamper(copy, async (db) => {
    for (let position = 0; position < 20; position++) await flip(db, eventKey(position), 25)
  })
  const result = await verify(copy, { mostFaults: 10 })
  expect(result.hasMoreFaults).toBe(true)
  expect(named(result)).toEqual(Array.from({ length: 10 }, (_, i) => [i, 'record_altered']))
})

test('without its server event a log says what it cannot prove', async () => {
  const result = await tampered((db) => flip(db, eventKey(0), 30))
  expect(result.faults).toHaveLength(1)
  expect(result.checkpoints).toBe(0)
  expect(result.unchecked).toEqual([
    'the read models cannot be compared while records or side records are damaged',
    '4 acts of administration: the event that names the administrator is damaged',
    'the signatures of 4 checkpoints: the event that names their key is damaged',
  ])
})

describe('trust', () => {
  test('addresses that are known from elsewhere', async () => {
    const trusted = {
      administratorAddress: testKey('administrator').address,
      serverAddresses: [testKey('server').address],
    }
    expect(await verify(original, { trusted })).toMatchObject({ ok: true })
    const other = { administratorAddress: testKey('x').address, serverAddresses: [testKey('x').address] }
    expect(named(await verify(original, { trusted: other }))).toEqual([
      [0, 'server_untrusted'],
      [0, 'server_untrusted'],
    ])
  })
})

test('a log that grows meanwhile is verified as it was', async () => {
  const copy = await copyOf(original)
  const log = await SampleLedger.open(copy)
  let blocks = 0
  let late = 0
  const grown = log.ledger.storage
  const result = await verifyLedger(
    {
      get: (key) => grown.get(key),
      async *entries(range) {
        if (range.gte.equals(rangeOf('stream').gte)) {
          await log.issueToClient(300, `late-${late++}`)
          await log.checkpoints.sign()
        }
        yield* grown.entries(range)
      },
    },
    { ...options, rows: true, onProgress: (_done, _total, step) => void (step === 'events' && blocks++) },
  )
  await log.ledger.close()
  expect(result).toMatchObject({ events: size, faults: [], ok: true })
  expect(blocks).toBe(Math.ceil(size / 256))
})
