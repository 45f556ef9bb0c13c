import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { LevelDatabase } from '../../src/ledger/level-database.ts'
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
