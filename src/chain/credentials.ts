import { createHash, createHmac } from 'node:crypto'

/** Access to a node that asks for it: a signing pair, or a bare token. */
export type Credentials =
  | { readonly accessKey: string; readonly secretKey: string }
  | { readonly token: string }

export interface SignedRequest {
  readonly method: string
  readonly url: URL
  /** JSON text; undefined where the request has no body. */
  readonly body: string | undefined
  /** RFC 3339; the node allows 15 minutes of difference. */
  readonly timestamp: string
}

const contentType = 'application/json'

/**
 * Headers that prove the credentials for one request. Coinstack's scheme: HMAC-SHA256 over method, host with
 * port, path without query, timestamp, Content-MD5 and Content-Type, each followed by a newline.
 */
export function credentialHeaders(credentials: Credentials, request: SignedRequest): Record<string, string> {
  if ('token' in credentials) return { APIKey: credentials.token }
  const contentMd5 = request.body === undefined ? '' : createHash('md5').update(request.body).digest('base64')
  const { host, pathname } = request.url
  const { timestamp } = request
  const text = [request.method, host, pathname, timestamp, contentMd5, contentType, ''].join('\n')
  const signature = createHmac('sha256', credentials.secretKey).update(text).digest('base64')
  return {
    Authorization: `APIKey=${credentials.accessKey},Signature=${signature},Timestamp=${timestamp}`,
    'Content-Type': contentType,
    ...(contentMd5 === '' ? {} : { 'Content-MD5': contentMd5 }),
  }
}
