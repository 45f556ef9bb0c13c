/** Hashing in a thread of its own: the same verdict, word for word, as without it. */
import { randomBytes } from 'node:crypto'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { bucketOf, type Comparison, EntryComparison } from '../../src/audit/entry-comparison.ts'
import { HashThread } from '../../src/audit/hash-thread.ts'
import { eventKey, rangeOf, rowKey, streamKey } from '../../src/ledger/layout.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { leafHash } from '../../src/tree/hash.ts'
import { copyOf, lifeEvents, liveThrough, server, tamper, template, verify } from './support.ts'

let original: string

beforeAll(async () => {
  original = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(600)
    await log.checkpoints.sign()
  })
})

function openThread(): HashThread {
  const thread = new HashThread()
  onTestFinished(() => thread.close())
  return thread
}

test('a whole log, and one with faults of every part', async () => {
  const bothWays = async (directory: string) => {
    const [alone, threaded] = [
      await verify(directory, { hashThread: false }),
      await verify(directory, { hashThread: true }),
    ]
    expect(threaded).toEqual(alone)
    return threaded
  }
  expect((await bothWays(original)).ok).toBe(true)
  const copy = await copyOf(original)
  await tamper(copy, async (db) => {
    const record = Buffer.from((await db.get(eventKey(lifeEvents + 3)))!)
    record[record.length - 1]! ^= 1
    await db.put(eventKey(lifeEvents + 3), record)
    await db.put(Buffer.from('e of another length'), Buffer.from('x'))
    await db.del(streamKey(streamOf.server(server.address), 0))
  })
  expect((await bothWays(copy)).faults.map(({ kind }) => kind)).toEqual([
    'index_missing',
    'record_altered',
    'entry_unexpected',
  ])
  const rows = await copyOf(original)
  await tamper(rows, async (db) => {
    for await (const key of db.keys({ ...rangeOf('row'), limit: 1 }))
      await db.put(key, Buffer.from('another'))
    await db.put(rowKey(Buffer.from('t of no event')), Buffer.from('x'))
  })
  expect((await bothWays(rows)).faults.map(({ kind }) => kind)).toEqual(['row_altered', 'row_unexpected'])
})

test('comparisons of many entries, two at a time, and values larger than a message', async () => {
  const thread = openThread()
  const comparisons = [thread.comparison(), thread.comparison()] as const
  const alone = new EntryComparison()
  const large = randomBytes(300_000)
  const odd = Buffer.from('found only')
  const all: Comparison[] = [...comparisons, alone]
  for (const comparison of all) {
    for (let i = 0; i < 40_000; i++) {
      const [key, value] = [Buffer.from(`key ${i}`), Buffer.from(`value ${i}`)]
      comparison.expect(key, value)
      comparison.found(key, value)
      await comparison.relieved?.()
    }
    comparison.expect(Buffer.from('large'), large)
    comparison.found(Buffer.from('large'), large)
    comparison.expect(Buffer.from('taken back'), large)
    comparison.unexpect(Buffer.from('taken back'), large)
  }
  comparisons[1].found(odd, large)
  alone.found(odd, large)
  expect([...(await comparisons[0].differing())]).toEqual([])
  expect([...(await comparisons[1].differing())]).toEqual([bucketOf(odd)])
  expect([...alone.differing()]).toEqual([bucketOf(odd)])
})

test('leaf hashes of records of any length, and of those that are missing', async () => {
  const records = [randomBytes(300), undefined, Buffer.alloc(0), randomBytes(5000), randomBytes(1)]
  const leaves = await openThread().leavesOf(records)
  expect(leaves.map((leaf) => leaf?.toString('hex'))).toEqual(
    records.map((record) => record && leafHash(record).toString('hex')),
  )
})

test('a thread that is gone fails who waits for it', async () => {
  const thread = openThread()
  const waiting = thread.leavesOf([randomBytes(1)])
  const closed = thread.close()
  await expect(waiting).rejects.toThrow('ended')
  await closed
  await expect(thread.leavesOf([randomBytes(1)])).rejects.toThrow('ended')
})
