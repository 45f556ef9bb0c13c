/** Who held access at a moment: what the server itself would have answered then. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AccessQuestion, accessAt, isClientKnown, subjectOfUser } from '../../src/audit/access-at.ts'
import { eventsUntil, parseMoment } from '../../src/audit/moment.ts'
import { findLiveToken } from '../../src/authorization-server/introspect.ts'
import { findSession } from '../../src/authorization-server/session.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import { hashToken } from '../../src/oauth/token-format.ts'
import { openWorld } from '../support/authorization.ts'
import { anyRequest, emptyHoldings, perform } from '../support/random-requests.ts'
import { liveThrough, startMs, template } from './support.ts'

let storage: Storage
beforeAll(async () => {
  storage = await openStorage(
    `${await template(async (log) => {
      await liveThrough(log)
      await log.issueToClient(2)
    })}/ledger`,
  )
})
afterAll(() => storage.close())

/** Seconds after the start: each append of the sample ledger is one later, `server.opened` at 1. */
const at = (seconds: number) => startMs + seconds * 1000
const held = async (seconds: number, question: Partial<AccessQuestion> = {}) => {
  const { access, sessions } = await accessAt(storage, { atMs: at(seconds), ...question })
  return [
    ...access.map(({ kind, stream, scopes }) => `${kind} ${stream} ${scopes.join(' ')}`),
    ...sessions.map(({ id }) => `session ${id}`),
  ]
}

describe('the sample ledger', () => {
  const first = ['access grant:first read write', 'refresh grant:first read write']
  const rotated = ['access grant:first read', 'refresh grant:first read write']
  test.each<[string, number, Partial<AccessQuestion>, string[]]>([
    ['before everything', 0, {}, []],
    ['before the login', 3, {}, []],
    ['at the very moment of the login', 4, {}, ['session browser']],
    ['with a code only', 6, {}, ['session browser']],
    ['with the first tokens', 7, {}, [...first, 'session browser']],
    ['after the rotation', 8, {}, [...rotated, 'session browser']],
    ['after the revocation', 9, {}, ['session browser']],
    ['after the logout', 10, {}, []],
    ['of a user', 7, { subject: 'alice-subject' }, [...first, 'session browser']],
    ['of another user', 7, { subject: 'bob-subject' }, []],
    [
      'of a client, with the session they were given in',
      7,
      { client: 'trusted' },
      [...first, 'session browser'],
    ],
    ['of another client', 7, { client: 'other' }, []],
    ['of a user at another client', 7, { subject: 'alice-subject', client: 'other' }, []],
    ['with a scope', 8, { scope: 'write' }, ['refresh grant:first read write', 'session browser']],
    ['with a scope that nobody has', 8, { scope: 'admin' }, []],
    [
      'of a client for itself',
      20,
      { client: 'trusted' },
      ['access grant:own-0 read', 'access grant:own-1 read'],
    ],
    ['just before they end', 3599, {}, ['access grant:own-0 read', 'access grant:own-1 read']],
    ['when they end', 3600, {}, []],
  ])('%s', async (_, seconds, question, expected) => {
    expect((await held(seconds, question)).sort()).toEqual([...expected].sort())
  })

  test('nothing was dropped: complete at any moment, before 1970 too', async () => {
    expect(await accessAt(storage, { atMs: -1 })).toMatchObject({ events: 0, isComplete: true, access: [] })
  })

  test('the events until a moment', async () => {
    expect(await eventsUntil(storage, at(0))).toBe(0)
    expect(await eventsUntil(storage, at(1))).toBe(1)
    expect(await eventsUntil(storage, at(1) - 1)).toBe(0)
    // Two events of one append.
    expect(await eventsUntil(storage, at(7))).toBe(8)
    expect(await eventsUntil(storage, at(1e6))).toBe(15)
  })

  test('users by name and by subject, clients by id', async () => {
    const then = (user: string) => subjectOfUser(storage, user, at(7))
    expect(await then('alice')).toBe('alice-subject')
    expect(await then('bob')).toBe('bob-subject')
    expect(await then('bob-subject')).toBe('bob-subject')
    expect(await then('nobody')).toBeUndefined()
    expect(await isClientKnown(storage, 'trusted')).toBe(true)
    expect(await isClientKnown(storage, 'trust')).toBe(false)
  })
})

test('law: the answer is what the server would have said then, from the index and from the log', async () => {
  const begin = ['register client', 'register user', 'log in', 'consent', 'redeem'].flatMap((kind) =>
    [0, 1].map((pick) => ({ kind, pick, other: pick }) as never),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(anyRequest, { minLength: 5, maxLength: 30 }), async (requests) => {
      const world = await openWorld()
      const { context, clock } = world
      const holdings = emptyHoldings()
      const said: { atMs: number; tokens: string[]; sessions: string[] }[] = []
      for (const request of [...begin, ...requests]) {
        await perform(world, holdings, request)
        const tokens = [...new Set([...holdings.access, ...holdings.refresh])]
        const live = await Promise.all(tokens.map((token) => findLiveToken(context, token)))
        said.push({
          atMs: clock.nowMs,
          tokens: tokens.filter((_, i) => live[i]).map(hashToken),
          sessions: holdings.cookies.flatMap((cookie) => findSession(context, cookie)?.session.id ?? []),
        })
        clock.nowMs += 1000
      }
      for (const { atMs, tokens, sessions } of said) {
        const answer = await accessAt(world.storage, { atMs })
        expect(answer.access.map(({ tokenHash }) => tokenHash).sort()).toEqual(tokens.sort())
        expect(answer.sessions.map(({ id }) => id).sort()).toEqual(sessions.sort())
        const byClient: string[] = []
        for (const client of ['one', 'two'])
          for (const { tokenHash } of (await accessAt(world.storage, { atMs, client })).access)
            byClient.push(tokenHash)
        expect(byClient.sort()).toEqual(tokens)
        const subjects = new Set(answer.access.flatMap(({ subject }) => subject ?? []))
        for (const subject of subjects) {
          const own = await accessAt(world.storage, { atMs, subject })
          expect(own.access).toEqual(answer.access.filter((it) => it.subject === subject))
          expect(own.sessions).toEqual(answer.sessions.filter((it) => it.subject === subject))
        }
      }
    }),
    { numRuns: 12 },
  )
})

describe('moments', () => {
  test.each<[string, number]>([
    ['2026-11-02T10:15:00Z', Date.UTC(2026, 10, 2, 10, 15)],
    ['2026-11-02T10:15Z', Date.UTC(2026, 10, 2, 10, 15)],
    ['2026-11-02T10:15:00.5+09:00', Date.UTC(2026, 10, 2, 1, 15, 0, 500)],
    ['2026-11-02', Date.UTC(2026, 10, 2)],
    ['2028-02-29', Date.UTC(2028, 1, 29)],
    ['1793614500000', 1_793_614_500_000],
  ])('%s', (text, timeMs) => {
    expect(parseMoment(text)).toBe(timeMs)
  })

  test.each([
    '',
    'now',
    '2026',
    '1793614500',
    '2026-11-02T10:15:00',
    '2026-02-30',
    '2026-13-01',
    '2026-11-02T25:00Z',
    '-1',
    '1e12',
  ])('%j is none', (text) => {
    expect(() => parseMoment(text)).toThrow(expect.objectContaining({ code: 'malformed' }))
  })
})
