import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Coverages, describeCoverage } from '../../src/audit/coverage.ts'
import { describeEvent } from '../../src/audit/describe-event.ts'
import { type HistorySubject, historyOf } from '../../src/audit/history.ts'
import { publicEvent } from '../../src/audit/public-event.ts'
import { eventKey, sideKey } from '../../src/ledger/layout.ts'
import { readEvents } from '../../src/ledger/reader.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import { type Recorded, streamOf } from '../../src/oauth/events.ts'
import { anchorOf, anchorTrees, checkpointsOf } from '../support/anchored-ledger.ts'
import { collect } from '../support/collect.ts'
import {
  codec,
  copyOf,
  lifeEvents,
  liveThrough,
  SampleLedger,
  server,
  startMs,
  tamper,
  template,
  token,
  userRegistered,
} from './support.ts'

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
    ['a session and what was approved in it', { session: 'browser' }, [3, 5, 6, 7, 8, 9, 10]],
    ['an unknown session', { session: 'brows' }, undefined],
    ['a consent', { stream: 'consent:alice-subject:trusted' }, [4]],
    ['a server', { stream: `server:${server.address}` }, [0]],
    ['a stream whose name begins another', { stream: 'consent:alice-subject' }, undefined],
    ['a user by name', { username: 'alice' }, [2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ['a user by subject', { subject: 'alice-subject' }, [2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ['a removed user by subject', { subject: 'bob-subject' }, [11, 12]],
    ['a removed user by name', { username: 'bob' }, [11, 12]],
    ['an unknown user', { username: 'carol' }, undefined],
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

test('what proves each event so far', async () => {
  const copy = await copyOf(directory)
  const log = await SampleLedger.open(copy)
  await anchorTrees(log, [5])
  const [small, large] = await checkpointsOf(log.storage)
  const { txid, block } = anchorOf(small!)
  const coverages = new Coverages(log.storage)
  const of = async (position: number) => {
    const coverage = await coverages.of(position)
    return [coverage?.size, coverage?.anchor?.txid, describeCoverage(coverage)]
  }
  const anchored = [
    5,
    txid,
    `in the tree of 5 events, anchored by transaction ${txid} in block ${block.hash}`,
  ]
  for (const position of [0, 4]) expect(await of(position)).toEqual(anchored)
  for (const position of [5, 12])
    expect(await of(position)).toEqual([13, undefined, 'in the signed tree of 13 events, not yet anchored'])
  expect(await coverages.of(12)).toEqual({ size: 13, root: large!.root.toString('base64'), anchor: null })
  expect(await of(13)).toEqual([undefined, undefined, 'in no signed tree yet'])
  expect(await of(3)).toEqual(anchored)
  await log.ledger.close()
})

test('claims of a user are shown where disclosed, and only there', () => {
  const claims = { given_name: 'Alice', address: { country: 'FR' }, email_verified: true }
  const { side, ...event } = userRegistered('alice-subject', 'alice')
  const recorded: Recorded = {
    position: 2,
    timeMs: startMs,
    stream: streamOf.user('alice-subject'),
    version: 0,
    event: { ...event, side: { ...side, claims } },
  }
  const shown = publicEvent(recorded, { disclose: true })
  expect(shown).toMatchObject({ username: 'alice', claims })
  expect(shown).not.toHaveProperty('passwordHash')
  expect(publicEvent(recorded)).not.toHaveProperty('claims')
  expect(describeEvent(recorded)).not.toContain('Alice')
  expect(describeEvent(recorded, { disclose: true })).toMatch(
    /, name "alice", claims \{"given_name":"Alice","address":\{"country":"FR"\},"email_verified":true\}$/,
  )
})
