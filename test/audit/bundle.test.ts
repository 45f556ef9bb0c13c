/** Bundles: any range verifies by itself, and any altered byte of any file is found. */
import { createHash } from 'node:crypto'
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BundleVerdict, checkBundle } from '../../src/audit/bundle-check.ts'
import { type ExportOptions, exportBundle } from '../../src/audit/bundle-export.ts'
import { RangeTree } from '../../src/audit/range-tree.ts'
import type { ChainClient } from '../../src/chain/types.ts'
import { annexKey, eventKey, tileKey } from '../../src/ledger/layout.ts'
import { openStorage, type Storage, type StorageReader } from '../../src/ledger/storage.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { anchorOf, anchorTrees, checkpointsOf } from '../support/anchored-ledger.ts'
import { anchor, drop, inside } from '../support/dropped-ledger.ts'
import {
  administrator,
  copyOf,
  lifeEvents,
  liveThrough,
  SampleLedger,
  server,
  startMs,
  options as strict,
  tamper,
  template,
  temporaryDirectory,
  trusted,
} from './support.ts'

const { verifyMessage } = strict
const size = lifeEvents + 300
let directory: string
let storage: Storage
let folder: string
let count = 0

beforeAll(async () => {
  directory = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(300)
    await log.checkpoints.sign()
    await log.issueToClient(2, 'late')
    await anchorTrees(log, [5, size])
  })
  storage = await openStorage(`${directory}/ledger`)
  folder = await temporaryDirectory()
})
afterAll(() => storage.close())

async function bundle(
  from: number,
  to: number,
  more: Partial<ExportOptions> = {},
  reader: StorageReader = storage,
) {
  const target = join(folder, `bundle-${count++}`)
  await exportBundle(reader, target, { from, to, verifyMessage, ...more })
  return target
}
const check = (target: string): Promise<BundleVerdict> => checkBundle(target, { verifyMessage, trusted })

const ranges: [number, number, number, number][] = [
  [0, 4, 5, 1],
  [0, 0, 5, 1],
  [2, 3, 5, 1],
  [4, 12, size, 3],
  [5, 12, size, 2],
  [0, 311, size, 3],
  [0, 312, size, 3],
  [255, 257, size, 1],
  [312, 312, size, 1],
]

test.each(ranges)('from %i to %i', async (from, to, treeSize, checkpoints) => {
  for (const disclose of [false, true]) {
    const verdict = await check(await bundle(from, to, { disclose }))
    expect(verdict.faults).toEqual([])
    expect(verdict).toMatchObject({
      ok: true,
      events: to - from + 1,
      checkpoints,
      servers: [server.address],
      manifest: { from, to, size: treeSize },
    })
    expect(verdict.stations.filter(({ station }) => station === 'anchor_payload')).not.toHaveLength(0)
  }
})

test('side records only where disclosed', async () => {
  const holds = async (target: string) => {
    const texts = await Promise.all(
      (await readdir(target)).map((name) => readFile(join(target, name), 'latin1')),
    )
    return texts.some((text) => text.includes('192.0.2.7'))
  }
  expect(await holds(await bundle(0, 12))).toBe(false)
  expect(await holds(await bundle(0, 12, { disclose: true }))).toBe(true)
})

test('the laws of the protocol are held against the range', async () => {
  const outcomes = async (from: number, to: number) =>
    (await check(await bundle(from, to))).stations
      .filter(({ station }) => station === 'protocol')
      .map(({ outcome }) => outcome)
  expect(await outcomes(0, 12)).toEqual(['proved'])
  // The grant began before.
  expect(await outcomes(7, 12)).toEqual(['proved', 'not_proved'])
  const broken = await copyOf(directory)
  const log = await SampleLedger.open(broken)
  await log.append(streamOf.grant('first'), 5, [{ type: 'code.redeemed' }])
  await log.checkpoints.sign()
  const last = log.ledger.size - 1
  await expect(bundle(0, last, { unanchored: true }, log.storage)).rejects.toThrow(
    `position ${last}: code.redeemed: a code was redeemed on a grant that had ended`,
  )
  await log.ledger.close()
})

