/**
 * Limits on guessing passwords and client secrets (RFC 6749 sections 2.3.1 and 4.3.2: "MUST protect the endpoint against
 * brute force attacks"). Failures are counted in memory; only a pause is an event, so that guessing costs the guesser
 * an argon2 each and the ledger one batch in several. Pauses therefore survive a restart, counts below one do not.
 *
 * Unknown names are counted like known ones: nobody learns from a pause whether a name is there.
 */
import { hash } from 'node:crypto'
import ipaddr from 'ipaddr.js'
import QuickLRU from 'quick-lru'
import { OAuthError } from '../oauth/errors.ts'
import { type Event, streamOf } from '../oauth/events.ts'
import {
  type FailedAttempts,
  forgetAfterMs,
  type Lock,
  type LockScope,
  lockPolicies,
  pauseSeconds,
} from '../oauth/failed-attempts.ts'
import { andThen } from './at-once.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { KeyedHash } from './keyed-hash.ts'

/** `device`: who types user codes (RFC 8628 section 5.1), by subject. */
export type ProverKind = 'user' | 'client' | 'device'

/** Who wants to prove to be whom, and from where. */
export interface Attempt {
  kind: ProverKind
  /** Username in NFC, or client id. */
  name: string
  /** Network address of the request. */
  address: string
}

interface Counter {
  scope: LockScope
  stream: string
  /** Keyed hash of the address, where the pause is for that one only. */
  from?: string
  failures: number
  pauses: number
  lastMs: number
  untilMs: number
  /** Of a pair: the name was proved from this address before, so what others do does not pause it. */
  isProved: boolean
}

interface Counters {
  pair: Counter
  name: Counter
  address: Counter
}

/** What there is to see of a name. */
export interface FailureView {
  stream: string
  /** Failures counted for the name, from wherever. */
  failures: number
  /** Until when the name pauses from wherever, milliseconds since 1970; null where it does not. */
  pausedUntilMs: number | null
  /** From how many single addresses it pauses. */
  pausedAddresses: number
}

const keptCounters = 50_000
/** A longer name is nobody's, but its guesses count. */
const longestKey = 300
const refusal = { user: 'invalid_grant', client: 'invalid_client', device: 'invalid_request' } as const

export class FailureLimits {
  readonly #context: Pick<AuthorizationContext, 'ledger' | 'models' | 'now'>
  readonly #keyed: KeyedHash
  readonly #counters = new QuickLRU<string, Counter>({ maxSize: keptCounters })

  /** @param key secret bytes; the servers of one ledger share them */
  constructor(context: Pick<AuthorizationContext, 'ledger' | 'models' | 'now'>, key: Buffer) {
    this.#context = context
    this.#keyed = new KeyedHash(key)
    context.ledger.committed$.subscribe((events) => {
      for (const { event, stream } of events) if (event.type === 'login.unlocked') this.#forget(stream)
    })
  }

