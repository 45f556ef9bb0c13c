/**
 * The public keys of clients that sign: by value, or from an address. What is fetched is kept for some minutes; a
 * key that is not there is looked for once more, and no address is asked more often than every half minute,
 * whatever is sent here in the client's name.
 */
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import QuickLRU from 'quick-lru'
import type { Client } from '../oauth/client.ts'
import { areJwks, type ClientMetadata } from '../oauth/client-metadata.ts'
import type { Outbound } from '../outbound/outbound.ts'

const freshMs = 10 * 60_000
/** Where the address does not answer, keys are believed for this long: a key taken back must end some time. */
const usableMs = 60 * 60_000
const pauseMs = 30_000
const keptSets = 1000
const mediaTypes = ['application/jwk-set+json', 'application/json']

interface Fetched {
  keys: JWTVerifyGetKey | undefined
  fetchedAtMs: number
  askedAtMs: number
  pending: Promise<void> | undefined
}

export class ClientKeys {
  readonly #outbound: Outbound
  readonly #now: () => number
  readonly #byValue = new WeakMap<ClientMetadata, JWTVerifyGetKey>()
  readonly #byAddress = new QuickLRU<string, Fetched>({ maxSize: keptSets })

  constructor(outbound: Outbound, now: () => number) {
    this.#outbound = outbound
    this.#now = now
  }

  /**
   * The client's keys.
   *
   * @param isMissed the keys that were given before do not hold the one that is asked for
   * @returns undefined where there are none to be had now; where `isMissed`, also where there are no newer ones
   */
  async keysOf({ metadata, enrolment }: Client, isMissed = false): Promise<JWTVerifyGetKey | undefined> {
    if (metadata.jwks) return isMissed ? undefined : this.#valuesOf(metadata, metadata.jwks)
    if (metadata.jwksUri === undefined) return undefined
    const namedBy = enrolment ? 'client' : 'administrator'
    const id = `${namedBy} ${metadata.jwksUri}`
    const known = this.#byAddress.get(id) ?? nothingFetched()
    this.#byAddress.set(id, known)
    const before = known.fetchedAtMs
    if ((isMissed || this.#now() - known.fetchedAtMs >= freshMs) && this.#mayAsk(known)) {
      known.pending ??= this.#fetch(known, metadata.jwksUri, namedBy).finally(() => {
        known.pending = undefined
      })
      await known.pending
    }
    const isUsable = this.#now() - known.fetchedAtMs < usableMs
    return isUsable && (!isMissed || known.fetchedAtMs !== before) ? known.keys : undefined
  }

  #mayAsk({ pending, askedAtMs }: Fetched): boolean {
    return pending !== undefined || this.#now() - askedAtMs >= pauseMs
  }

  #valuesOf(metadata: ClientMetadata, jwks: NonNullable<ClientMetadata['jwks']>): JWTVerifyGetKey {
    const known = this.#byValue.get(metadata)
    if (known) return known
    const keys = createLocalJWKSet(jwks as JSONWebKeySet)
    this.#byValue.set(metadata, keys)
    return keys
  }

  async #fetch(known: Fetched, url: string, namedBy: 'administrator' | 'client'): Promise<void> {
    known.askedAtMs = this.#now()
    try {
      const { status, body } = await this.#outbound.send({ url, namedBy, mediaTypes })
      const jwks: unknown = status === 200 ? JSON.parse(body.toString('utf8')) : undefined
      if (!areJwks(jwks)) return
      known.keys = createLocalJWKSet(jwks as unknown as JSONWebKeySet)
      known.fetchedAtMs = this.#now()
    } catch (error) {
      // What cannot be fetched or read leaves the keys that were there.
      if (!(error instanceof SyntaxError) && (error as Error).name !== 'OutboundError') throw error
    }
  }
}

const nothingFetched = (): Fetched => ({
  keys: undefined,
  fetchedAtMs: Number.NEGATIVE_INFINITY,
  askedAtMs: Number.NEGATIVE_INFINITY,
  pending: undefined,
})
