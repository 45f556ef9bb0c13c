/** A receipt that the administrator asks a server for, over HTTP, from anywhere. */
import { randomBytes } from 'node:crypto'
import type { PrivateKey } from '../chain/keys.ts'
import { signMessage } from '../chain/message.ts'
import type { SigningAlgorithm } from '../oauth/client-metadata.ts'
import { hashOfAccessToken, isJwtText, type VerifiedJwt, type VerifyingKey, verifyJwt } from '../oauth/jwt.ts'
import { signedRequestHeader, signedRequestText } from '../oauth/signed-request.ts'
import { type PublicJwk, publicJwk } from '../oauth/signing-key.ts'
import { hashToken } from '../oauth/token-format.ts'
import { ControlError } from './connection.ts'

const longestMs = 20_000

/**
 * @param issuer as the server names itself: what is signed holds for this address alone
 * @param reference a position, or the hash of a token
 * @returns the receipt as text, unverified
 * @throws ControlError malformed, unreachable, or the refusal of the server
 */
export async function fetchReceipt(
  issuer: string,
  reference: string,
  key: PrivateKey,
  nowMs: number,
): Promise<string> {
  assertAddress(issuer)
  const address = `${issuer.replace(/\/$/, '')}/ledger/receipts/${reference}`
  const timeSeconds = Math.floor(nowMs / 1000)
  const nonce = randomBytes(24).toString('base64url')
  const text = signedRequestText({ method: 'GET', address, timeSeconds, nonce })
  const authorization = signedRequestHeader({ timeSeconds, nonce, signature: signMessage(text, key) })
  return textAt(address, { authorization })
}

/**
 * The hash by which a server knows a token. Of a JWT it is that of its `jti`, which counts as it does at introspection: if
 * a key signed it that the server publishes.
 *
 * @throws ControlError malformed, unreachable, not_found, or the refusal of the server
 */
export async function hashOfTokenAt(issuer: string, token: string): Promise<string> {
  if (!isJwtText(token)) return hashToken(token)
  assertAddress(issuer)
  const address = `${issuer.replace(/\/$/, '')}/oauth/jwks`
  const text = await textAt(address)
  let verified: VerifiedJwt<VerifyingKey> | undefined
  try {
    const { keys } = JSON.parse(text) as { keys: (PublicJwk & { kid: string; alg: SigningAlgorithm })[] }
    verified = await verifyJwt(token, (kid) => {
      const jwk = keys.find((it) => it.kid === kid)
      return jwk && { jwk: publicJwk(jwk), algorithm: jwk.alg }
    })
  } catch {
    throw new ControlError('malformed', `${address}: it is no set of keys`)
  }
  const hash = verified && hashOfAccessToken(verified)
  if (hash === undefined)
    throw new ControlError(
      'not_found',
      'the token is no JWT access token that a key of the server signed which it still publishes',
    )
  return hash
}

function assertAddress(issuer: string): void {
  if (!URL.canParse(issuer) || !/^https?:/.test(issuer))
    throw new ControlError('malformed', `${issuer}: an address such as https://signon.example is expected`)
}

async function textAt(address: string, headers: Record<string, string> = {}): Promise<string> {
  let answer: Response
  let body: string
  try {
    answer = await fetch(address, { headers, redirect: 'error', signal: AbortSignal.timeout(longestMs) })
    body = await answer.text()
  } catch (error) {
    const { message, cause } = error as Error
    throw new ControlError('unreachable', `${address}: ${(cause as Error | undefined)?.message || message}`)
  }
  if (answer.status === 200) return body
  throw new ControlError('refused', `the server answers ${answer.status}${reasonIn(body)}`)
}

function reasonIn(body: string): string {
  try {
    const { error_description: reason } = JSON.parse(body) as { error_description?: unknown }
    return typeof reason === 'string' ? `: ${reason.replace(/\p{Cc}/gu, '\ufffd')}` : ''
  } catch {
    return ''
  }
}
