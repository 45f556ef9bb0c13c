/** Every law of the protocol, broken by somebody who has all the keys: the ledger takes it, verification does not. */
import { expect, test } from 'vitest'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import {
  clientRegistered,
  clientToken,
  codeIssued,
  liveThrough,
  named,
  refreshed,
  revoked,
  SampleLedger,
  serverOpened,
  signed,
  startMs,
  temporaryDirectory,
  userRegistered,
  userToken,
  verify,
} from './support.ts'

type Append = (stream: string, version: number, events: Event[]) => Promise<void>

async function faultsAfter(act: (log: SampleLedger, append: Append) => Promise<unknown>, isFresh = false) {
  const directory = await temporaryDirectory()
  const log = await SampleLedger.open(directory)
  if (!isFresh) await liveThrough(log)
  await act(log, (...it) => log.append(...it))
  await log.checkpoints.sign()
  await log.ledger.close()
  return verify(directory)
}

const grant = streamOf.grant('second')
const code: Event = { ...codeIssued, codeHash: clientToken('another').accessTokenHash }
const issued: Event = { ...userToken, accessTokenHash: clientToken('third').accessTokenHash }
const redeemed: Event = { type: 'code.redeemed' }
const removal = { signedAtSeconds: 0, signature: '' }
const bob = streamOf.user('bob-subject')

/** Appended behind the sample life; the faults are numbered from its end. */
const laws: [law: string, events: [stream: string, version: number, events: Event[]][], at: number[]][] = [
  ['a code is redeemed once', [[grant, 0, [code, redeemed, redeemed]]], [2]],
  ['a redemption gives one token', [[grant, 0, [code, redeemed, issued, issued]]], [3]],
  ['no token before the redemption', [[grant, 0, [code, issued]]], [1]],
  ['no token for a user without a code', [[grant, 0, [issued]]], [0]],
  ['no redemption without a code', [[grant, 0, [clientToken('x'), redeemed]]], [1]],
  ['no redemption after the end', [[grant, 0, [code, revoked, redeemed]]], [2]],
  ['no token after the end', [[grant, 0, [code, redeemed, revoked, issued]]], [3]],
  ['no rotation after the end', [[streamOf.grant('first'), 5, [refreshed]]], [0]],
  ['no rotation without a refresh token', [[grant, 0, [clientToken('x'), refreshed]]], [1]],
  [
    'a rotation never brings back a refresh token',
    [[grant, 0, [code, redeemed, issued, refreshed, { ...refreshed }]]],
    [4],
  ],
  [
    'no scope that nobody gave',
    [[grant, 0, [code, redeemed, { ...issued, scopes: ['admin'] } as Event]]],
    [2],
  ],
  [
    'no token for another client',
    [[grant, 0, [code, redeemed, { ...issued, clientVersion: 1 } as Event]]],
    [2],
  ],
  ['a grant ends once', [[grant, 0, [code, revoked, revoked]]], [2]],
  ['a grant begins once', [[grant, 0, [code, code]]], [1]],
  ['nothing ends before it begins', [[grant, 0, [revoked]]], [0]],
  [
    'a session ends once',
    [[streamOf.session('browser'), 2, [{ type: 'session.ended', reason: 'logout' }]]],
    [0],
  ],
  ['no token for a client that never was', [[grant, 0, [{ ...clientToken('x'), clientId: 'nobody' }]]], [0]],
  ['no code for a user that never was', [[grant, 0, [{ ...codeIssued, subject: 'nobody' }]]], [0]],
  ['no code without a session', [[grant, 0, [{ ...codeIssued, session: 'nowhere' }]]], [0]],
  ['events stand in streams of their kind', [[streamOf.session('x'), 0, [clientToken('x')]]], [0]],
]

test.each(laws)('%s', async (_, appends, at) => {
  const result = await faultsAfter(async (log, append) => {
    for (const it of appends) await append(...it)
    expect(log.ledger.size).toBe(13 + appends.flatMap(([, , events]) => events).length)
  })
  expect(named(result).filter(([, kind]) => !kind.startsWith('row'))).toEqual(
    at.map((place) => [13 + place, 'protocol']),
  )
})

test('the laws of administration', async () => {
  const result = await faultsAfter(async (log) => {
    await log.administer(clientRegistered(), streamOf.client('trusted'), 1)
    await log.administer({ type: 'user.removed', subject: 'bob-subject', ...removal }, bob, 2)
    await log.administer(userRegistered('bob-subject', 'bob'), bob, 3)
    await log.administer({ type: 'client.removed', clientId: 'x', ...removal }, streamOf.client('x'), 0)
    await log.administer(clientRegistered('one'), streamOf.client('other'), 0)
  })
  expect(named(result)).toEqual([13, 14, 15, 16, 17].map((position) => [position, 'protocol']))
})

test('a pause is lifted by who signs at that time', async () => {
  const attempts = streamOf.attempts('somebody')
  const locked: Event = {
    type: 'login.locked',
    of: 'user',
    failures: 5,
    pauses: 1,
    untilSeconds: startMs / 1000,
    side: { address: '192.0.2.1' },
  }
  const unlocked = (signedAtSeconds: number): Event => ({
    type: 'login.unlocked',
    signedAtSeconds,
    signature: '',
  })
  const result = await faultsAfter(async (log) => {
    await log.administer(unlocked(startMs / 1000), attempts, 0)
    await log.append(attempts, 1, [locked])
    for (const [i, awaySeconds] of [1700, -1700, 1900, -1900].entries())
      await log.administer(unlocked(startMs / 1000 + awaySeconds), attempts, 2 + i)
  })
  expect(named(result)).toEqual([13, 17, 18].map((position) => [position, 'protocol']))
})

test('a signature counts in one place only', async () => {
  const result = await faultsAfter(async (log) => {
    await log.append(streamOf.client('other'), 0, [{ ...clientRegistered('other'), signature: '' }])
    const removed: Event = { type: 'client.removed', clientId: 'trusted', ...removal }
    await log.administer(removed, streamOf.client('trusted'), 1)
    await log.administer(clientRegistered(), streamOf.client('trusted'), 2)
    const once = signatureOf(removed, 1)
    await log.append(streamOf.client('trusted'), 3, [{ ...removed, signature: once }])
  })
  expect(named(result)).toEqual([
    [13, 'administrator_signature'],
    [16, 'administrator_signature'],
  ])
})

function signatureOf(event: Event, version: number): string {
  const result = signed(event, streamOf.client('trusted'), version)
  return 'signature' in result ? (result.signature ?? '') : ''
}

test('the log begins with a server, whose key vouches for it', async () => {
  const early = await faultsAfter((log) => log.issueToClient(1), true)
  expect(named(early).filter(([, kind]) => kind !== 'protocol')).toEqual([
    [0, 'server_missing'],
    [0, 'checkpoint_signature'],
  ])
  const unsigned = await faultsAfter(
    (log) =>
      log.append(streamOf.server(serverOpened().serverAddress), 0, [{ ...serverOpened(), signature: '' }]),
    true,
  )
  expect(named(unsigned)).toEqual([[0, 'server_signature']])
})
