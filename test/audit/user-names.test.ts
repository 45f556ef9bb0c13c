/** Whose name it was: one name that went from person to person, and a name that changed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { subjectOfUser } from '../../src/audit/access-at.ts'
import { historyOf } from '../../src/audit/history.ts'
import { bearersOf } from '../../src/audit/user-names.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import { collect } from '../support/collect.ts'
import { type SampleLedger, startMs, template, userRegistered } from './support.ts'

let storage: Storage

const signed = { signedAtSeconds: startMs / 1000, signature: 'none' }
const removed = (subject: string): Event => ({ type: 'user.removed', subject, ...signed })
const linked = (subject: string, username: string): Event => ({
  type: 'user.linked',
  subject,
  repository: 'directory',
  authorities: [],
  serverAddress: 'server',
  signature: 'none',
  side: { username },
})

/** Each a second after the one before. */
const life: [subject: string, version: number, event: Event][] = [
  ['z-first', 0, userRegistered('z-first', 'alice')],
  ['z-first', 1, removed('z-first')],
  ['a-second', 0, userRegistered('a-second', 'alice')],
  ['a-second', 1, removed('a-second')],
  ['erased', 0, userRegistered('erased', 'alice')],
  ['erased', 1, removed('erased')],
  ['m-third', 0, linked('m-third', 'alice')],
  ['bob', 0, userRegistered('bob', '한별')],
  ['bob', 1, removed('bob')],
  ['x', 0, linked('x', 'dave')],
  ['z', 0, userRegistered('z', 'carol')],
  ['z', 1, removed('z')],
]

beforeAll(async () => {
  const directory = await template(async (log: SampleLedger) => {
    for (const [subject, version, event] of life) await log.append(streamOf.user(subject), version, [event])
    const erased: Event = { type: 'user.erased', subject: 'erased', ...signed }
    await log.append(streamOf.user('erased'), 2, [erased], { erase: [4] })
    // As the server links: what was said before is erased with it.
    await log.append(streamOf.user('x'), 1, [linked('x', 'carol')], { erase: [9] })
  })
  storage = await openStorage(`${directory}/ledger`)
})
afterAll(() => storage.close())

test.each<[seconds: number, subject: string]>([
  [1, 'z-first'],
  [3, 'a-second'],
  [7, 'm-third'],
  [100, 'm-third'],
])('after %i s', async (seconds, subject) => {
  expect(await subjectOfUser(storage, 'alice', startMs + seconds * 1000)).toBe(subject)
})

test('when nobody bore it, one who does or did: nothing was valid of theirs', async () => {
  for (const seconds of [0, 2, 4, 5, 6])
    expect(await subjectOfUser(storage, 'alice', startMs + seconds * 1000)).toBe('m-third')
  expect(await subjectOfUser(storage, '한별', startMs)).toBe('bob')
})

test('a name that somebody got later, whose name until then is not known', async () => {
  expect(await subjectOfUser(storage, 'carol', startMs + 11_000)).toBe('z')
  expect(await subjectOfUser(storage, 'carol', startMs + 10_000)).toBe('x')
  expect(await subjectOfUser(storage, 'carol', startMs + 100_000)).toBe('x')
})

test('who was erased is known by the subject alone', async () => {
  expect(await collect(bearersOf(storage, 'alice'))).toEqual(['a-second', 'm-third', 'z-first'])
  expect(await subjectOfUser(storage, 'erased', startMs)).toBe('erased')
})

test('the history is that of who bears it; of all who did where nobody does', async () => {
  const positions = async (username: string) =>
    (await collect((await historyOf(storage, { username }))!)).map(({ position }) => position)
  expect(await positions('alice')).toEqual([6])
  expect(await positions('한별')).toEqual([7, 8])
  expect(await historyOf(storage, { username: 'nobody' })).toBeUndefined()
})

test('written in another way (NFD), it is the same name', async () => {
  expect(await subjectOfUser(storage, '한별'.normalize('NFD'), startMs)).toBe('bob')
})
