/** A receipt that the administrator asks a server for, over HTTP, from anywhere. */
import { randomBytes } from 'node:crypto'
import type { PrivateKey } from '../chain/keys.ts'
import { signMessage } from '../chain/message.ts'
import { signedRequestHeader, signedRequestText } from '../oauth/signed-request.ts'
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
  if (!URL.canParse(issuer) || !/^https?:/.test(issuer))
    throw new ControlError('malformed', `${issuer}: an address such as https://signon.example is expected`)
  const address = `${issuer.replace(/\/$/, '')}/ledger/receipts/${reference}`
  const timeSeconds = Math.floor(nowMs / 1000)
  const nonce = randomBytes(24).toString('base64url')
  const text = signedRequestText({ method: 'GET', address, timeSeconds, nonce })
  const authorization = signedRequestHeader({ timeSeconds, nonce, signature: signMessage(text, key) })
  let answer: Response
  let body: string
  try {
    answer = await fetch(address, {
      headers: { authorization },
      redirect: 'error',
      signal: AbortSignal.timeout(longestMs),
    })
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
