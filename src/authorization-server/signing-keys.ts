/**
 * The keys that sign ID tokens and JWT access tokens, and all that they are published for.
 *
 * The ledger says what every key is (`key-ring.ts`). Servers of one ledger each sign with keys of their own and publish
 * them all. A key's file is on disk before its event is: dying between the two leaves a file that nobody knows, which
 * goes with the next change.
 */
import { CompactSign, exportJWK, generateKeyPair, type JWK } from 'jose'
import { LedgerError } from '../ledger/errors.ts'
import type { ClientMetadata, SigningAlgorithm } from '../oauth/client-metadata.ts'
import { type Event, streamOf } from '../oauth/events.ts'
import { type VerifiedJwt, verifyJwt } from '../oauth/jwt.ts'
import { type KeySchedule, type KeyStep, nextKeyStep, signingKeyOf } from '../oauth/key-rotation.ts'
import {
  jwkThumbprint,
  publicJwk,
  type ReplacementReason,
  type SigningKey,
  type SigningKeyStatus,
  statusOf,
} from '../oauth/signing-key.ts'
import { KeyRing, type KeyRingSources } from './key-ring.ts'

export interface SigningKeySources extends KeyRingSources {
  schedule: KeySchedule
  /** Lifetime of an access token whose client does not set its own. */
  accessSeconds: number
  now: () => number
}

/** Tokens under way while a key is replaced, and clocks that differ a little. */
const marginSeconds = 300
const modulusBits = 2048
const mostSteps = 100

export class SigningKeys {
  readonly #sources: SigningKeySources
  readonly #ring: KeyRing
  #turn: Promise<unknown> = Promise.resolve()

  /** Knows the keys that the ledger holds already once `load` has resolved. */
  constructor(sources: SigningKeySources) {
    this.#sources = sources
    this.#ring = new KeyRing(sources)
  }

  load(): Promise<void> {
    return this.#ring.load()
  }

  static async open(sources: SigningKeySources): Promise<SigningKeys> {
    const keys = new SigningKeys(sources)
    await keys.load()
    return keys
  }

  /** The algorithms that this server signs with; the first is that of JWT access tokens. */
  get algorithms(): readonly SigningAlgorithm[] {
    return this.#sources.schedule.algorithms
  }

  /**
   * That of what is signed for a relying party: "The default, if omitted, is RS256" (OpenID Connect Registration
   * section 2), which clients take no other for; where this server does not sign with it, the first.
   */
  algorithmFor({ idTokenAlgorithm }: ClientMetadata): SigningAlgorithm {
    return idTokenAlgorithm ?? (this.algorithms.includes('RS256') ? 'RS256' : this.algorithms[0]!)
  }

  /** Why a client cannot have the signatures that it is registered for; undefined where it can. */
  objection({ idTokenAlgorithm, userinfoAlgorithm }: ClientMetadata): string | undefined {
    const wanted = {
      id_token_signed_response_alg: idTokenAlgorithm,
      userinfo_signed_response_alg: userinfoAlgorithm,
    }
    for (const [member, algorithm] of Object.entries(wanted))
      if (algorithm !== undefined && !this.algorithms.includes(algorithm))
        return `${member}: this server signs with ${this.algorithms.join(', ')} only`
    return undefined
  }

  /** All keys of the ledger, the oldest first. */
  list(): SigningKey[] {
    return this.#ring.list()
  }

