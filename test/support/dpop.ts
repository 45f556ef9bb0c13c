/** DPoP proofs as a client makes them (RFC 9449 section 4.2), and wrong ones. */
import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

export interface ProofKey {
  thumbprint: string
  /** @param changes of claims; undefined takes one away */
  proof(
    about: { method: string; url: string; atSeconds: number; nonce?: string; accessToken?: string },
    changes?: { claims?: Record<string, unknown>; header?: Record<string, unknown> },
  ): Promise<string>
}

export async function createProofKey(alg = 'ES256'): Promise<ProofKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  return {
    thumbprint: await calculateJwkThumbprint(jwk),
    proof({ method, url, atSeconds, nonce, accessToken }, { claims, header } = {}) {
      const payload: JWTPayload = {
        jti: randomUUID(),
        htm: method,
        htu: url,
        iat: atSeconds,
        ...(nonce !== undefined && { nonce }),
        ...(accessToken !== undefined && {
          ath: createHash('sha256').update(accessToken).digest('base64url'),
        }),
        ...claims,
      }
      return new SignJWT(payload)
        .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk, ...header })
        .sign(privateKey)
    },
  }
}
