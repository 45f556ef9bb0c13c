import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeEvent } from '../../src/audit/describe-event.ts'
import { type HistorySubject, historyOf } from '../../src/audit/history.ts'
import { publicEvent } from '../../src/audit/public-event.ts'
import { eventKey, sideKey } from '../../src/ledger/layout.ts'
import { readEvents } from '../../src/ledger/reader.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import type { Recorded } from '../../src/oauth/events.ts'
import { codec, copyOf, lifeEvents, liveThrough, tamper, template, token } from './support.ts'

let directory: string
let storage: Storage

beforeAll(async () => {
  directory = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(2)
  })
  storage = await openStorage(`${directory}/ledger`)
})
afterAll(() => storage.close())

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

async function historyIn(reader: Storage, about: HistorySubject): Promise<Recorded[] | undefined> {
  const events = await historyOf(reader, about)
  return events && collect(events)
}

const positions = async (about: HistorySubject) =>
  (await historyIn(storage, about))?.map(({ position }) => position)

describe('history of', () => {
  test.each<[string, HistorySubject, number[] | undefined]>([
    ['an access token that was replaced', { token: token('at', 'one') }, [5, 6, 7, 8, 9]],
    ['a refresh token', { token: token('rt', 'two') }, [5, 6, 7, 8, 9]],
    ['a code', { token: token('ac', 'one') }, [5, 6, 7, 8, 9]],
    ['a session cookie', { token: token('se', 'one') }, [3, 10]],
    ['an unknown token', { token: token('at', 'unknown') }, undefined],
    ['text that is no token', { token: '../..' }, undefined],
    ['a grant', { grant: 'own-1' }, [14]],
    ['an unknown grant', { grant: 'nothing' }, undefined],
    ['a user by name', { username: 'alice' }, [2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ['a user by subject', { subject: 'alice-subject' }, [2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ['a removed user by subject', { subject: 'bob-subject' }, [11, 12]],
    ['a removed user by name', { username: 'bob' }, undefined],
    ['a user whose name begins another', { subject: 'alice' }, undefined],
    ['a client', { client: 'trusted' }, [1, 5, 6, 7, 8, 9, 13, 14]],
    ['an unknown client', { client: 'trust' }, undefined],
  ])('%s', async (_, about, expected) => {
    expect(await positions(about)).toEqual(expected)
  })

  test('a record that an index leads to and that is not there', async () => {
    const copy = await copyOf(directory)
    await tamper(copy, (db) => db.del(eventKey(8)))
    const damaged = await openStorage(`${copy}/ledger`)
    await expect(historyIn(damaged, { grant: 'first' })).rejects.toMatchObject({ code: 'damaged' })
    await damaged.close()
  })
})

const all = () => collect(readEvents(storage, codec, 0, lifeEvents))

test('the public form of each type', async () => {
  const events = await all()
  expect(events.map((recorded) => JSON.stringify(publicEvent(recorded)))).toMatchSnapshot()
})

test('the public form holds no secret, and names only where disclosed', async () => {
  const events = await all()
  const text = (disclose: boolean) => JSON.stringify(events.map((it) => publicEvent(it, { disclose })))
  for (const secret of ['argon2id', '"alice"', '"bob"', '192.0.2.7', 'Browser']) {
    expect(text(false)).not.toContain(secret)
    if (secret !== 'argon2id') expect(text(true)).toContain(secret)
    else expect(text(true)).not.toContain(secret)
  }
})

test('each event in words', async () => {
  const events = await all()
  expect(events.map((recorded) => describeEvent(recorded))).toMatchSnapshot()
  expect(events.map((recorded) => describeEvent(recorded, { disclose: true })).join('\n')).toMatch(
    /name "alice".*\n.*from "192\.0\.2\.7", with "Browser\/1\\u001b\[2J"/,
  )
})

test('an erased user has no name any more', async () => {
  const copy = await copyOf(directory)
  await tamper(copy, (db) => db.del(sideKey(2)))
  const erased = await openStorage(`${copy}/ledger`)
  const [registered] = (await historyIn(erased, { subject: 'alice-subject' }))!
  await erased.close()
  expect(publicEvent(registered!, { disclose: true })).not.toHaveProperty('username')
  expect(describeEvent(registered!, { disclose: true })).toContain('user alice-subject registered')
})
