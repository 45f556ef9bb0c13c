/** The pauses after failed attempts: their fold and their lengths. */
import { describe, expect, test } from 'vitest'
import type { Event } from '../../src/oauth/events.ts'
import {
  evolveFailedAttempts,
  type FailedAttempts,
  lockPolicies,
  pauseSeconds,
} from '../../src/oauth/failed-attempts.ts'
import { recordedAt, sampleToken } from '../support/oauth.ts'

const sampleHash = (name: string) => sampleToken('session', name).hash
const locked = (pauses: number, from?: string): Event => ({
  type: 'login.locked',
  of: 'user',
  failures: pauses + 4,
  pauses,
  untilSeconds: 100 * pauses,
  ...(from !== undefined && { from }),
  side: { address: '192.0.2.1' },
})
const fold = (...events: Event[]): FailedAttempts | undefined =>
  events.reduce<FailedAttempts | undefined>(
    (state, event, version) => evolveFailedAttempts(state, recordedAt('attempts:x', version, event)),
    undefined,
  )

test('each pause is twice as long, up to the longest', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 1000].map((pauses) => pauseSeconds(lockPolicies.pair, pauses))).toEqual([
    30, 60, 120, 240, 480, 900, 900, 900,
  ])
})

describe('the fold', () => {
  test('keeps the last pause of the name and of each address', () => {
    const [one, other] = [sampleHash('one'), sampleHash('other')]
    expect(fold(locked(1, one), locked(1), locked(1, other), locked(2, one))).toEqual({
      whole: { failures: 5, pauses: 1, untilSeconds: 100 },
      pairs: [
        { from: other, failures: 5, pauses: 1, untilSeconds: 100 },
        { from: one, failures: 6, pauses: 2, untilSeconds: 200 },
      ],
    })
  })

  test('stays small, however many addresses guess', () => {
    const events = Array.from({ length: 100 }, (_, i) => locked(1, sampleHash(`address ${i}`)))
    const { pairs } = fold(...events)!
    expect([pairs.length, pairs.at(-1)!.from]).toEqual([16, sampleHash('address 99')])
  })

  test('knows of no pause once it was lifted', () => {
    const unlocked: Event = { type: 'login.unlocked', signedAtSeconds: 1, signature: '' }
    expect(fold(locked(3), locked(3, sampleHash('one')), unlocked)).toEqual({ whole: null, pairs: [] })
  })
})
