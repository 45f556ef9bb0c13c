/** Clients that prove themselves by private_key_jwt: their keys, their assertions, and wrong ones. */
import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

export interface SigningKey {
  /** The public key, as it is registered. */
  jwk: JWK
  /** @param changes undefined takes a claim away */
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>
}

export async function createSigningKey(alg = 'ES256', kid?: string): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return {
    jwk: { ...(await exportJWK(publicKey)), ...(kid !== undefined && { kid }) },
    sign: (claims, header) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg, ...(kid !== undefined && { kid }), ...header })
        .sign(privateKey),
  }
}

export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** The claims of a good assertion (OpenID Connect Core section 9). */
export const goodClaims = (clientId: string, audience: string, nowMs: number): JWTPayload => {
  const nowSeconds = Math.floor(nowMs / 1000)
  return {
    iss: clientId,
    sub: clientId,
    aud: audience,
    jti: randomUUID(),
    iat: nowSeconds,
    nbf: nowSeconds,
    exp: nowSeconds + 60,
  }
}

export const assertionForm = (assertion: string) => ({
  client_assertion_type: assertionType,
  client_assertion: assertion,
})
