/** One contract for a storage, over LevelDB alone and with segments beside it, whenever what moves into them. */
import { mkdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventKey, rowKey, sideKey, streamKey } from '../../../src/ledger/layout.ts'
import { layOver, type SegmentedStorage } from '../../../src/ledger/segments/segmented-storage.ts'
import { type Registration, registrationEntry } from '../../../src/ledger/segments/segments.ts'
import { writeSegment } from '../../../src/ledger/segments/write-segment.ts'
import { openStorage, type Range, type Storage } from '../../../src/ledger/storage.ts'
import { temporaryFolder } from '../../support/ledger.ts'
import { placesIn } from '../../support/sealing.ts'

interface Subject {
  storage(): Storage
  /** Moves entries out of LevelDB, as many as the choice names, with the next few events. */
  move(chosen: (key: Buffer) => boolean): Promise<void>
  reopen(): Promise<void>
}

async function plain(): Promise<Subject> {
  const storage = await openStorage(temporaryFolder())
  onTestFinished(() => storage.close())
  return { storage: () => storage, move: async () => {}, reopen: () => storage.reopen() }
}

const eventsEach = 4

async function segmented(): Promise<Subject> {
  const { ledger, segments: folder } = placesIn(temporaryFolder())
  mkdirSync(folder)
  let storage: SegmentedStorage = await layOver(await openStorage(ledger), folder)
  onTestFinished(() => storage.close())
  return {
    storage: () => storage,
    async reopen() {
      await storage.close()
      storage = await layOver(await openStorage(ledger), folder)
    },
    async move(chosen) {
      const { hot, segments } = storage
      const first = segments.end
      const last = first + eventsEach - 1
      const [from, behind] = [eventKey(first), eventKey(last + 1)]
      const isOfIt = (key: Buffer) => key.compare(from) >= 0 && key.compare(behind) < 0
      const entries: [Buffer, Buffer][] = []
      for await (const [key, value] of hot.entries({ gte: Buffer.from('e'), lt: Buffer.from('t') }))
        if (key[0] === 0x65 ? isOfIt(key) : chosen(key)) entries.push([key, value])
      const content = { first, last, mostFilterParts: entries.length, entries: once(entries) }
      const { sha256, rawBytes } = await writeSegment(folder, content)
      const registration: Registration = {
        version: 1,
        first,
        last,
        entries: entries.length,
        rawBytes,
        fileBytes: 0,
        sha256: sha256.toString('hex'),
        streams: 0,
        isCleared: true,
      }
      segments.adopt({ registration, file: segments.openFile(registration) })
      const batch = hot.batch()
      batch.put(...registrationEntry(registration))
      for (const [key] of entries) batch.del(key)
      await batch.write()
    },
  }
}

async function* once<T>(list: T): AsyncGenerator<T> {
  yield list
}

/** Few keys of every kind, so that they meet again. */
const keys: Buffer[] = [
  ...Array.from({ length: 24 }, (_, i) => eventKey(i)),
  ...['a', 'ab', 'b'].flatMap((stream) => [0, 1, 255, 256].map((version) => streamKey(stream, version))),
  ...['sa', 'sab', 'tx', 'hcx\0', 'u'].map((row) => rowKey(Buffer.from(row))),
  ...[0, 300].map(sideKey),
  Buffer.from('aname'),
]
const anyKey = fc.constantFrom(...keys)
/** The byte 00 alone stands for an empty value. */
const anyValue = fc.uint8Array({ maxLength: 40 }).filter((value) => value.length !== 1 || value[0] !== 0)
const anyStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ put: anyKey, value: anyValue }) },
  { weight: 2, arbitrary: fc.record({ del: anyKey }) },
  { weight: 2, arbitrary: fc.record({ move: fc.integer({ min: 0, max: 255 }) }) },
  { weight: 1, arbitrary: fc.constant({ reopen: true as const }) },
)
const anyRange: fc.Arbitrary<Range> = fc
  .tuple(anyKey, anyKey, fc.boolean(), fc.option(fc.integer({ min: 1, max: 5 })))
  .map(([gte, lt, reverse, limit]) => ({ gte, lt, reverse, ...(limit !== null && { limit }) }))

