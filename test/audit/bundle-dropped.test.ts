/** Bundles of a range of which retention has dropped records: what is left is proved, what is missing is explained. */
import { hash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { decodeManifest, encodeManifest } from '../../src/audit/bundle.ts'
import { type BundleVerdict, checkBundle } from '../../src/audit/bundle-check.ts'
import { type ExportOptions, exportBundle } from '../../src/audit/bundle-export.ts'
import { encodeProven } from '../../src/audit/receipt.ts'
import { provenRecord } from '../../src/audit/receipts.ts'
import { firstAnchoredTree } from '../../src/audit/signed-trees.ts'
import { formatTlogProof, parseTlogProof } from '../../src/audit/tlog-proof.ts'
import { bundleText } from '../../src/bundles.ts'
import { deleteAnnex } from '../../src/ledger/annex.ts'
import { eventKey, sideKey, streamKey } from '../../src/ledger/layout.ts'
import { decodeRecord, encodeRecord } from '../../src/ledger/record.ts'
import type { Range } from '../../src/ledger/storage.ts'
import { encodeEvent } from '../../src/oauth/event-codec.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { payloadsDropped } from '../../src/oauth/retention.ts'
import { hashToken } from '../../src/oauth/token-format.ts'
import { leafHash } from '../../src/tree/hash.ts'
import { type Alterations, altered, atFrame, framesOf, manifestOf } from '../support/altered-bundle.ts'
import { liveAnchored } from '../support/anchored-ledger.ts'
import { anchor, daySeconds, drop, dropIn, inside, sign, withDrop } from '../support/dropped-ledger.ts'
import {
  copyOf,
  liveThrough,
  options,
  startMs,
  template,
  temporaryDirectory,
  token,
  trusted,
} from './support.ts'

const { verifyMessage } = options
const check = (target: string): Promise<BundleVerdict> => checkBundle(target, { verifyMessage, trusted })

let original: string
/** Position 35 drops the grant and the first session, 36 the side record of the second session at 13. */
let once: string
/** Position 37 drops the second session and 20 tokens of a client. */
let twice: string
let folder: string
let count = 0

const wentFirst = [3, 5, 6, 7, 8, 9, 10]
const policy = { payloadsSeconds: 988, sideRecordsSeconds: 500 }

beforeAll(async () => {
  folder = await temporaryDirectory()
  original = await template(async (log) => {
    await liveThrough(log)
    await log.append(streamOf.session('second'), 0, [
      {
        type: 'session.started',
        subject: 'alice-subject',
        cookieHash: hashToken(token('se', 'two')),
        expiresAtSeconds: startMs / 1000 + 3600,
        side: { address: '192.0.2.8', userAgent: 'Browser/2' },
      },
    ])
    await log.append(streamOf.session('second'), 1, [{ type: 'session.ended', reason: 'logout' }])
    await log.issueToClient(20)
    await log.checkpoints.sign()
  })
  once = await copyOf(original)
  expect(await drop(once, startMs + 1000_000, policy)).toMatchObject({ payloads: 7, sideRecords: 2 })
  await anchor(once)
  twice = await copyOf(once)
  expect(await drop(twice)).toMatchObject({ payloads: 22, streams: 21 })
  await anchor(twice)
})

const exported = (directory: string, from: number, to: number, more: Partial<ExportOptions> = {}) =>
  inside(directory, async (storage) => {
    const target = join(folder, `bundle-${count++}`)
    const { dropped } = await exportBundle(storage, target, { from, to, verifyMessage, ...more })
    return { target, dropped }
  })
const bundle = async (...given: Parameters<typeof exported>) => (await exported(...given)).target
const stationsOf = ({ stations }: BundleVerdict) =>
  stations.map(({ station, outcome, detail }) => [station, outcome, detail])

describe('what was dropped is said, and the rest proved', () => {
  test.each([
    ['the event stands behind the range', 0, 12, 7, 37],
    ['the event stands in the range', 0, 36, 7, 37],
    ['nothing but what was dropped', 5, 10, 6, 37],
    ['one dropped record at either end', 3, 10, 7, 37],
  ])('%s', async (_, from, to, dropped, size) => {
    for (const disclose of [false, true]) {
      const { target, dropped: said } = await exported(once, from, to, { disclose })
      const verdict = await check(target)
      expect(verdict.faults).toEqual([])
      const events = to - from + 1 - dropped
      expect(verdict).toMatchObject({ ok: true, events, dropped, manifest: { from, to, size } })
      expect(said).toBe(dropped)
      expect(stationsOf(verdict)).toContainEqual([
        'inclusion',
        'proved',
        `the leaf hashes of ${dropped} records that were dropped by policy, 988 s after they were over, as the event at position 35 says`,
      ])
      expect(stationsOf(verdict)).toContainEqual([
        'record',
        'not_proved',
        `what stood in the ${dropped} records that were dropped`,
      ])
      expect(bundleText(verdict)).toContain(
        `, events: ${events}, dropped by policy: ${dropped}, checkpoints: `,
      )
    }
  })

  test('by several events, of several ages', async () => {
    const verdict = await check(await bundle(twice, 0, 36))
    expect(verdict).toMatchObject({ ok: true, events: 8, dropped: 29, checkpoints: 5 })
    expect(stationsOf(verdict).filter(([station]) => station === 'inclusion')).toEqual([
      ['inclusion', 'proved', expect.stringMatching(/^the leaf hashes of 7 .* 988 s .* position 35 says$/)],
      [
        'inclusion',
        'proved',
        expect.stringMatching(/^the leaf hashes of 22 .* 86400 s .* position 37 says$/),
      ],
    ])
  })

  test('by several events of one age', async () => {
    const directory = await copyOf(original)
    const at = (seconds: number) => startMs + seconds * 1000
    await drop(directory, at(1000), { payloadsSeconds: 988 })
    await drop(directory, at(5000), { payloadsSeconds: 988 })
    await sign(directory)
    const verdict = await check(await bundle(directory, 2, 34, { unanchored: true }))
    expect(verdict).toMatchObject({ ok: true, dropped: 29 })
    expect(stationsOf(verdict)).toContainEqual([
      'inclusion',
      'proved',
      expect.stringMatching(/^the leaf hashes of 29 .*, as 2 events from position 35 to 36 say$/),
    ])
  })

  test('side records that were dropped are not there, those of kept records are', async () => {
    const target = await bundle(once, 0, 14, { disclose: true })
    expect(await check(target)).toMatchObject({ ok: true, dropped: 7 })
    const sides = await readFile(join(target, 'sides.bin'), 'latin1')
    expect(sides).toContain('alice')
    expect(sides).not.toContain('192.0.2.')
  })

  test('the streams that are left are held against the laws: a reference may lead to what was dropped', async () => {
    const sessionGone = (name: string) =>
      withDrop(original, payloadsDropped([3, 10], [name], 60), (batch) => {
        batch.del(sideKey(3))
        for (const [version, position] of [3, 10].entries()) {
          batch.del(eventKey(position))
          batch.del(streamKey(streamOf.session('browser'), version))
        }
      })
    const honest = await sessionGone(streamOf.session('browser'))
    await sign(honest)
    expect(await check(await bundle(honest, 0, 12, { unanchored: true }))).toMatchObject({
      ok: true,
      events: 11,
      dropped: 2,
    })
    const lying = await sessionGone(streamOf.session('another'))
    await sign(lying)
    await expect(bundle(lying, 0, 12, { unanchored: true })).rejects.toThrow(
      'position 5: code.issued refers to version 0 of session:browser, which was not there',
    )
    // What began before the range is not known anyway.
    expect(await check(await bundle(lying, 5, 12, { unanchored: true }))).toMatchObject({
      ok: true,
      dropped: 1,
    })
  })
})

describe('without dropped records nothing has changed', () => {
  test('a bundle is, byte for byte, what version 1 always was', async () => {
    const directory = await template(liveAnchored)
    const target = await bundle(directory, 2, 11, { disclose: true })
    const manifest = await readFile(join(target, 'manifest.json'))
    expect(hash('sha256', manifest)).toBe('fc3c20bf8de1d0e5f6d742465fb7e7648382c6655b8e5cd649c87bc66a674f81')
  })

  test('also where only side records were dropped, or other ranges were', async () => {
    for (const [from, to] of [
      [11, 14],
      [35, 36],
    ] as const) {
      const target = await bundle(once, from, to, { disclose: true })
      expect(await readdir(target)).not.toContain('dropped.jsonl')
      expect(await readFile(join(target, 'manifest.json'), 'utf8')).toContain('"version": 1,')
      expect(await check(target)).toMatchObject({ ok: true, dropped: 0, events: to - from + 1 })
    }
  })

  test('a reader of version 1 alone refuses the others by their version', async () => {
    const text = await readFile(join(await bundle(once, 0, 12), 'manifest.json'), 'utf8')
    expect(JSON.parse(text)).toMatchObject({ version: 2 })
    const unlike = (from: string, to: string) => () => decodeManifest(text.replace(from, to))
    expect(unlike('"version": 2', '"version": 1')).toThrow('is not written as this program writes it')
    expect(unlike('"version": 2', '"version": 3')).toThrow(
      'version 3 of a coinstack-signon bundle is not known to this program, which reads version 1 and 2',
    )
    expect(unlike('"dropped.jsonl"', '"droppings.jsonl"')).toThrow('unknown member "droppings.jsonl"')
  })
})

test('what says so is not anchored yet: no bundle, and why', async () => {
  const directory = await copyOf(twice)
  await inside(directory, async (storage) => {
    await deleteAnnex(storage, 'anchor/0000000000000038')
  })
  await expect(bundle(directory, 0, 20)).rejects.toMatchObject({
    code: 'not_anchored',
    message:
      'records of the range were dropped by policy, and the event that says so is to be proved too: the event at position 37 is not yet anchored: no anchor behind it stands in a block; wait for one, or take --unanchored',
  })
  expect((await readdir(folder)).filter((name) => name.includes('.new-'))).toEqual([])
  expect(await check(await bundle(directory, 0, 20, { unanchored: true }))).toMatchObject({ dropped: 15 })
  expect(await check(await bundle(directory, 0, 12))).toMatchObject({ ok: true, dropped: 7 })
})

test('what a running server drops meanwhile is in the bundle as it was, or dropped', async () => {
  const directory = await copyOf(once)
  await inside(directory, async (storage) => {
    let isOver = false
    const reader = Object.create(storage, {
      entries: {
        async *value(range: Range) {
          yield* storage.entries(range)
          const isOfRecords = range.gte.equals(eventKey(0)) && !isOver
          if (!isOfRecords) return
          isOver = true
          expect(await dropIn(storage)).toMatchObject({ payloads: 22 })
        },
      },
    })
    const target = join(folder, 'meanwhile')
    expect(
      await exportBundle(reader, target, { from: 0, to: 20, verifyMessage, disclose: true }),
    ).toMatchObject({
      dropped: 7,
    })
    expect(isOver).toBe(true)
    expect(await check(target)).toMatchObject({ ok: true, events: 14, dropped: 7 })
  })
})

describe('a ledger that dropped what it may not gives no bundle', () => {
  test.each<[string, number[], string[], number, RegExp]>([
    ['younger than it says', [3, 10], ['session:browser'], 30 * daySeconds, /drop.*not 2592000 s old/],
    [
      'only a part of a stream',
      [9],
      ['grant:first'],
      60,
      /stream grant:first was dropped at 35, but not all/,
    ],
    [
      'not before the event',
      [9, 60],
      ['grant:first'],
      60,
      /the event at 35 drops what does not stand before it/,
    ],
  ])('%s', async (_, positions, streams, age, why) => {
    const copy = await withDrop(original, payloadsDropped(positions, streams, age), (batch) => {
      for (const position of positions) batch.del(eventKey(position))
    })
    await sign(copy)
    // The last position that went lies in the range, or behind it.
    for (const to of [12, 9])
      await expect(bundle(copy, 0, to, { unanchored: true })).rejects.toMatchObject({
        code: 'damaged',
        message: expect.stringMatching(why),
      })
  })

  test('a record that somebody removed by hand, alone or beside others that were dropped', async () => {
    for (const directory of [original, once]) {
      const copy = await copyOf(directory)
      await inside(copy, async (storage) => {
        const batch = storage.batch()
        batch.del(eventKey(11))
        await batch.write()
      })
      await expect(bundle(copy, 0, 12, { unanchored: true })).rejects.toMatchObject({
        code: 'damaged',
        message: expect.stringContaining(
          'position 11: there is no record, and no event says that it was dropped',
        ),
      })
    }
  })
})

describe('altered, and the manifest made to fit', () => {
  /** Positions 0 to 20: dropped are seven by the event at 35, two and six by that at 37. */
  let target: string
  /** Lines of `dropped.jsonl`. */
  let lines: string[]
  const faultsOf = async (changes: Alterations, of = target) =>
    (await check(await altered(of, changes))).faults.map(({ file, detail }) => `${file}: ${detail}`)
  const linesOf = async (of: string) =>
    (await readFile(join(of, 'dropped.jsonl'), 'utf8')).split('\n').filter((line) => line !== '')
  const dropped = (...some: string[]) => ({
    'dropped.jsonl': () => Buffer.from(some.map((line) => `${line}\n`).join('')),
  })
  const parsed = (line: string) => JSON.parse(line) as { record: string; proof: string }
  const missing = (position: number) =>
    `records.bin: position ${position}: there is no record, and no event says that it was dropped`

  beforeAll(async () => {
    target = await bundle(twice, 0, 20, { disclose: true })
    lines = await linesOf(target)
    expect(lines).toHaveLength(2)
    expect(await faultsOf({})).toEqual([])
  })

  test('a leaf hash', async () => {
    const faults = await faultsOf({
      'records.bin': atFrame(6, (leaf) => ({ leaf: leafHash(leaf) })),
    })
    expect(faults[0]).toBe('checkpoints.jsonl: the checkpoint of 13 events has another root than the records')
  })

  test('a record that is there, removed and declared as dropped', async () => {
    const gone = atFrame(11, (record) => ({ leaf: leafHash(record) }))
    const faults = await faultsOf({ 'records.bin': gone })
    expect(faults).toEqual([
      'sides.bin: a side record of position 11 is left over',
      missing(11),
      'records.bin: position 12: user:bob-subject begins with version 1',
    ])
  })

  test('a record put back in its place, though it was dropped', async () => {
    const whole = framesOf(
      await readFile(join(await bundle(original, 0, 20, { unanchored: true }), 'records.bin')),
    )
    const faults = await faultsOf({ 'records.bin': atFrame(15, () => whole[15]!) })
    expect(faults).toContain('records.bin: position 15: the record is there, though it was dropped')
    expect(faults).toContain(
      'records.bin: position 15: stream grant:own-0 was dropped at 37, but not all of it',
    )
  })

  test('a leaf hash in a bundle of version 1', async () => {
    const whole = await bundle(original, 0, 12, { unanchored: true })
    const faults = await faultsOf(
      { 'records.bin': atFrame(6, (record) => ({ leaf: leafHash(record) })) },
      whole,
    )
    expect(faults).toContain(missing(6))
    expect(await faultsOf({ 'dropped.jsonl': () => undefined })).toEqual(
      [...wentFirst, 13, 14, 15, 16, 17, 18, 19, 20].map(missing),
    )
  })

  test('an event that says so, left out or replaced by another', async () => {
    expect(await faultsOf(dropped(lines[1]!))).toEqual(wentFirst.map(missing))
    const [first] = await linesOf(await bundle(once, 0, 12))
    expect(parsed(first!).record).toBe(parsed(lines[0]!).record)
    expect((await faultsOf(dropped(first!, lines[1]!)))[0]).toBe(
      'dropped.jsonl: line 1 is not of the covering tree',
    )
    const ofTokens = await bundle(twice, 15, 20)
    expect(await faultsOf(dropped(lines[0]!), ofTokens)).toEqual([
      'dropped.jsonl: the event at 35 dropped nothing of this range',
      ...[15, 16, 17, 18, 19, 20].map(missing),
    ])
    expect((await faultsOf(dropped(...lines), ofTokens))[0]).toContain('dropped nothing of this range')
  })

  test('twice, out of order, none at all, another event', async () => {
    const first = async (...some: string[]) => (await faultsOf(dropped(...some)))[0]
    expect(await first(lines[0]!, lines[0]!, lines[1]!)).toBe(
      'dropped.jsonl: the event at 35 does not stand behind that at 35',
    )
    expect(await first(...lines.toReversed())).toBe(
      'dropped.jsonl: the event at 35 does not stand behind that at 37',
    )
    expect(await first()).toBe('dropped.jsonl: it says of nothing that it was dropped')
    const server = (await readFile(join(target, 'servers.jsonl'), 'utf8')).trim()
    expect(await first(server)).toBe('dropped.jsonl: the event at 0 drops no records')
    const sides = await inside(twice, async (storage) =>
      encodeProven(await provenRecord(storage, 36, (await firstAnchoredTree(storage, 37))!, false)),
    )
    expect(await first(lines[0]!, JSON.stringify(sides))).toBe(
      'dropped.jsonl: the event at 36 drops no records',
    )
  })

  test('of another log', async () => {
    const other = await template(async (log) => {
      await liveThrough(log)
      await log.issueToClient(22, 'other')
      await log.checkpoints.sign()
    })
    await drop(other, startMs + 1000_000, policy)
    await sign(other)
    const [line] = await linesOf(await bundle(other, 0, 12, { unanchored: true }))
    expect((await faultsOf(dropped(line!, lines[1]!)))[0]).toBe(
      'dropped.jsonl: line 1 is not of the covering tree',
    )
    const { record, proof } = parsed(line!)
    const { checkpoint } = parseTlogProof(parsed(lines[0]!).proof)
    const inOurs = JSON.stringify({
      record,
      proof: formatTlogProof({ ...parseTlogProof(proof), checkpoint }),
    })
    expect((await faultsOf(dropped(inOurs, lines[1]!)))[0]).toMatch(/^dropped.jsonl: .*(path|root|proof)/)
  })

  test('what the event names: its positions, its streams, its age', async () => {
    const { record, proof } = parsed(lines[0]!)
    const told = decodeRecord(Buffer.from(record, 'base64'))
    const streams = [streamOf.grant('first'), streamOf.session('browser')]
    for (const event of [
      payloadsDropped([...wentFirst, 11], streams, 988),
      payloadsDropped(wentFirst, [streamOf.grant('first')], 988),
      payloadsDropped(wentFirst, streams, 1),
    ]) {
      const bytes = encodeRecord({ ...told, body: Buffer.from(encodeEvent(event).body) })
      const line = JSON.stringify({ record: bytes.toString('base64'), proof })
      expect((await faultsOf(dropped(line, lines[1]!)))[0]).toMatch(/^dropped.jsonl: .*(path|root|proof)/)
    }
    // It is not the encoding that is found.
    const bytes = encodeRecord({
      ...told,
      body: Buffer.from(encodeEvent(payloadsDropped(wentFirst, streams, 988)).body),
    })
    expect(bytes.toString('base64')).toBe(record)
  })

  test('a range that nobody could have written ends at once', async () => {
    const manifest = await manifestOf(target)
    const copy = await altered(target, {})
    await writeFile(join(copy, 'manifest.json'), encodeManifest({ ...manifest, to: 2 ** 50, size: 2 ** 51 }))
    expect((await check(copy)).faults).toEqual([
      { file: 'records.bin', detail: `it is too short for positions 0 to ${2 ** 50}` },
    ])
  })

  test('whatever stands in dropped.jsonl: faults, and nothing is thrown', async () => {
    const near = fc.constantFrom(
      ...lines,
      ...lines.flatMap((line) => [line.slice(0, -1), ` ${line}`, `[${line}]`]),
    )
    const members = fc.record(
      {
        record: fc.oneof(fc.base64String(), fc.constant(parsed(lines[0]!).record)),
        proof: fc.oneof(fc.string(), fc.constant(parsed(lines[1]!).proof)),
      },
      { requiredKeys: [] },
    )
    const line = fc.oneof(
      near,
      fc.json(),
      fc.string({ unit: 'binary' }),
      members.map((it) => JSON.stringify(it)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 4 }), async (some) => {
        const { faults } = await check(await altered(target, dropped(...some)))
        const isSame = some.length === lines.length && some.every((it, i) => it.trim() === lines[i])
        expect(faults.length === 0).toBe(isSame)
      }),
      { numRuns: 60 },
    )
  })
})
