/** Read models folded anew: whatever was done to the rows, afterwards they are those of the events. */
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Level } from 'level'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ThreadSource } from '../../src/audit/audit-threads.ts'
import { type RebuiltRows, rebuildRows } from '../../src/audit/rebuild.ts'
import { auditThreads } from '../../src/audit-thread.ts'
import { rangeOf, rowKey, sideKey } from '../../src/ledger/layout.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { stateRowKey, usernameRowKey } from '../../src/projections/rows.ts'
import { copyOf, lifeEvents, liveThrough, signed, startMs, tamper, template, verify } from './support.ts'

let directory: string
beforeAll(async () => {
  directory = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(300)
  })
})

const scratchOf = (copy: string) => join(copy, 'ledger.rebuild')

async function rebuild(
  copy: string,
  wrap = (storage: Storage) => storage,
  threads?: ThreadSource,
): Promise<RebuiltRows> {
  const storage = await openStorage(join(copy, 'ledger'))
  try {
    return await rebuildRows(wrap(storage), scratchOf(copy), { threads })
  } finally {
    await storage.close()
  }
}

async function rowsOf(copy: string): Promise<string[]> {
  const storage = await openStorage(join(copy, 'ledger'))
  const rows: string[] = []
  for await (const [key, value] of storage.entries(rangeOf('row')))
    rows.push(`${key.toString('hex')} ${value.toString('hex')}`)
  await storage.close()
  return rows
}

const state = (stream: string) => rowKey(stateRowKey(stream))
const events = lifeEvents + 300

type Tampering = (db: Level<Buffer, Buffer>) => Promise<unknown>
const tamperings: [string, Tampering, Omit<RebuiltRows, 'events'>][] = [
  ['nothing', async () => {}, { added: 0, altered: 0, removed: 0 }],
  ['a row is missing', (db) => db.del(state('grant:first')), { added: 1, altered: 0, removed: 0 }],
  [
    'a row is another one',
    (db) => db.put(state('user:alice-subject'), Buffer.from('x')),
    { added: 0, altered: 1, removed: 0 },
  ],
  [
    'a row follows from no event',
    (db) => db.put(rowKey(usernameRowKey('mallory')), Buffer.from('alice-subject')),
    { added: 0, altered: 0, removed: 1 },
  ],
  ['all rows are gone', (db) => db.clear(rangeOf('row')), { added: -1, altered: 0, removed: 0 }],
]

describe('rebuild after', () => {
  test.each(tamperings)('%s', async (_, act, expected) => {
    const copy = await copyOf(directory)
    await tamper(copy, act)
    const rows = await rowsOf(directory)
    const added = expected.added < 0 ? rows.length : expected.added
    expect(await rebuild(copy)).toEqual({ events, ...expected, added })
    expect(await rowsOf(copy)).toEqual(rows)
    expect(await verify(copy)).toMatchObject({ ok: true, unchecked: [] })
    expect(existsSync(scratchOf(copy))).toBe(false)
  })

  test.each(tamperings)('%s, with a thread that reads the rows', async (_, act) => {
    const [copy, other] = [await copyOf(directory), await copyOf(directory)]
    for (const each of [copy, other]) await tamper(each, act)
    const threads = auditThreads({ ledger: join(copy, 'ledger'), segments: join(copy, 'segments') })!
    expect(await rebuild(copy, undefined, { ...threads, leastEvents: 0 })).toEqual(await rebuild(other))
    expect(await rowsOf(copy)).toEqual(await rowsOf(directory))
  })

  test('it was broken off at any write, and done again', async () => {
    for (let writes = 0; writes < 2; writes++) {
      const copy = await copyOf(directory)
      await tamper(copy, (db) => db.clear(rangeOf('row')))
      const breaking = (storage: Storage): Storage => {
        let left = writes
        return Object.assign(Object.create(storage), {
          batch() {
            const batch = storage.batch()
            return {
              ...batch,
              write: () => (left-- > 0 ? batch.write() : Promise.reject(new Error('broken off'))),
            }
          },
          forget: () => Promise.reject(new Error('broken off')),
        })
      }
      await expect(rebuild(copy, breaking)).rejects.toThrow('broken off')
      await rebuild(copy)
      expect(await rowsOf(copy)).toEqual(await rowsOf(directory))
    }
  })

  test('a scratch folder that a dead process left', async () => {
    const copy = await copyOf(directory)
    await mkdir(scratchOf(copy))
    await writeFile(join(scratchOf(copy), 'CURRENT'), 'nothing')
    expect(await rebuild(copy)).toMatchObject({ added: 0, altered: 0, removed: 0 })
    expect(readdirSync(copy).sort()).toEqual(['checkpoint', 'ledger'])
  })

  test('an erasure: the name does not come back', async () => {
    const copy = await template(async (log) => {
      await liveThrough(log)
      const stream = streamOf.user('alice-subject')
      const erased = {
        type: 'user.erased',
        subject: 'alice-subject',
        signedAtSeconds: startMs / 1000,
        signature: '',
      } as const
      await log.append(stream, 1, [signed(erased, stream, 1)], { erase: [2, 3] })
    })
    expect(await verify(copy)).toMatchObject({ ok: true, erased: 2 })
    expect(await rebuild(copy)).toMatchObject({ added: 0, altered: 0, removed: 0 })
    const name = rowKey(usernameRowKey('alice'))
    await tamper(copy, (db) => db.put(name, Buffer.from('alice-subject')))
    expect(await rebuild(copy)).toMatchObject({ added: 0, altered: 0, removed: 1 })
    await tamper(copy, async (db) => {
      expect(await db.get(name)).toBeUndefined()
      expect(await db.get(sideKey(2))).toBeUndefined()
    })
    expect(await verify(copy)).toMatchObject({ ok: true, erased: 2 })
  })
})
