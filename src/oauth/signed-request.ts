/**
 * Requests over HTTP that the administrator signs with the Bitcoin key: `Authorization: Coinstack-Signon
 * time="...", nonce="...", signature="..."` (RFC 9110 section 11.4), for what no client may read.
 */
import { OAuthError } from './errors.ts'

export interface SignedRequest {
  method: string
  /** The whole address, so that the signature is worth nothing at another server. */
  address: string
  timeSeconds: number
  /** 16 to 64 characters of base64url, new for each request. */
  nonce: string
}

export interface RequestSignature extends Pick<SignedRequest, 'timeSeconds' | 'nonce'> {
  signature: string
}

const scheme = 'Coinstack-Signon'
/** Each once, in this order, and nothing else. */
const parameters =
  /^coinstack-signon +time="(\d{1,12})", *nonce="([\w-]{16,64})", *signature="([A-Za-z0-9+/]{86,88}={0,2})"$/i

/** What is signed, as a "Bitcoin Signed Message". */
export const signedRequestText = ({ method, address, timeSeconds, nonce }: SignedRequest): string =>
  [
    'coinstack-signon request',
    `method: ${method}`,
    `address: ${address}`,
    `time: ${timeSeconds}`,
    `nonce: ${nonce}`,
  ].join('\n')

export const signedRequestHeader = ({ timeSeconds, nonce, signature }: RequestSignature): string =>
  `${scheme} time="${timeSeconds}", nonce="${nonce}", signature="${signature}"`

/**
 * Undefined for another scheme.
 *
 * @throws OAuthError invalid_client
 */
export function parseSignedRequestHeader(header: string | undefined): RequestSignature | undefined {
  if (header === undefined || !/^coinstack-signon(?: |$)/i.test(header)) return undefined
  const [, time, nonce, signature] = parameters.exec(header) ?? []
  if (time === undefined || nonce === undefined || signature === undefined)
    throw new OAuthError('invalid_client', `${scheme} takes time, nonce and signature`)
  return { timeSeconds: Number(time), nonce, signature }
}