describe.each([
  ['LevelDB', plain],
  ['LevelDB and segments', segmented],
])('%s', (_, open) => {
  test('law: it is a sorted map', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyStep, { minLength: 20, maxLength: 60, size: 'max' }),
        fc.array(anyRange),
        async (steps, ranges) => {
          const subject = await open()
          const model = new Map<string, string>()
          for (const step of steps) {
            if ('move' in step) await subject.move((key) => ((key.at(-1)! ^ step.move) & 1) === 0)
            else if ('reopen' in step) await subject.reopen()
            else {
              const batch = subject.storage().batch()
              if ('put' in step) batch.put(step.put, Buffer.from(step.value))
              else batch.del(step.del)
              await batch.write()
              if ('put' in step) model.set(step.put.toString('hex'), Buffer.from(step.value).toString('hex'))
              else model.delete(step.del.toString('hex'))
            }
          }
          const storage = subject.storage()
          for (const key of keys)
            expect(storage.get(key)?.toString('hex')).toBe(model.get(key.toString('hex')))
          const everything: Range = { gte: Buffer.alloc(0), lt: Buffer.alloc(2, 0xff) }
          for (const range of [everything, { ...everything, reverse: true }, ...ranges]) {
            const found: [string, string][] = []
            for await (const [key, value] of storage.entries(range))
              found.push([key.toString('hex'), value.toString('hex')])
            const values: string[] = []
            for await (const list of storage.valueLists!(range))
              for (const value of list) values.push(value.toString('hex'))
            expect(values).toEqual(found.map(([, value]) => value))
            const [gte, lt] = [range.gte.toString('hex'), range.lt.toString('hex')]
            const right = [...model]
              .filter(([key]) => key >= gte && key < lt)
              .sort(([a], [b]) => (a < b ? -1 : 1))
            expect(found).toEqual((range.reverse ? right.reverse() : right).slice(0, range.limit))
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a range ends at any byte, for who reads its values alone too', async () => {
    const { storage } = await open()
    const keyOf = (last: number) => Buffer.from([0x65, 0xc3, last])
    const batch = storage().batch()
    for (let last = 0; last < 256; last++) batch.put(keyOf(last), Buffer.of(last, 1))
    await batch.write()
    for (let end = 0; end < 256; end++) {
      const range = { gte: keyOf(end >> 1), lt: keyOf(end) }
      const values: number[] = []
      for await (const list of storage().valueLists!(range)) for (const [value] of list) values.push(value!)
      expect(values).toEqual(Array.from({ length: end - (end >> 1) }, (_, i) => (end >> 1) + i))
    }
  })

  test('a snapshot is that of its beginning, whatever moves or is deleted meanwhile', async () => {
    const subject = await open()
    const some = keys.slice(0, 30)
    const write = async (change: (batch: ReturnType<Storage['batch']>) => void) => {
      const batch = subject.storage().batch()
      change(batch)
      await batch.write()
    }
    await write((batch) => some.forEach((key) => void batch.put(key, Buffer.from('before'))))
    await subject.move(() => true)
    const entries = subject.storage().entries({ gte: Buffer.from('e'), lt: Buffer.from('t') })
    const iterator = entries[Symbol.asyncIterator]()
    const first = await iterator.next()
    await subject.move(() => true)
    await write((batch) => some.forEach((key) => void batch.del(key)))
    await write((batch) => void batch.put(some[5]!, Buffer.from('after')))
    let count = first.done ? 0 : 1
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      expect(next.value[1].toString()).toBe('before')
      count++
    }
    expect(count).toBe(some.length)
    expect(subject.storage().get(some[5]!)?.toString()).toBe('after')
    expect(subject.storage().get(some[0]!)).toBeUndefined()
  })
})
