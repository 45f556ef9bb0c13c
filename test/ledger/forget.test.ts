/** What was deleted or replaced is gone from LevelDB's files too, wherever compactions had carried it before. */
import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { rowKey, sideKey } from '../../src/ledger/layout.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import { filesHolding, temporaryFolder } from '../support/ledger.ts'

const secret = 'the-name-that-must-go'
const side = sideKey(1000)
const row = rowKey(Buffer.from('suser:somebody'))

async function open(folder = temporaryFolder()): Promise<{ storage: Storage; folder: string }> {
  const storage = await openStorage(folder)
  onTestFinished(() => storage.close())
  return { storage, folder }
}

async function write(storage: Storage, entries: [key: Buffer, value: Buffer | undefined][]): Promise<void> {
  const batch = storage.batch()
  for (const [key, value] of entries) {
    if (value) batch.put(key, value)
    else batch.del(key)
  }
  await batch.write()
}

/** Entries on both sides of the two keys, as many as make LevelDB write files of its own accord. */
const fill = (storage: Storage, count: number) =>
  write(
    storage,
    Array.from({ length: count }, (_, i) => [
      i % 2 ? sideKey(i) : rowKey(Buffer.from(`suser:${i}`)),
      i === 1000 ? randomBytes(8) : randomBytes(1024),
    ]),
  )

const put = (storage: Storage) =>
  write(storage, [
    [side, Buffer.from(`${randomBytes(40).toString('hex')}${secret}`)],
    [row, Buffer.from(`${secret}${randomBytes(40).toString('hex')}`)],
  ])
const erase = (storage: Storage) =>
  write(storage, [
    [side, undefined],
    [row, Buffer.from('nobody')],
  ])

const lives: [string, (storage: Storage) => Promise<void>][] = [
  ['in the write-ahead log', async () => {}],
  ['in a file of its own', (storage) => storage.reopen()],
  [
    'in a lower level, under newer files',
    async (storage) => {
      for (let round = 0; round < 3; round++) await fill(storage, 20_000)
      await storage.reopen()
    },
  ],
  [
    'already compacted once',
    async (storage) => {
      await fill(storage, 5000)
      await storage.forget([side, row])
      await fill(storage, 5000)
    },
  ],
]

test.each(lives)('%s', async (_, live) => {
  const { storage, folder } = await open()
  await put(storage)
  await live(storage)
  await put(storage)
  expect(filesHolding(folder, secret)).not.toEqual([])
  await erase(storage)
  expect(filesHolding(folder, secret)).not.toEqual([])
  expect(await storage.forget([side, row])).toBe(true)
  expect(filesHolding(folder, secret)).toEqual([])
  expect(storage.get(row)?.toString()).toBe('nobody')
  expect(storage.get(side)).toBeUndefined()
})

test('erased and put down to a file in one go', async () => {
  const { storage, folder } = await open()
  await put(storage)
  await erase(storage)
  await storage.reopen()
  await storage.reopen()
  await storage.forget([side, row])
  expect(filesHolding(folder, secret)).toEqual([])
})

test('neighbours stay what they are', async () => {
  const { storage } = await open()
  const near = [
    sideKey(999),
    sideKey(1001),
    rowKey(Buffer.from('suser:somebod')),
    rowKey(Buffer.from('suser:somebodx')),
    rowKey(Buffer.from('suser:somebodz')),
    rowKey(Buffer.from('suser:somebodya')),
  ]
  await write(
    storage,
    near.map((key) => [key, Buffer.from('stays')]),
  )
  await put(storage)
  await erase(storage)
  await storage.forget([side, row])
  expect(near.map((key) => storage.get(key)?.toString())).toEqual(near.map(() => 'stays'))
})

test('a reader that had begun before is told of, and gone once it has ended', async () => {
  const { storage, folder } = await open()
  await put(storage)
  const reader = storage.entries({ gte: Buffer.from('a'), lt: Buffer.from('z') })[Symbol.asyncIterator]()
  await reader.next()
  await erase(storage)
  expect(await storage.forget([side, row])).toBe(false)
  expect(filesHolding(folder, secret)).not.toEqual([])
  await reader.return?.()
  expect(await storage.forget([side, row])).toBe(true)
  expect(filesHolding(folder, secret)).toEqual([])
})

test('a reader that ends meanwhile is waited for', async () => {
  const { storage, folder } = await open()
  await put(storage)
  const reader = storage.entries({ gte: Buffer.from('a'), lt: Buffer.from('z') })[Symbol.asyncIterator]()
  await reader.next()
  await erase(storage)
  const forgotten = storage.forget([side, row])
  await reader.return?.()
  expect(await forgotten).toBe(true)
  expect(filesHolding(folder, secret)).toEqual([])
})
