/** A key that signs ID tokens and JWT access tokens: the fold of its stream, which bears its thumbprint. */
import { hash } from 'node:crypto'
import type { SigningAlgorithm } from './client-metadata.ts'
import type { Recorded } from './events.ts'

/** Public members of a JWK (RFC 7517 section 4), without `kid`, `use` and `alg`. */
export type PublicJwk = Readonly<Record<string, string>>

export interface SigningKey {
  /** Thumbprint of the key (RFC 7638). */
  kid: string
  algorithm: SigningAlgorithm
  jwk: PublicJwk
  /** The server that has the private key. */
  serverAddress: string
  publishedAtSeconds: number
  activatedAtSeconds: number | null
  replaced: { reason: ReplacementReason; atSeconds: number; lastExpiresAtSeconds: number } | null
  retiredAtSeconds: number | null
}

/** `missing`: the private key was not there or not readable. `withdrawn`: the algorithm is no longer set. */
export type ReplacementReason = 'schedule' | 'operator' | 'compromised' | 'missing' | 'withdrawn'

/**
 * Pending: published, so that caches know it before it signs. Active: signs. Retiring: published until the last
 * token it signed has expired. Retired: known to auditors only.
 */
export type SigningKeyStatus = 'pending' | 'active' | 'retiring' | 'retired'

export const statusOf = ({
  activatedAtSeconds,
  replaced,
  retiredAtSeconds,
}: SigningKey): SigningKeyStatus => {
  if (retiredAtSeconds !== null) return 'retired'
  if (replaced) return 'retiring'
  return activatedAtSeconds === null ? 'pending' : 'active'
}

/** Members that RFC 7638 section 3.2 and RFC 8037 section 2 require, in lexicographic order. */
const thumbprintMembers: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

/** The public members that the key's type requires, in lexicographic order; whatever else is there goes. */
export function publicJwk(jwk: Readonly<Record<string, unknown>>): PublicJwk {
  const members = thumbprintMembers[String(jwk.kty)] ?? []
  return Object.fromEntries(members.map((name) => [name, String(jwk[name])]))
}

/** RFC 7638 section 3, with SHA-256, base64url. */
export const jwkThumbprint = (jwk: Readonly<Record<string, unknown>>): string =>
  hash('sha256', JSON.stringify(publicJwk(jwk)), 'base64url')

export function evolveSigningKey(
  state: SigningKey | undefined,
  { event, stream, timeMs }: Recorded,
): SigningKey | undefined {
  const seconds = Math.floor(timeMs / 1000)
  switch (event.type) {
    case 'signing_key.published':
      return {
        kid: stream.slice(stream.indexOf(':') + 1),
        algorithm: event.algorithm,
        jwk: event.jwk,
        serverAddress: event.serverAddress,
        publishedAtSeconds: seconds,
        activatedAtSeconds: null,
        replaced: null,
        retiredAtSeconds: null,
      }
    case 'signing_key.activated':
      return state && { ...state, activatedAtSeconds: seconds }
    case 'signing_key.replaced': {
      const { reason, lastExpiresAtSeconds } = event
      return state && { ...state, replaced: { reason, atSeconds: seconds, lastExpiresAtSeconds } }
    }
    case 'signing_key.retired':
      return state && { ...state, retiredAtSeconds: seconds }
    default:
      return state
  }
}
