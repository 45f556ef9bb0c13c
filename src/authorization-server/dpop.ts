/**
 * DPoP proofs (RFC 9449): who sends one shows that the key which tokens are bound to is in their hands.
 *
 * A proof counts once. The proofs of the last minutes are remembered in memory; one that a process before this one may
 * have seen must carry a nonce that this process gave out, so that a restart lets no proof through twice.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { calculateJwkThumbprint, EmbeddedJWK, errors, type JWTPayload, jwtVerify } from 'jose'
import { OAuthError } from '../oauth/errors.ts'
import type { KeyedHash } from './keyed-hash.ts'

/** Asymmetric ones only, section 4.2: "MUST NOT be none or an identifier for a symmetric algorithm". */
export const proofAlgorithms = ['ES256', 'ES384', 'ES512', 'PS256', 'RS256', 'EdDSA', 'Ed25519'] as const

/** Section 11.1: "a relatively brief period (on the order of seconds or minutes)". */
const acceptedSeconds = 60
/** A proof from a clock that is further ahead needs a nonce: a process that starts later could not tell that it was used. */
const aheadMs = 1000
/** How long a nonce may be used: clients keep it for their next requests. */
const nonceMs = 300_000
const longestProof = 8192

export interface ProvenRequest {
  /** Value of the DPoP header field. */
  proof: string
  method: string
  /** Address of the endpoint without query and fragment, as clients know it. */
  url: string
  /** Where the proof comes with an access token: then it must name its hash (section 4.3, point 10). */
  accessToken?: string
}

export interface DpopSettings {
  /** Whether every proof needs a nonce (section 8). */
  nonceRequired: boolean
}

export class DpopProofs {
  readonly #nonces: KeyedHash
  readonly #settings: DpopSettings
  readonly #now: () => number
  readonly #startedMs: number
  /** Hashes of the proofs seen in this period and in the one before: all that could still be sent again. */
  #seen = new Set<string>()
  #seenBefore = new Set<string>()
  #periodEndsMs: number

  /** @param nonces keyed hash whose key the servers of one ledger share */
  constructor(nonces: KeyedHash, settings: DpopSettings, now: () => number) {
    this.#nonces = nonces
    this.#settings = settings
    this.#now = now
    this.#startedMs = now()
    this.#periodEndsMs = this.#startedMs + 2 * acceptedSeconds * 1000
  }

  /** The nonce to give out now (section 8.2). */
  nonce(): string {
    return this.#nonceOf(this.#now().toString(36))
  }

  /**
   * Checks a proof (section 4.3) and resolves with the thumbprint of its key (RFC 7638).
   *
   * @throws OAuthError invalid_dpop_proof or use_dpop_nonce
   */
  async verify(request: ProvenRequest): Promise<string> {
    const { payload, jwk } = await this.#verified(request.proof)
    const { jti, iat, htm, htu, ath, nonce } = payload
    if (typeof jti !== 'string' || jti === '' || jti.length > 256) throw refused('jti is missing')
    if (htm !== request.method) throw refused('htm is not the method of this request')
    if (typeof htu !== 'string' || !isSameAddress(htu, request.url))
      throw refused('htu is not the address of this request')
    if (request.accessToken !== undefined && ath !== hash('sha256', request.accessToken, 'base64url'))
      throw refused('ath is not the hash of the access token')
    this.#checkFreshness(iat, nonce)
    const thumbprint = await calculateJwkThumbprint(jwk)
    this.#useOnce(hash('sha256', `${thumbprint} ${jti}`, 'base64url'))
    return thumbprint
  }

  async #verified(proof: string): Promise<{ payload: JWTPayload; jwk: Record<string, string> }> {
    if (proof.length > longestProof || proof.includes(','))
      throw refused('exactly one DPoP proof is expected')
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: [...proofAlgorithms],
        currentDate: new Date(this.#now()),
        clockTolerance: acceptedSeconds,
      })
      const jwk = protectedHeader.jwk as Record<string, string>
      // Section 4.2: the JWK "MUST NOT contain a private key".
      if ('d' in jwk || 'k' in jwk) throw refused('the key of the proof holds private parts')
      return { payload, jwk }
    } catch (error) {
      if (error instanceof OAuthError) throw error
      if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException)
        throw refused('the proof is not a valid JWT of type dpop+jwt, signed by the key in its header')
      throw error
    }
  }

  /** Points 11 of section 4.3, and section 8. */
  #checkFreshness(iat: unknown, nonce: unknown): void {
    const nowMs = this.#now()
    if (typeof iat !== 'number' || Math.abs(nowMs - iat * 1000) > acceptedSeconds * 1000)
      throw refused(`iat is not within ${acceptedSeconds} seconds of now`)
    if (nonce !== undefined) {
      const givenAtMs = this.#timeOf(nonce)
      if (givenAtMs === undefined || nowMs - givenAtMs > nonceMs)
        throw new OAuthError('use_dpop_nonce', 'the nonce of the proof has expired')
      if (givenAtMs >= this.#startedMs) return
    } else if (!this.#settings.nonceRequired) {
      // What a process before this one took without a nonce is dated at most `aheadMs` behind its end.
      if (iat * 1000 > this.#startedMs + aheadMs && iat * 1000 <= nowMs + aheadMs) return
    }
    throw new OAuthError('use_dpop_nonce', 'the proof needs the nonce of this answer')
  }

  #useOnce(id: string): void {
    const nowMs = this.#now()
    if (nowMs >= this.#periodEndsMs) {
      // Whoever was silent for two periods has nothing left that could be sent again.
      const isLongAgo = nowMs >= this.#periodEndsMs + 2 * acceptedSeconds * 1000
      this.#seenBefore = isLongAgo ? new Set() : this.#seen
      this.#seen = new Set()
      this.#periodEndsMs = nowMs + 2 * acceptedSeconds * 1000
    }
    if (this.#seen.has(id) || this.#seenBefore.has(id)) throw refused('the proof was used before')
    this.#seen.add(id)
  }

  /** A nonce is its time and a keyed hash of it: nothing is kept for those that were given out. */
  #nonceOf(time: string): string {
    return `${time}.${this.#nonces.of(`dpop nonce ${time}`)}`
  }

  #timeOf(nonce: unknown): number | undefined {
    if (typeof nonce !== 'string') return undefined
    const [time = ''] = nonce.split('.', 1)
    return isEqual(nonce, this.#nonceOf(time)) ? Number.parseInt(time, 36) : undefined
  }
}

const refused = (description: string) => new OAuthError('invalid_dpop_proof', description)

const isEqual = (given: string, expected: string): boolean =>
  given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected))

/** "ignoring any query and fragment parts", after the normalisation of RFC 3986 section 6.2.2 and 6.2.3. */
function isSameAddress(htu: string, url: string): boolean {
  if (!URL.canParse(htu)) return false
  const { origin, pathname, username, password } = new URL(htu)
  return username === '' && password === '' && `${origin}${pathname}` === new URL(url).href
}
