/** How a client says who it is: RFC 6749 section 2.3, RFC 6749 section 3.2.1 for public clients. */
import { OAuthError } from './errors.ts'

export interface ClientCredentials {
  clientId: string
  /** Missing where a public client only names itself. */
  secret?: string
  method: 'client_secret_basic' | 'client_secret_post' | 'none'
}

/** application/x-www-form-urlencoded decoding of one value (RFC 6749 appendix B). */
function formDecode(text: string): string {
  return /[+%]/.test(text) ? decodeURIComponent(text.replaceAll('+', ' ')) : text
}

/**
 * Section 2.3.1: client id and secret are form-encoded, joined with a colon, then base64.
 *
 * @throws OAuthError invalid_client
 */
function basicCredentials(header: string): ClientCredentials {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1]
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon <= 0) throw new OAuthError('invalid_client', 'the Authorization header is not HTTP Basic')
  try {
    const clientId = formDecode(text.slice(0, colon))
    const secret = formDecode(text.slice(colon + 1))
    // "The client MAY omit the parameter if the client secret is an empty string": an empty one is none.
    return secret === '' ? { clientId, method: 'none' } : { clientId, secret, method: 'client_secret_basic' }
  } catch {
    throw new OAuthError('invalid_client', 'client id or secret is not form-encoded (RFC 6749 section 2.3.1)')
  }
}

/**
 * Finds the credentials in header and form. "The client MUST NOT use more than one authentication method in
 * each request" (section 2.3).
 *
 * @throws OAuthError invalid_client, or invalid_request for two methods at once
 */
export function clientCredentials(
  authorization: string | undefined,
  form: Readonly<Record<string, string | undefined>>,
): ClientCredentials {
  if (authorization !== undefined) {
    const basic = basicCredentials(authorization)
    if (form.client_secret !== undefined)
      throw new OAuthError('invalid_request', 'the client used more than one authentication method')
    if (form.client_id !== undefined && form.client_id !== basic.clientId)
      throw new OAuthError('invalid_request', 'client_id is not the one of the Authorization header')
    return basic
  }
  if (form.client_id === undefined || form.client_id === '')
    throw new OAuthError('invalid_client', 'the client did not say who it is')
  return form.client_secret === undefined
    ? { clientId: form.client_id, method: 'none' }
    : { clientId: form.client_id, secret: form.client_secret, method: 'client_secret_post' }
}