test('with a node: whether the blocks are on its chain', async () => {
  const target = await bundle(0, 4)
  const asked = async (transaction: ChainClient['transaction'], best: string) => {
    const chain = {
      endpoint: 'http://node.example',
      transaction,
      blockHashAt: async () => best,
    } as unknown as ChainClient
    const { ok, stations } = await checkBundle(target, { verifyMessage, trusted, chain })
    return [
      ok,
      ...stations.filter(({ station }) => station === 'block_on_chain').map(({ outcome }) => outcome),
    ]
  }
  const { block } = anchorOf((await checkpointsOf(storage))[0]!)
  const place: ChainClient['transaction'] = async (txid) => ({ txid, blockHash: block.hash, blockHeight: 7 })
  expect(await asked(place, block.hash)).toEqual([true, 'proved'])
  expect(await asked(place, '00'.repeat(32))).toEqual([false, 'failed'])
  expect(await asked(async () => undefined, block.hash)).toEqual([false, 'failed'])
  const away = () => Promise.reject(new Error('it is away'))
  expect(await asked(away, block.hash)).toEqual([false, 'failed'])
})

test('what is not there, not anchored, or in the way', async () => {
  await expect(bundle(0, size + 2)).rejects.toMatchObject({ code: 'not_found' })
  await expect(bundle(3, 2)).rejects.toMatchObject({ code: 'not_found' })
  await expect(bundle(0, size)).rejects.toMatchObject({ code: 'not_anchored' })
  const target = await bundle(0, 1)
  const before = await readFile(join(target, 'manifest.json'), 'utf8')
  const again = exportBundle(storage, target, { from: 0, to: 2, verifyMessage })
  await expect(again).rejects.toMatchObject({ code: 'exists' })
  expect(await readFile(join(target, 'manifest.json'), 'utf8')).toBe(before)
  expect((await readdir(folder)).filter((name) => name.includes('.new-'))).toEqual([])
})

const filesOfVersion1 = [
  'manifest.json',
  'records.bin',
  'sides.bin',
  'servers.jsonl',
  'checkpoints.jsonl',
  'anchors.jsonl',
]
const versions: [number, files: string[], make: () => Promise<string>][] = [
  [1, filesOfVersion1, () => bundle(2, 11, { disclose: true })],
  [2, [...filesOfVersion1, 'dropped.jsonl'], bundleWithDrops],
]

/** As the other one, but for seven records that were dropped. */
async function bundleWithDrops(): Promise<string> {
  const dropped = await copyOf(directory)
  await drop(dropped, startMs + 1000_000, { payloadsSeconds: 988 })
  await anchor(dropped)
  return inside(dropped, (storage) => bundle(2, 11, { disclose: true }, storage))
}

