/** What a client's assertion must say (RFC 7523 section 3, OpenID Connect Core section 9). */
import { hash } from 'node:crypto'
import type { Recorded } from './events.ts'

/** Asymmetric ones only: a key that the ledger publishes must not be one that signs. */
export const assertionAlgorithms = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'Ed25519',
] as const

/** How far clocks may differ. */
const skewSeconds = 30
/** An assertion is remembered until it expires, so it must do so soon. */
const longestLifeSeconds = 3600
const longestJti = 255

export interface AssertionClaims {
  iss?: unknown
  sub?: unknown
  aud?: unknown
  exp?: unknown
  nbf?: unknown
  iat?: unknown
  jti?: unknown
}

/** An assertion that was used: the fold of its stream, which never has a second event. */
export interface UsedAssertion {
  clientId: string
  expiresAtSeconds: number
}

/** What is wrong with the claims of a verified assertion, for the client's developer. */
export function assertionFault(
  claims: AssertionClaims,
  clientId: string,
  issuer: string,
  nowSeconds: number,
): string | undefined {
  const { iss, sub, aud, exp, nbf, iat, jti } = claims
  if (iss !== clientId || sub !== clientId) return 'iss and sub of the assertion must be the client id'
  if (!isForUs(aud, issuer)) return `aud of the assertion must be ${issuer} or the endpoint that was called`
  if (!isTime(exp) || exp <= nowSeconds - skewSeconds) return 'the assertion has expired'
  if (exp > nowSeconds + longestLifeSeconds + skewSeconds)
    return `exp of the assertion is more than ${longestLifeSeconds} seconds ahead`
  if (nbf !== undefined && !(isTime(nbf) && nbf <= nowSeconds + skewSeconds))
    return 'the assertion is not valid yet'
  if (iat !== undefined && !(isTime(iat) && iat <= nowSeconds + skewSeconds))
    return 'the assertion comes from the future'
  if (typeof jti !== 'string' || jti === '' || jti.length > longestJti)
    return `jti of the assertion must be a text of 1 to ${longestJti} characters`
  return undefined
}

/** Until when the use of an assertion with this `exp` must be known. */
export const rememberedUntilSeconds = (exp: number): number => Math.ceil(exp) + skewSeconds

/** The stream that the use of an assertion is the first event of: whoever comes second finds it there. */
export const assertionId = (clientId: string, jti: string): string =>
  hash('sha256', `${clientId}\n${jti}`, 'base64url')

/**
 * The issuer, or an endpoint of this server; in a list nothing else, for another server that the assertion is
 * for as well could use it here first.
 */
function isForUs(aud: unknown, issuer: string): boolean {
  const audiences = Array.isArray(aud) ? aud : [aud]
  const isOurs = (audience: unknown) =>
    typeof audience === 'string' &&
    (audience === issuer ||
      (audience.startsWith(`${issuer}/oauth/`) && /^[a-z_-]+$/.test(audience.slice(issuer.length + 7))))
  return audiences.length > 0 && audiences.every(isOurs)
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

export function evolveAssertion(
  state: UsedAssertion | undefined,
  { event }: Recorded,
): UsedAssertion | undefined {
  if (event.type !== 'assertion.used') return state
  return { clientId: event.clientId, expiresAtSeconds: event.expiresAtSeconds }
}
