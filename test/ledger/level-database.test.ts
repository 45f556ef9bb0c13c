import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { LevelDatabase } from '../../src/ledger/level-database.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { temporaryFolder } from '../support/ledger.ts'

setFlagsFromString('--expose-gc')
const collectYoung: (options: { type: 'minor' }) => void = runInNewContext('gc')

async function openDatabase(): Promise<LevelDatabase> {
  const db = new LevelDatabase(temporaryFolder(), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await db.open()
  onTestFinished(() => db.close())
  return db
}

test('what has been detached goes with the young, however old the database is', async () => {
  const db = await openDatabase()
  const bytes = 1 << 20
  const resource = () => ({
    held: new ArrayBuffer(bytes),
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  })
  let present = resource()
  db.attachResource(present)
  for (let i = 0; i < 4; i++) collectYoung({ type: 'minor' })
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 200; i++) {
    const next = resource()
    db.attachResource(next)
    db.detachResource(present)
    present = next
    if (i % 10 === 0) collectYoung({ type: 'minor' })
  }
  for (let i = 0; i < 4; i++) collectYoung({ type: 'minor' })
  db.detachResource(present)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * bytes)
})

test('closing ends what is open, and so does closing after it was opened again', async () => {
  const db = await openDatabase()
  for (let round = 0; round < 2; round++) {
    const key = Buffer.of(1)
    await db.put(key, key)
    const batch = db.batch().put(key, key)
    const iterator = db.iterator()
    await iterator.next()
    await db.close()
    expect(() => batch.put(key, key)).toThrow(expect.objectContaining({ code: 'LEVEL_BATCH_NOT_OPEN' }))
    await expect(iterator.next()).rejects.toMatchObject({ code: 'LEVEL_ITERATOR_NOT_OPEN' })
    await db.open()
  }
})

test('an empty value is read as such and stored as one byte; that byte alone is no value', async () => {
  const folder = temporaryFolder()
  const storage = await openStorage(folder)
  const [key, other] = [Buffer.from('ra'), Buffer.from('rb')]
  const batch = storage.batch()
  batch.put(key, Buffer.alloc(0))
  batch.put(other, Buffer.of(1))
  expect(() => batch.put(other, Buffer.of(0))).toThrow(RangeError)
  await batch.write()
  expect([storage.get(key), storage.get(other)]).toEqual([Buffer.alloc(0), Buffer.of(1)])
  const range = { gte: key, lt: Buffer.from('rc') }
  for await (const values of storage.valueLists(range))
    expect(values).toEqual([Buffer.alloc(0), Buffer.of(1)])
  for await (const [, value] of storage.entries({ ...range, limit: 1 }))
    expect(value).toEqual(Buffer.alloc(0))
  await storage.close()
  const raw = new LevelDatabase(folder, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await raw.open()
  onTestFinished(() => raw.close())
  expect(await raw.get(key)).toEqual(Buffer.of(0))
})
