/**
 * Checks of passwords and client secrets against argon2id (RFC 9106).
 *
 * A right answer is remembered by a hash of the secret under a key that lives as long as the process, so that issuing
 * does not pay 9 ms of argon2 each time; the memory of a secret lives as long as its argon2 hash.
 *
 * Of libuv's four threads argon2 gets three at most, for LevelDB works on the same ones; and no more wait than can
 * be done in about a second.
 */
import { hash, randomBytes } from 'node:crypto'
import { hash as argon2, verify } from '@node-rs/argon2'
import QuickLRU from 'quick-lru'
import { OAuthError } from '../oauth/errors.ts'

/** OWASP's smallest recommended setting: 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

const mostAtOnce = 3
const mostWaiting = 256

/** argon2id in PHC string form, at once: for a process that serves nobody. */
export const hashSecret = (secret: string): Promise<string> => argon2(secret, cost)

export class SecretChecker {
  readonly #key = randomBytes(32).toString('base64url')
  /** argon2 hash -> keyed hash of the secret that fits it. */
  readonly #known = new QuickLRU<string, string>({ maxSize: 10_000 })
  readonly #underWay = new Map<string, Promise<boolean>>()
  readonly #waiting: (() => void)[] = []
  #atWork = 0
  /** Checked where there is nothing to check against, so that the time does not tell (user enumeration). */
  readonly #decoy: Promise<string> = hashSecret(randomBytes(16).toString('hex'))

  /** Whether this secret was found to be the one of the hash before. */
  isKnown(secretHash: string, secret: string): boolean {
    // How long this comparison takes tells nothing: who guesses cannot compute the keyed hash of a guess.
    return this.#known.get(secretHash) === this.#keyed(secret)
  }

  /**
   * Whether the secret is the one of the hash; without a hash false, after as much work.
   *
   * @throws OAuthError temporarily_unavailable, as a rejection, where too many wait already
   */
  check(secretHash: string | undefined, secret: string): boolean | Promise<boolean> {
    if (secretHash === undefined)
      return this.#decoy.then((decoy) => this.check(decoy, secret)).then(() => false)
    const keyed = this.#keyed(secret)
    if (this.#known.get(secretHash) === keyed) return true
    const id = `${secretHash} ${keyed}`
    const running = this.#underWay.get(id)
    if (running) return running
    const checked = this.#inTurn(() => verify(secretHash, secret))
      .then((isRight) => {
        if (isRight) this.#known.set(secretHash, keyed)
        return isRight
      })
      .finally(() => this.#underWay.delete(id))
    this.#underWay.set(id, checked)
    return checked
  }

  /**
   * argon2id of a new secret, in its turn behind the checks.
   *
   * @throws OAuthError temporarily_unavailable, as a rejection, where too many wait already
   */
  hash(secret: string): Promise<string> {
    return this.#inTurn(() => hashSecret(secret))
  }

  /** The key goes first; what could be appended to a text and its hash helps nobody, for the hash is never shown. */
  #keyed(secret: string): string {
    return hash('sha256', this.#key + secret, 'base64url')
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length >= mostWaiting)
      throw new OAuthError('temporarily_unavailable', 'too many secrets to check at once; try again')
    if (this.#atWork >= mostAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#atWork++
    try {
      return await work()
    } finally {
      // The place goes on to whoever waits longest.
      const next = this.#waiting.shift()
      if (next) next()
      else this.#atWork--
    }
  }
}
