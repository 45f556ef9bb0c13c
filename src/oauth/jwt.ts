/** JWTs of this server: verification (RFC 7515, RFC 8725), JWT access tokens (RFC 9068) and ID tokens. */
import { hash } from 'node:crypto'
import {
  type CryptoKey,
  compactVerify,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  importJWK,
  type JWTPayload,
} from 'jose'
import type { Client } from './client.ts'
import type { SigningAlgorithm } from './client-metadata.ts'
import type { IssuedTokens } from './grants/token-answer.ts'
import type { SigningKey } from './signing-key.ts'
import { hashToken, isToken } from './token-format.ts'
import type { User } from './user.ts'
import { claimsOfUser } from './user.ts'
import { openClaims, scopeOfClaim } from './user-claims.ts'

/** What verification needs of a key. */
export type VerifyingKey = Pick<SigningKey, 'algorithm' | 'jwk'>

export interface VerifiedJwt<K extends VerifyingKey = SigningKey> {
  /** The key that signed it, as it is now. */
  key: K
  typ: string | undefined
  payload: JWTPayload
}

/** RFC 9068 section 2.1. */
export const accessTokenType = 'at+jwt'
const longestJwt = 16_384
/** Section 2 leaves it open: an ID token is read once, when it comes. */
const idTokenSeconds = 3600

const imported = new WeakMap<VerifyingKey['jwk'], Promise<CryptoKey | Uint8Array>>()

function publicKeyOf({ jwk, algorithm }: VerifyingKey): Promise<CryptoKey | Uint8Array> {
  const known = imported.get(jwk)
  if (known) return known
  const key = importJWK({ ...jwk }, algorithm)
  imported.set(jwk, key)
  return key
}

/** Whether a text may be a JWT at all: others need no verification. */
export const isJwtText = (text: string): boolean =>
  text.length <= longestJwt && /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/.test(text)

/**
 * What a JWT says, if one of these keys signed it. The key decides the algorithm, never the header: "none", or a
 * public key taken for a secret, cannot pass (RFC 8725 section 3.1). Type, issuer, audience and times are for the
 * caller to check.
 */
export async function verifyJwt<K extends VerifyingKey>(
  jwt: string,
  keyOf: (kid: string) => K | undefined | Promise<K | undefined>,
): Promise<VerifiedJwt<K> | undefined> {
  if (!isJwtText(jwt)) return undefined
  let key: K | undefined
  try {
    const { payload, protectedHeader } = await compactVerify(jwt, async ({ alg, kid, crit }) => {
      key = typeof kid === 'string' ? await keyOf(kid) : undefined
      if (!key || key.algorithm !== alg || crit !== undefined)
        throw new errors.JWSInvalid('no key of this server')
      return publicKeyOf(key)
    })
    const claims: unknown = JSON.parse(Buffer.from(payload).toString())
    const isObject = typeof claims === 'object' && claims !== null && !Array.isArray(claims)
    return isObject ? { key: key!, typ: protectedHeader.typ, payload: claims as JWTPayload } : undefined
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** The hash by which the ledger knows a JWT access token: that of its `jti`. */
export function hashOfAccessToken({
  typ,
  payload,
}: Pick<VerifiedJwt, 'typ' | 'payload'>): string | undefined {
  const { jti } = payload
  return typ === accessTokenType && typeof jti === 'string' && isToken('jwtId', jti)
    ? hashToken(jti)
    : undefined
}

/** The same of a JWT whose signature nobody has checked. */
export function claimedHashOf(jwt: string): string | undefined {
  try {
    return hashOfAccessToken({ typ: decodeProtectedHeader(jwt).typ, payload: decodeJwt(jwt) })
  } catch {
    return undefined
  }
}

/** `auth_time`, `acr` and `amr` (RFC 9068 section 2.2.1, OpenID Connect Core section 2). */
const authenticationClaims = ({ authentication }: IssuedTokens) =>
  authentication && {
    auth_time: authentication.atSeconds,
    ...(authentication.acr !== undefined && { acr: authentication.acr }),
    ...(authentication.amr && { amr: authentication.amr }),
  }

/** RFC 9068 section 2.2. */
export function accessTokenClaims(
  issued: IssuedTokens,
  client: Client,
  user: User | undefined,
  issuer: string,
): Record<string, unknown> {
  const { access, scopes, subject, resources, jkt, actor } = issued
  const audience = resources ?? client.metadata.resourceIds
  return {
    iss: issuer,
    sub: subject ?? client.clientId,
    aud: audience.length === 0 ? issuer : audience.length === 1 ? audience[0] : audience,
    exp: issued.expiresAtSeconds,
    iat: issued.issuedAtSeconds,
    jti: access.token,
    client_id: client.clientId,
    scope: scopes.join(' '),
    ...authenticationClaims(issued),
    authorities: user ? user.authorities : client.metadata.authorities,
    ...(jkt !== undefined && { cnf: { jkt } }),
    ...(actor && { act: actor }),
  }
}

/** OpenID Connect Core sections 2, 3.1.3.3 and 5.5. */
export function idTokenClaims(
  issued: IssuedTokens,
  client: Client,
  user: User | undefined,
  accessToken: string,
  algorithm: SigningAlgorithm,
  { issuer, nowSeconds }: { issuer: string; nowSeconds: number },
): Record<string, unknown> {
  const { nonce, session, scopes, claims, approvedClaims } = issued
  const asked = Object.keys((claims?.id_token as Record<string, unknown> | undefined) ?? {})
  const { claimsInIdToken } = client.metadata
  const isMeant = (name: string) =>
    asked.includes(name) || (claimsInIdToken === true && scopes.includes(scopeOfClaim(name) ?? ''))
  const open = user ? Object.entries(openClaims(claimsOfUser(user), scopes, approvedClaims)) : []
  return {
    ...Object.fromEntries(open.filter(([name]) => isMeant(name))),
    iss: issuer,
    sub: issued.subject,
    aud: client.clientId,
    exp: Math.min(Math.max(issued.expiresAtSeconds, nowSeconds + 1), nowSeconds + idTokenSeconds),
    iat: nowSeconds,
    ...authenticationClaims(issued),
    ...(nonce !== undefined && { nonce }),
    ...(session !== undefined && { sid: session }),
    at_hash: accessTokenHash(accessToken, algorithm),
  }
}

/** Section 3.1.3.6: the left half of the hash that belongs to the algorithm; SHA-512 for Ed25519. */
export function accessTokenHash(accessToken: string, algorithm: SigningAlgorithm): string {
  const digest = hash(algorithm === 'EdDSA' ? 'sha512' : 'sha256', accessToken, 'buffer')
  return digest.subarray(0, digest.length / 2).toString('base64url')
}