  /**
   * Signs (RFC 7515) with the active key of the algorithm; makes the first one where there is none.
   *
   * @throws LedgerError unavailable; RangeError for an algorithm that is not set
   */
  async sign(
    typ: string,
    payload: Readonly<Record<string, unknown>>,
    algorithm: SigningAlgorithm = this.algorithms[0]!,
  ): Promise<string> {
    const kid = this.#signingKid(algorithm) ?? (await this.#prepare(algorithm))
    return new CompactSign(Buffer.from(JSON.stringify(payload)))
      .setProtectedHeader({ alg: algorithm, typ, kid })
      .sign(this.#ring.privateKey(kid)!)
  }

  /** What a JWT says if a key of this ledger signed it, retired ones included. */
  verify(jwt: string): Promise<VerifiedJwt | undefined> {
    return verifyJwt(jwt, (kid) => this.#ring.get(kid))
  }

  /** The JWK set to publish (RFC 7517 section 5): what signs, signed or will sign. */
  jwks(): { keys: Record<string, string>[] } {
    const published = this.list().filter((key) => statusOf(key) !== 'retired')
    return { keys: published.map(({ jwk, algorithm, kid }) => ({ ...jwk, use: 'sig', alg: algorithm, kid })) }
  }

  /** Makes sure that every algorithm has a key that signs. */
  async ensure(): Promise<void> {
    for (const algorithm of this.algorithms)
      if (this.#signingKid(algorithm) === undefined) await this.#prepare(algorithm)
  }

  /**
   * Does what is due for the algorithms that are in use; resolves with what was done.
   *
   * @throws LedgerError unavailable
   */
  maintain(): Promise<KeyStep[]> {
    return this.#inTurn(() => this.#settle(this.#usedAlgorithms()))
  }

  /**
   * Replaces the signing keys now, by the next ones where they are published already.
   *
   * @param compromised what was signed with the present keys, and with the next ones, counts no more
   */
  rotate(algorithms: readonly SigningAlgorithm[] | undefined, compromised: boolean): Promise<KeyStep[]> {
    return this.#inTurn(async () => {
      const done: KeyStep[] = []
      const wanted = algorithms ?? this.algorithms
      const others = wanted.filter((algorithm) => !this.algorithms.includes(algorithm))
      if (others.length > 0) throw new RangeError(`signon.keys.algorithms does not hold ${others.join(', ')}`)
      for (const algorithm of wanted) {
        const own = (await this.#ring.held()).filter(({ key }) => key.algorithm === algorithm)
        const pending = own.filter(({ key }) => statusOf(key) === 'pending')
        const next = pending.find(({ isUsable }) => isUsable)?.key
        const steps: KeyStep[] = compromised
          ? pending.map(({ key }) => ({ do: 'retire', key }))
          : next
            ? [{ do: 'activate', key: next }]
            : []
        if (steps.every((step) => step.do !== 'activate'))
          steps.push({ do: 'create', algorithm, activate: true })
        const reason = compromised ? 'compromised' : 'operator'
        for (const { key } of own) if (statusOf(key) === 'active') steps.push({ do: 'replace', key, reason })
        for (const step of steps) await this.#take(step)
        done.push(...steps)
      }
      return [...done, ...(await this.#settle(wanted))]
    })
  }

  /**
   * Takes a key over that was made elsewhere: it signs from now on, in place of the present one of its algorithm, and
   * is rotated as all are. A key that the ledger knows is not taken twice: one that was replaced stays replaced.
   *
   * @param secret its private JWK, of this algorithm
   * @returns what it is already where the ledger knows it; undefined where it was taken over now
   * @throws RangeError for an algorithm that is not set; LedgerError unavailable
   */
  adopt(secret: JWK, algorithm: SigningAlgorithm): Promise<SigningKeyStatus | undefined> {
    return this.#inTurn(async () => {
      if (!this.algorithms.includes(algorithm))
        throw new RangeError(`signon.keys.algorithms does not hold ${algorithm}`)
      const known = this.#ring.get(jwkThumbprint({ ...secret }))
      if (known) return statusOf(known)
      const former = (await this.#ring.held()).filter(
        ({ key }) => key.algorithm === algorithm && statusOf(key) === 'active',
      )
      await this.#publish(secret, algorithm, true)
      for (const { key } of former) await this.#take({ do: 'replace', key, reason: 'operator' })
      await this.#settle([algorithm])
      return undefined
    })
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#turn
  }

  #usedAlgorithms(): SigningAlgorithm[] {
    return [...new Set(this.#ring.heldNow().map(({ key }) => key.algorithm))]
  }

  #signingKid(algorithm: SigningAlgorithm): string | undefined {
    return signingKeyOf(this.#ring.heldNow(), algorithm)?.kid
  }

  async #prepare(algorithm: SigningAlgorithm): Promise<string> {
    if (!this.algorithms.includes(algorithm))
      throw new RangeError(`this server does not sign with ${algorithm}: it is not in signon.keys.algorithms`)
    await this.#inTurn(() => this.#settle([algorithm]))
    return this.#signingKid(algorithm)!
  }

  /** One change after the other: each decides upon what the one before has left. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(change)
    this.#turn = result.catch(() => undefined)
    return result
  }

  async #settle(algorithms: readonly SigningAlgorithm[]): Promise<KeyStep[]> {
    const { schedule, now } = this.#sources
    const done: KeyStep[] = []
    for (const algorithm of algorithms)
      while (done.length < mostSteps) {
        const held = await this.#ring.held()
        const step = nextKeyStep(held, algorithm, schedule, Math.floor(now() / 1000))
        if (!step) break
        await this.#take(step)
        done.push(step)
      }
    if (done.length > 0) await this.#ring.removeFiles()
    return done
  }

  async #take(step: KeyStep): Promise<void> {
    if (step.do === 'create') return this.#create(step.algorithm, step.activate)
    const { kid } = step.key
    if (step.do !== 'replace') {
      await this.#append(kid, [
        { type: step.do === 'activate' ? 'signing_key.activated' : 'signing_key.retired' },
      ])
    } else {
      const lastExpiresAtSeconds = await this.#lastExpiry(step.reason)
      await this.#append(kid, [{ type: 'signing_key.replaced', reason: step.reason, lastExpiresAtSeconds }])
    }
    if (step.do !== 'activate') this.#ring.forget(kid)
  }

  async #create(algorithm: SigningAlgorithm, activate: boolean): Promise<void> {
    const pair = await generateKeyPair(algorithm, { extractable: true, modulusLength: modulusBits })
    await this.#publish(await exportJWK(pair.privateKey), algorithm, activate)
  }

  async #publish(secret: JWK, algorithm: SigningAlgorithm, activate: boolean): Promise<void> {
    const jwk = publicJwk({ ...secret })
    const kid = jwkThumbprint(jwk)
    await this.#ring.hold(kid, secret, algorithm)
    const published: Event = {
      type: 'signing_key.published',
      algorithm,
      jwk,
      serverAddress: this.#sources.serverAddresses[0]!,
    }
    await this.#append(kid, activate ? [published, { type: 'signing_key.activated' }] : [published])
  }

  /** An append that is lost to another one is somebody's who did the same: the next look at the keys tells. */
  async #append(kid: string, events: readonly Event[]): Promise<void> {
    const { ledger, models, now } = this.#sources
    const stream = streamOf.signingKey(kid)
    try {
      await ledger.append(stream, models.versionOf(stream), events, now())
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== 'conflict') throw error
      await ledger.settled()
    }
  }

  /** When the last token that a key may have signed until now ends: no client has a longer lifetime. */
  async #lastExpiry(reason: ReplacementReason): Promise<number> {
    const { models, accessSeconds, now } = this.#sources
    const nowSeconds = Math.floor(now() / 1000)
    if (reason === 'compromised') return nowSeconds
    let longest = accessSeconds
    for await (const { metadata, removed } of models.list('client'))
      if (!removed) longest = Math.max(longest, metadata.accessTokenValiditySeconds ?? 0)
    return nowSeconds + longest + marginSeconds
  }
}
