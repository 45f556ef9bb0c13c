/** A store that cannot be read in the middle, and what the server keeps beside it: found, named, and as far as it goes. */
import { beforeAll, expect, test } from 'vitest'
import type { KeptOutside, VerifyOptions } from '../../src/audit/verification.ts'
import { verifyLedger, verifyLedgerInOrder } from '../../src/audit/verify.ts'
import { LedgerError } from '../../src/ledger/errors.ts'
import { annexKey, eventKey, frontierKey, rowKey, streamKey } from '../../src/ledger/layout.ts'
import type { Entry, Range, Storage, StorageReader } from '../../src/ledger/storage.ts'
import { Frontier } from '../../src/tree/frontier.ts'
import { inside } from '../support/dropped-ledger.ts'
import { copyOf, liveThrough, named, options, template } from './support.ts'

let directory: string
let size: number
let head: string

beforeAll(async () => {
  directory = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(700)
    const frontier = Frontier.deserialize(log.ledger.frontier)
    size = frontier.size
    head = `${String(size).padStart(16, '0')} ${frontier.root().toString('base64')}\n`
    await log.checkpoints.sign()
  })
})

/** As LevelDB reads a table in which a block at this key is not what its checksum says. */
function brokenAt(storage: Storage, key: Buffer): StorageReader {
  const broken = () => new LedgerError('damaged', 'block checksum mismatch')
  return {
    get(asked) {
      if (asked.equals(key)) throw broken()
      return storage.get(asked)
    },
    async *entries(range: Range): AsyncGenerator<Entry> {
      for await (const entry of storage.entries(range)) {
        if (entry[0].compare(key) >= 0 && range.gte.compare(key) <= 0) throw broken()
        yield entry
      }
    },
  }
}

const verifyBroken = (key: Buffer, more: Partial<VerifyOptions> = {}) =>
  inside(directory, (storage) => verifyLedger(brokenAt(storage, key), { ...options, rows: true, ...more }))

test('it holds', async () => {
  await inside(directory, async (storage) => {
    const kept: KeptOutside = { head: { source: 'the head file', text: head } }
    expect(await verifyLedger(storage, { ...options, rows: true, kept })).toMatchObject({ ok: true })
    expect(await verifyLedgerInOrder(storage, { ...options, rows: true, kept })).toMatchObject({ ok: true })
  })
})

test('in the records: from which position on', async () => {
  const result = await verifyBroken(eventKey(600))
  expect(named(result)).toEqual([[600, 'store_damaged']])
  expect(result).toMatchObject({
    ok: false,
    events: 256,
    root: null,
  })
  expect(result.faults[0]!.detail).toBe('block checksum mismatch')
  expect(result.unchecked).toContain(
    'events from position 256 on, and what is said of them: the store cannot be read on',
  )
})

test('what was found before it is told too', async () => {
  const copy = await copyOf(directory)
  await inside(copy, async (storage) => {
    const record = Buffer.from(storage.get(eventKey(100))!)
    record[record.length - 1]! ^= 1
    const batch = storage.batch()
    batch.put(eventKey(100), record)
    await batch.write()
    const result = await verifyLedger(brokenAt(storage, eventKey(600)), options)
    expect(named(result)).toEqual([
      [100, 'record_altered'],
      [600, 'store_damaged'],
    ])
  })
})

test.each([
  ['the stream index', streamKey('grant:', 0)],
  ['the read models', rowKey(Buffer.from('s'))],
  ['the checkpoints', annexKey('checkpoint/')],
])('in %s: after the events', async (_, key) => {
  const result = await verifyBroken(key)
  expect(result.ok).toBe(false)
  expect(result.faults.map(({ kind }) => kind)).toContain('store_damaged')
  expect(result.unchecked.join()).toContain('the store cannot be read on')
})

test('in the tree head: nothing can be told', async () => {
  const result = await verifyBroken(frontierKey)
  expect(named(result)).toEqual([[null, 'store_damaged']])
  expect(result).toMatchObject({ events: 0, root: null, unchecked: ['no event could be read'] })
})

test('what was found in opening stands among the faults', async () => {
  const found = [{ position: 3, kind: 'segment_unregistered', detail: 'as it was said' }] as const
  await inside(directory, async (storage) => {
    expect((await verifyLedger(storage, { ...options, found })).faults).toEqual(found)
  })
})

const otherRoot = `${'A'.repeat(43)}=`
const digits = (count: number) => String(count).padStart(16, '0')

test.each<[string, () => string, [number | null, string][]]>([
  ['no events', () => `${digits(0)} ${new Frontier().root().toString('base64')}\n`, []],
  ['no events, another root', () => `${digits(0)} ${otherRoot}\n`, [[null, 'head_root']]],
  ['more than can be counted', () => `${'9'.repeat(16)} ${otherRoot}\n`, [[null, 'head_malformed']]],
  ['the root of another log', () => `${digits(300)} ${otherRoot}\n`, [[299, 'head_root']]],
  ['at the end of a block', () => `${digits(512)} ${otherRoot}\n`, [[511, 'head_root']]],
  ['at the end of the log', () => `${digits(size)} ${otherRoot}\n`, [[-1, 'head_root']]],
  ['more events', () => `${digits(size + 1)} ${otherRoot}\n`, [[0, 'head_beyond_log']]],
  ['no head', () => 'anything', [[null, 'head_malformed']]],
  ['cut', () => head.slice(0, -1), [[null, 'head_malformed']]],
])('the head file: %s', async (_, text, faults) => {
  const kept = { head: { source: 'the head file', text: text() } }
  const expected = faults.map(([position, kind]) => [
    kind === 'head_beyond_log' ? size : position === -1 ? size - 1 : position,
    kind,
  ])
  await inside(directory, async (storage) => {
    for (const verify of [verifyLedger, verifyLedgerInOrder])
      expect(named(await verify(storage, { ...options, kept }))).toEqual(expected)
  })
})

test('the checkpoint file: of another server, or of no events', async () => {
  await inside(directory, async (storage) => {
    const withNote = async (note: string) =>
      named(await verifyLedger(storage, { ...options, kept: { checkpoint: { source: 'the file', note } } }))
    expect(await withNote('anything')).toEqual([[null, 'checkpoint_malformed']])
    const stored = storage.get(annexKey(`checkpoint/${digits(size)}`))!.toString()
    expect(await withNote(stored)).toEqual([])
    expect(await withNote(stored.replace(`\n${size}\n`, '\n0\n'))).toEqual([[null, 'checkpoint_malformed']])
    expect(await withNote(stored.replace(`\n${size}\n`, `\n${size - 1}\n`))).toEqual([
      [size - 2, 'checkpoint_signature'],
    ])
  })
})