describe.each(versions)('version %i, altered', (version, files, make) => {
  let target: string
  beforeAll(async () => {
    target = await make()
  })

  const outcome = async (copy: string) => {
    try {
      return (await check(copy)).ok
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  async function withBytes(name: string, change: (bytes: Buffer) => Buffer) {
    const copy = join(folder, `altered-${count++}`)
    await cp(target, copy, { recursive: true })
    await writeFile(join(copy, name), change(await readFile(join(copy, name))))
    return copy
  }

  test('it has these files', async () => {
    expect((await readdir(target)).sort()).toEqual([...files].sort())
  })

  test.each(files)(
    'any byte of %s',
    async (name) => {
      const original = await readFile(join(target, name))
      const copy = await withBytes(name, (bytes) => bytes)
      expect(await outcome(copy)).toBe(true)
      // Every byte of the manifest, and of the others, which their hashes guard, a spread of them.
      const step = name === 'manifest.json' ? 1 : Math.max(1, Math.floor(original.length / 60))
      for (let at = 0; at < original.length; at += step)
        for (const bit of name === 'manifest.json' ? [0x01] : [0x01, 0x20]) {
          const bytes = Buffer.from(original)
          bytes[at]! ^= bit
          await writeFile(join(copy, name), bytes)
          expect([at, bit, await outcome(copy)]).not.toContain(true)
        }
    },
    120_000,
  )

  // An anchor less is no fault, and the manifest names what it is.
  test.each(files.filter((name) => !['manifest.json', 'anchors.jsonl'].includes(name)))(
    'any byte of %s, the manifest made to fit',
    async (name) => {
      const original = await readFile(join(target, name))
      const copy = await withBytes(name, (bytes) => bytes)
      const manifest = await readFile(join(target, 'manifest.json'), 'utf8')
      const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
      const step = Math.max(1, Math.floor(original.length / 60))
      for (let at = 0; at < original.length; at += step) {
        const bytes = Buffer.from(original)
        bytes[at]! ^= 0x01
        await writeFile(join(copy, name), bytes)
        await writeFile(join(copy, 'manifest.json'), manifest.replace(sha256(original), sha256(bytes)))
        expect([at, await outcome(copy)]).not.toContain(true)
      }
    },
    120_000,
  )

  test('a file too many, a file too few, a shorter file, nothing at all', async () => {
    const more = await withBytes('manifest.json', (bytes) => bytes)
    await writeFile(join(more, 'more'), '')
    expect((await check(more)).faults).toEqual([{ file: 'more', detail: 'it does not belong here' }])
    const fewer = await withBytes('manifest.json', (bytes) => bytes)
    await rm(join(fewer, 'sides.bin'))
    expect((await check(fewer)).faults).toEqual([{ file: 'sides.bin', detail: 'it is missing' }])
    expect(await outcome(await withBytes('records.bin', (bytes) => bytes.subarray(0, -1)))).toBe(false)
    const empty = await temporaryDirectory()
    await expect(check(empty)).rejects.toMatchObject({ code: 'malformed' })
    const later = await withBytes('manifest.json', (bytes) =>
      Buffer.from(bytes.toString().replace(`"version": ${version}`, '"version": 3')),
    )
    await expect(check(later)).rejects.toMatchObject({ code: 'unknown_version' })
  })

  test('another server is known from elsewhere', async () => {
    const other = { serverAddresses: [administrator.address] }
    const { faults } = await checkBundle(target, { verifyMessage, trusted: other })
    expect(faults).toEqual([
      { file: 'records.bin', detail: `position 0: server ${server.address} is not trusted` },
    ])
  })
})

test.each<[string, Buffer, (value: Buffer) => Buffer | undefined]>([
  ['an altered record', eventKey(3), (value) => Buffer.concat([value.subarray(0, -1), Buffer.of(1)])],
  ['a missing record', eventKey(3), () => undefined],
  ['a missing tile', tileKey(0, 0), () => undefined],
  [
    'an altered checkpoint',
    annexKey('checkpoint/0000000000000005'),
    (value) => Buffer.from(value.toString().replace('\n5', '\n6')),
  ],
])('a damaged ledger gives no bundle: %s', async (_, key, change) => {
  const copy = await copyOf(directory)
  await tamper(copy, async (db) => {
    const value = change((await db.get(key))!)
    await (value ? db.put(key, value) : db.del(key))
  })
  const damaged = await openStorage(`${copy}/ledger`)
  await expect(bundle(2, 12, {}, damaged)).rejects.toMatchObject({
    code: expect.stringMatching(/^(damaged|invalid_tile)$/),
  })
  await damaged.close()
  expect((await readdir(folder)).filter((name) => name.includes('.new-'))).toEqual([])
})

test('a subtree where none can begin', () => {
  const tree = new RangeTree()
  tree.append(Buffer.alloc(32))
  expect(() => tree.append(Buffer.alloc(32), 1)).toThrow(RangeError)
})