  /** Where the pauses of a name stand in the ledger. */
  streamOf(kind: ProverKind, name: string): string {
    return streamOf.attempts(this.#keyed.of(`${kind} ${name}`))
  }

  /**
   * Lets somebody prove to be who they say; `prove` gives undefined for a wrong proof. A pause that others' guesses
   * brought meanwhile counts too: guesses sent all at once are worth no more than one after the other. A right proof
   * that is there at once is answered at once.
   *
   * @throws OAuthError invalid_grant or invalid_client with status 429 and `retryAfterSeconds` during a pause
   * @throws LedgerError where a pause cannot be recorded: it counts all the same
   */
  attempt<T>(
    attempt: Attempt,
    prove: () => T | undefined | Promise<T | undefined>,
  ): T | undefined | Promise<T | undefined> {
    const counters = this.#countersOf(attempt)
    this.#admit(attempt, counters)
    return andThen(prove(), (proved) => this.#conclude(attempt, counters, proved))
  }

  #conclude<T>(
    attempt: Attempt,
    counters: Counters,
    proved: T | undefined,
  ): T | undefined | Promise<undefined> {
    if (proved === undefined) return this.#fail(attempt, counters)
    this.#admit(attempt, counters)
    // Not the address: one account of the guesser's own would set it free again and again.
    reset(counters.pair)
    reset(counters.name)
    counters.pair.isProved = true
    return proved
  }

  view(kind: ProverKind, name: string): FailureView {
    const { models, now } = this.#context
    const stream = this.streamOf(kind, name)
    const { whole, pairs } = models.load('attempts', stream).state ?? nothing
    const isLive = ({ untilSeconds }: Lock) => untilSeconds * 1000 > now()
    return {
      stream,
      failures: this.#counters.peek(nameKey(kind, name))?.failures ?? whole?.failures ?? 0,
      pausedUntilMs: whole && isLive(whole) ? whole.untilSeconds * 1000 : null,
      pausedAddresses: pairs.filter(isLive).length,
    }
  }

  #countersOf({ kind, name, address }: Attempt): Counters {
    const network = networkOf(address)
    const key = nameKey(kind, name)
    return {
      name: this.#counter(key, 'name', () => ({ stream: this.streamOf(kind, name) })),
      pair: this.#counter(`${key}\n${network}`, 'pair', () => ({
        stream: this.streamOf(kind, name),
        from: this.#keyed.of(`address ${network}`),
      })),
      address: this.#counter(`address ${network}`, 'address', () => ({
        stream: streamOf.attempts(this.#keyed.of(`address ${network}`)),
      })),
    }
  }

  /** The counter in memory; else one that begins with the pause that the ledger knows. */
  #counter(key: string, scope: LockScope, place: () => { stream: string; from?: string }): Counter {
    const known = this.#counters.get(key)
    if (known) return known
    const where = place()
    const state = this.#context.models.load('attempts', where.stream).state ?? nothing
    const lock = where.from === undefined ? state.whole : state.pairs.find(({ from }) => from === where.from)
    const untilMs = (lock?.untilSeconds ?? 0) * 1000
    const { failures = 0, pauses = 0 } = lock ?? {}
    const counter = { scope, ...where, failures, pauses, untilMs, lastMs: untilMs, isProved: false }
    this.#counters.set(key, counter)
    return counter
  }

  #admit({ kind }: Attempt, { pair, name, address }: Counters): void {
    const nowMs = this.#context.now()
    const untilMs = pair.isProved ? pair.untilMs : Math.max(pair.untilMs, name.untilMs, address.untilMs)
    if (nowMs >= untilMs) return
    const error = new OAuthError(refusal[kind], 'too many failed attempts; try again later', 429)
    error.retryAfterSeconds = Math.ceil((untilMs - nowMs) / 1000)
    throw error
  }

  async #fail({ kind, address: seenAs }: Attempt, counters: Counters): Promise<undefined> {
    const nowMs = this.#context.now()
    const pausing = Object.values(counters).filter((counter: Counter) => count(counter, nowMs))
    for (const counter of pausing as Counter[]) {
      const { scope, stream, failures, pauses, untilMs, from } = counter
      const locked: Event = {
        type: 'login.locked',
        of: scope === 'address' ? 'address' : kind,
        failures,
        pauses,
        untilSeconds: untilMs / 1000,
        ...(from !== undefined && { from }),
        side: { address: seenAs },
      }
      await decideAndAppend(this.#context, 'attempts', stream, () => ({
        events: [locked],
        answer: undefined,
      }))
    }
  }

  #forget(stream: string): void {
    for (const counter of this.#counters.values()) if (counter.stream === stream) reset(counter)
  }
}

const nothing: FailedAttempts = { whole: null, pairs: [] }

const nameKey = (kind: ProverKind, name: string): string =>
  `${kind} ${name.length > longestKey ? hash('sha256', name, 'base64url') : name}`

function reset(counter: Counter): void {
  counter.failures = 0
  counter.pauses = 0
  counter.untilMs = 0
}

/** Takes a failure into account. @returns whether a pause begins with it */
function count(counter: Counter, nowMs: number): boolean {
  if (nowMs >= Math.max(counter.lastMs, counter.untilMs) + forgetAfterMs) reset(counter)
  const policy = lockPolicies[counter.scope]
  counter.failures++
  counter.lastMs = nowMs
  if (nowMs < counter.untilMs || (counter.pauses === 0 && counter.failures < policy.free)) return false
  counter.pauses++
  counter.untilMs = (Math.ceil(nowMs / 1000) + pauseSeconds(policy, counter.pauses)) * 1000
  return true
}

/** Reading an address costs more than all else that is done for a right secret. */
const knownNetworks = new QuickLRU<string, string>({ maxSize: 1000 })

function networkOf(address: string): string {
  const known = knownNetworks.get(address)
  if (known !== undefined) return known
  const network = parseNetwork(address)
  knownNetworks.set(address, network)
  return network
}

/** Who holds one IPv6 address holds a /64 of them (RFC 6177). */
function parseNetwork(address: string): string {
  if (!ipaddr.isValid(address)) return address.slice(0, longestKey)
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return `${parsed
    .toByteArray()
    .slice(0, 8)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')}/64`
}
