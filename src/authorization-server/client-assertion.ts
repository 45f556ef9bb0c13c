/** private_key_jwt: a client proves itself by a signed JWT (RFC 7523 section 2.2, OpenID Connect Core section 9). */
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { LedgerError } from '../ledger/errors.ts'
import type { Client } from '../oauth/client.ts'
import {
  assertionAlgorithms,
  assertionFault,
  assertionId,
  rememberedUntilSeconds,
} from '../oauth/client-assertion.ts'
import { OAuthError } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import type { AuthorizationContext } from './context.ts'

/**
 * Resolves with true once the use of the assertion is on disk: `jti` counts once, over restarts and on every server
 * of the ledger, for its stream begins with the use.
 *
 * @returns false where no key of the client's signed it
 * @throws OAuthError invalid_client for what is signed and wrong, and where the keys cannot be had
 * @throws LedgerError unavailable
 */
export async function proveByAssertion(
  context: AuthorizationContext,
  client: Client,
  assertion: string,
): Promise<boolean> {
  const { ledger, settings, now } = context
  const claims = await verifiedClaims(context, client, assertion)
  if (!claims) return false
  const nowMs = now()
  const { clientId, registeredAtVersion: clientVersion } = client
  const fault = assertionFault(claims, clientId, settings.issuer, nowMs / 1000)
  if (fault !== undefined) throw new OAuthError('invalid_client', fault)
  const expiresAtSeconds = rememberedUntilSeconds(claims.exp!)
  const stream = streamOf.assertion(assertionId(clientId, claims.jti!))
  try {
    await ledger.append(
      stream,
      0,
      [{ type: 'assertion.used', clientId, clientVersion, expiresAtSeconds }],
      nowMs,
    )
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'conflict')
      throw new OAuthError('invalid_client', 'the assertion was used before')
    throw error
  }
  return true
}

async function verifiedClaims(
  { clientKeys, now }: AuthorizationContext,
  client: Client,
  assertion: string,
): Promise<JWTPayload | undefined> {
  const keys = await clientKeys.keysOf(client)
  // It is the client's address that fails and not this server: RFC 6749 section 5.2 has no error for the token endpoint
  // but "client authentication failed", and a 503 would have whoever watches this server look for the fault here.
  if (!keys)
    throw new OAuthError('invalid_client', 'the keys of the client cannot be fetched from its jwks_uri')
  const verified = await verify(assertion, keys, now())
  if (verified !== 'no key') return verified
  const newer = await clientKeys.keysOf(client, true)
  const again = newer ? await verify(assertion, newer, now()) : undefined
  return again === 'no key' ? undefined : again
}

type Verified = JWTPayload | 'no key' | undefined

/** The claims if one of the keys signed it. Their times are `assertionFault`'s to judge. */
async function verify(assertion: string, keys: JWTVerifyGetKey, nowMs: number): Promise<Verified> {
  const options = {
    algorithms: [...assertionAlgorithms],
    currentDate: new Date(nowMs),
    clockTolerance: Number.MAX_SAFE_INTEGER,
  }
  try {
    return (await jwtVerify(assertion, keys, options)).payload
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return 'no key'
    // Without `kid`, and several keys of this kind: it may be any of them.
    if (error instanceof errors.JWKSMultipleMatchingKeys) {
      for await (const key of error) {
        try {
          return (await jwtVerify(assertion, key, options)).payload
        } catch (cause) {
          if (!isRefusal(cause)) throw cause
        }
      }
      return undefined
    }
    if (isRefusal(error)) return undefined
    throw error
  }
}

/** jose's own errors, and what WebCrypto throws for keys that are none. */
const isRefusal = (error: unknown): boolean =>
  error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException
