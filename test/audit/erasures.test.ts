/** An erased user's side records are gone, or the audit names each that is not. */
import { expect, test } from 'vitest'
import { annexKey } from '../../src/ledger/layout.ts'
import { streamOf } from '../../src/oauth/events.ts'
import { copyOf, liveThrough, named, signed, startMs, tamper, template, verify } from './support.ts'

const alice = streamOf.user('alice-subject')
const erased = () =>
  signed(
    { type: 'user.erased', subject: 'alice-subject', signedAtSeconds: startMs / 1000, signature: '' },
    alice,
    1,
  )

test('the registration and the session that were left', async () => {
  const directory = await template(async (log) => {
    await liveThrough(log)
    await log.append(alice, 1, [erased()])
  })
  const verification = await verify(directory)
  expect(named(verification).filter(([, kind]) => kind === 'side_unerased')).toEqual([
    [2, 'side_unerased'],
    [3, 'side_unerased'],
  ])
  expect(verification.faults[0]?.detail).toBe(
    'the side record of the event at 2 remains, though alice-subject was erased at 13',
  )
})

test('none where they were erased, and none of others', async () => {
  const directory = await template(async (log) => {
    await liveThrough(log)
    await log.append(alice, 1, [erased()], { erase: [2, 3] })
  })
  expect(await verify(directory)).toMatchObject({ ok: true, faults: [], erased: 2 })
})

test('an erasure that was cut off is unfinished, not a fault', async () => {
  const directory = await template(async (log) => {
    await liveThrough(log)
    await log.append(alice, 1, [erased()], {
      erase: [2],
      annex: { 'erasing/alice-subject': Buffer.alloc(0) },
    })
  })
  const { faults, unchecked } = await verify(directory)
  expect(faults).toEqual([])
  expect(unchecked).toContainEqual(expect.stringMatching(/^1 erasures are not finished/))
  const finished = await copyOf(directory)
  await tamper(finished, (db) => db.del(annexKey('erasing/alice-subject')))
  expect(named(await verify(finished))).toEqual([[3, 'side_unerased']])
})
