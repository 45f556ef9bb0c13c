/**
 * Failed logins and client authentications, as far as they led to a pause: the fold of the stream of one name or
 * one network address. The streams are named by keyed hashes: whoever reads the log learns no name from them.
 */
import type { Recorded } from './events.ts'

/** What a pause is for: a name from one address, a name from wherever, an address whatever the name. */
export type LockScope = 'pair' | 'name' | 'address'

export interface LockPolicy {
  /** Failures before the first pause. */
  free: number
  /** Each further failure doubles the pause, up to the longest. */
  firstSeconds: number
  longestSeconds: number
}

/**
 * NIST SP 800-63B section 5.2.2 allows 100 failures in a row. One guesser gets 5, then at most 4 an hour; guessers
 * from everywhere 20 for one name, then at most 4 an hour. An address may be that of a whole office, so it pauses
 * late and briefly.
 */
export const lockPolicies: Readonly<Record<LockScope, LockPolicy>> = {
  pair: { free: 5, firstSeconds: 30, longestSeconds: 900 },
  name: { free: 20, firstSeconds: 60, longestSeconds: 900 },
  address: { free: 50, firstSeconds: 15, longestSeconds: 300 },
}

/** So long after the last failure and the last pause everything is forgotten. */
export const forgetAfterMs = 3_600_000

/**
 * How far the time of a signature that lifts a pause may be from that of its event. A stream may go once it has been
 * forgotten, and begin anew: by then what was signed for the former one must count no more, whichever clock was ahead.
 */
const signatureCountsMs = forgetAfterMs / 2

/** Pauses of single addresses that the state of a name keeps; with more, the name as a whole pauses. */
const mostPairs = 16

export interface Lock {
  failures: number
  /** Pauses in a row, this one included. */
  pauses: number
  untilSeconds: number
}

export interface FailedAttempts {
  /** Of the name from wherever, or of the address. */
  whole: Lock | null
  /** Of the name from single addresses, by keyed hash, the latest last. */
  pairs: (Lock & { from: string })[]
}

export function evolveFailedAttempts(
  state: FailedAttempts | undefined,
  { event }: Recorded,
): FailedAttempts | undefined {
  switch (event.type) {
    case 'login.locked': {
      const { failures, pauses, untilSeconds, from } = event
      const lock = { failures, pauses, untilSeconds }
      const { whole = null, pairs = [] } = state ?? {}
      if (from === undefined) return { whole: lock, pairs }
      const others = pairs.filter((pair) => pair.from !== from)
      return { whole, pairs: [...others, { from, ...lock }].slice(-mostPairs) }
    }
    case 'login.unlocked':
      return { whole: null, pairs: [] }
    default:
      return state
  }
}

/** What is wrong with lifting the pauses of a name, or undefined. */
export function liftingFault(
  state: FailedAttempts | undefined,
  signedAtSeconds: number,
  timeMs: number,
): string | undefined {
  if (!state) return 'there was no lock'
  return Math.abs(timeMs - signedAtSeconds * 1000) < signatureCountsMs
    ? undefined
    : 'the signature is of another hour'
}

/** How long the pause is that makes `pauses` in a row. */
export const pauseSeconds = ({ firstSeconds, longestSeconds }: LockPolicy, pauses: number): number =>
  Math.min(firstSeconds * 2 ** Math.min(pauses - 1, 30), longestSeconds)
