/** Requests of the administrator over HTTP: each signed, for this server alone, and good once. */
import type { FastifyRequest } from 'fastify'
import type { AuthorizationContext } from '../authorization-server/context.ts'
import { OAuthError } from '../oauth/errors.ts'
import { parseSignedRequestHeader, signedRequestText } from '../oauth/signed-request.ts'

/** How far the clock of the administrator's machine may be away. */
const validSeconds = 60
/** More signed requests than this in twice that time are no auditor's. */
const mostNonces = 10_000

export class AdministratorRequests {
  readonly #context: AuthorizationContext
  /** Nonces of the administrator's own requests, with the second from which their time has passed. */
  readonly #used = new Map<string, number>()

  constructor(context: AuthorizationContext) {
    this.#context = context
  }

  /**
   * Whether the administrator asks; false for a request that does not say so.
   *
   * @throws OAuthError invalid_client where it says so and the signature does not hold, or held before
   */
  admits({ method, url, headers }: FastifyRequest): boolean {
    const signed = parseSignedRequestHeader(headers.authorization)
    if (!signed) return false
    const { settings, verifyMessage, now } = this.#context
    const { timeSeconds, nonce, signature } = signed
    const nowSeconds = Math.floor(now() / 1000)
    if (Math.abs(nowSeconds - timeSeconds) > validSeconds)
      throw new OAuthError('invalid_client', `the time is more than ${validSeconds} seconds away from mine`)
    const address = settings.issuer + url
    const text = signedRequestText({ method, address, timeSeconds, nonce })
    if (!verifyMessage(settings.administratorAddress, text, signature))
      throw new OAuthError('invalid_client', `the administrator did not sign ${method} ${address}`)
    this.#use(nonce, nowSeconds)
    return true
  }

  #use(nonce: string, nowSeconds: number): void {
    for (const [used, untilSeconds] of this.#used)
      if (untilSeconds < nowSeconds) this.#used.delete(used)
      else break
    if (this.#used.has(nonce)) throw new OAuthError('invalid_client', 'the nonce was used before')
    if (this.#used.size >= mostNonces)
      throw new OAuthError('temporarily_unavailable', 'too many signed requests')
    this.#used.set(nonce, nowSeconds + 2 * validSeconds)
  }
}
