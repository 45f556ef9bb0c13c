/** Side records that are not there: an event accounts for each, or verification names it. */
import { describe, expect, test } from 'vitest'
import { sideKey } from '../../src/ledger/layout.ts'
import { type Event, type EventOf, streamOf } from '../../src/oauth/events.ts'
import {
  copyOf,
  lifeEvents,
  liveThrough,
  named,
  type SampleLedger,
  startMs,
  tamper,
  template,
  userRegistered,
  verify,
} from './support.ts'

/** Of the sample life. */
const [client, alice, session] = [1, 2, 3]
const user = streamOf.user('alice-subject')
const erased: Event = {
  type: 'user.erased',
  subject: 'alice-subject',
  signedAtSeconds: startMs / 1000,
  signature: '',
}
const passwordChanged: EventOf<'user.password_changed'> = {
  ...userRegistered('alice-subject', 'alice'),
  type: 'user.password_changed',
}
const locked: Event = {
  type: 'login.locked',
  of: 'user',
  failures: 5,
  pauses: 1,
  untilSeconds: startMs / 1000 + 30,
  side: { address: '192.0.2.9' },
}
/** So many that the sample life lies in a stretch, or in the last block. */
const lengths = [0, 600]

/** What is said of side records when those at these positions are gone, after a life and what follows on it. */
async function faultsWithout(
  gone: readonly number[],
  follow: (log: SampleLedger) => Promise<unknown>,
  length = 0,
): Promise<{ faults: [number | null, string][]; erased: number }> {
  const original = await template(async (log) => {
    await liveThrough(log)
    await follow(log)
    if (length > 0) await log.issueToClient(length)
    await log.checkpoints.sign()
  })
  const copy = await copyOf(original)
  await tamper(copy, async (db) => {
    for (const position of gone) await db.del(sideKey(position))
  })
  const result = await verify(copy, { rows: false })
  return { faults: named(result), erased: result.erased }
}

describe.each(lengths)('behind it %i events', (length) => {
  test('nobody erased them', async () => {
    for (const position of [client, alice, session])
      expect(await faultsWithout([position], async () => {}, length)).toEqual({
        faults: [[position, 'side_missing']],
        erased: 0,
      })
  })

  test('the person was erased', async () => {
    const found = await faultsWithout([alice, session], (log) => log.administer(erased, user, 1), length)
    expect(found).toEqual({ faults: [], erased: 2 })
  })

  test('not a person was erased, but another', async () => {
    const other: Event = { ...erased, subject: 'bob-subject' } as Event
    const { faults } = await faultsWithout(
      [alice, session, 11],
      (log) => log.administer(other, streamOf.user('bob-subject'), 2),
      length,
    )
    expect(faults).toEqual([
      [alice, 'side_missing'],
      [session, 'side_missing'],
    ])
  })

  test('a new password takes the place of the registration, not of a session', async () => {
    const { faults, erased: count } = await faultsWithout(
      [alice, session],
      (log) => log.administer(passwordChanged, user, 1),
      length,
    )
    expect({ faults, count }).toEqual({ faults: [[session, 'side_missing']], count: 1 })
  })

  test('the last password has nothing behind it', async () => {
    const { faults } = await faultsWithout(
      [alice, lifeEvents],
      (log) => log.administer(passwordChanged, user, 1),
      length,
    )
    expect(faults).toEqual([[lifeEvents, 'side_missing']])
  })

  test('a failed login goes with a person who is erased after it, whoever that was', async () => {
    const attempts = streamOf.attempts('someone')
    const gone = [lifeEvents]
    const lock = (log: SampleLedger) => log.append(attempts, 0, [locked])
    expect((await faultsWithout(gone, lock, length)).faults).toEqual([[lifeEvents, 'side_missing']])
    const after = await faultsWithout(
      gone,
      async (log) => {
        await lock(log)
        await log.administer(erased, user, 1)
      },
      length,
    )
    expect(after).toEqual({
      faults: [
        [alice, 'side_unerased'],
        [session, 'side_unerased'],
      ],
      erased: 1,
    })
  })

  test('not with one who was erased long before', async () => {
    const { faults } = await faultsWithout(
      [alice, session, lifeEvents + 62],
      async (log) => {
        await log.administer(erased, user, 1)
        // A second each.
        for (let i = 0; i < 61; i++)
          await log.append(streamOf.session('browser'), 2 + i, [
            { type: 'logout.delivered', clientId: 'trusted' },
          ] as Event[])
        await log.append(streamOf.attempts('someone'), 0, [locked])
      },
      length,
    )
    expect(faults).toEqual([[lifeEvents + 62, 'side_missing']])
  })
})
