/** So many requests from one network address in a period: for what costs the server more than the sender. */
import QuickLRU from 'quick-lru'
import { OAuthError } from '../oauth/errors.ts'

const keptAddresses = 10_000

export class RequestPace {
  readonly #most: number
  readonly #periodMs: number
  readonly #now: () => number
  readonly #seen = new QuickLRU<string, { count: number; sinceMs: number }>({ maxSize: keptAddresses })

  constructor(most: number, periodMs: number, now: () => number) {
    this.#most = most
    this.#periodMs = periodMs
    this.#now = now
  }

  /** @throws OAuthError temporarily_unavailable with status 429 */
  admit(address: string): void {
    const nowMs = this.#now()
    const known = this.#seen.get(address)
    const seen = known && nowMs < known.sinceMs + this.#periodMs ? known : { count: 0, sinceMs: nowMs }
    this.#seen.set(address, seen)
    if (++seen.count <= this.#most) return
    const error = new OAuthError('temporarily_unavailable', 'too many requests from this address', 429)
    error.retryAfterSeconds = Math.ceil((seen.sinceMs + this.#periodMs - nowMs) / 1000)
    throw error
  }
}
