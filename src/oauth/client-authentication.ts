/**
 * How a client says who it is: RFC 6749 section 2.3, RFC 7521 section 4.2 with RFC 7523 section 2.2 and OpenID
 * Connect Core section 9, RFC 6749 section 3.2.1 for public clients. A row a method.
 */
import { type ClientAuthenticationMethod, isClientId } from './client-metadata.ts'
import { OAuthError } from './errors.ts'

export interface ClientCredentials {
  clientId: string
  /** Missing where a public client only names itself. */
  secret?: string
  /** A signed JWT: `clientId` is what it says, which its signature has yet to prove. */
  assertion?: string
  method: ClientAuthenticationMethod
}

type Form = Readonly<Record<string, string | undefined>>

interface AuthenticationMethod {
  /** Whether the request uses this method. */
  isUsed(authorization: string | undefined, form: Form): boolean
  /** @throws OAuthError invalid_client */
  read(authorization: string, form: Form): ClientCredentials
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** With room for a chain of certificates in its header. */
const longestAssertion = 16_384

const methods: readonly AuthenticationMethod[] = [
  { isUsed: (authorization) => authorization !== undefined, read: basicCredentials },
  { isUsed: (_, form) => form.client_secret !== undefined, read: (_, form) => postedCredentials(form) },
  {
    isUsed: (_, form) => form.client_assertion !== undefined || form.client_assertion_type !== undefined,
    read: (_, form) => assertedCredentials(form),
  },
]

/** application/x-www-form-urlencoded decoding of one value (RFC 6749 appendix B). */
function formDecode(text: string): string {
  return /[+%]/.test(text) ? decodeURIComponent(text.replaceAll('+', ' ')) : text
}

/** Section 2.3.1: client id and secret are form-encoded, joined with a colon, then base64. */
function basicCredentials(header: string, form: Form): ClientCredentials {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1]
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon <= 0) throw new OAuthError('invalid_client', 'the Authorization header is not HTTP Basic')
  let clientId: string
  let secret: string
  try {
    clientId = formDecode(text.slice(0, colon))
    secret = formDecode(text.slice(colon + 1))
  } catch {
    throw new OAuthError('invalid_client', 'client id or secret is not form-encoded (RFC 6749 section 2.3.1)')
  }
  if (form.client_id !== undefined && form.client_id !== clientId)
    throw new OAuthError('invalid_request', 'client_id is not the one of the Authorization header')
  // "The client MAY omit the parameter if the client secret is an empty string": an empty one is none.
  return secret === '' ? { clientId, method: 'none' } : { clientId, secret, method: 'client_secret_basic' }
}

function postedCredentials(form: Form): ClientCredentials {
  return { clientId: namedClient(form), secret: form.client_secret!, method: 'client_secret_post' }
}

/** RFC 7521 section 4.2: the assertion names the client; `client_id`, where it is sent, must be the same. */
function assertedCredentials(form: Form): ClientCredentials {
  const assertion = form.client_assertion ?? ''
  if (form.client_assertion_type !== assertionType)
    throw new OAuthError('invalid_client', `client_assertion_type must be ${assertionType}`)
  const clientId = subjectOf(assertion)
  if (clientId === undefined)
    throw new OAuthError('invalid_client', 'client_assertion is not a JWT of a client')
  if (form.client_id !== undefined && form.client_id !== clientId)
    throw new OAuthError('invalid_client', 'client_id is not the subject of the assertion')
  return { clientId, assertion, method: 'private_key_jwt' }
}

/** `sub` of a JWT, unverified: only to know whose keys must verify it. */
function subjectOf(assertion: string): string | undefined {
  const payload = /^[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/.exec(assertion)?.[1]
  if (payload === undefined || assertion.length > longestAssertion) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    const subject = typeof claims === 'object' && claims !== null && 'sub' in claims ? claims.sub : undefined
    return isClientId(subject) ? subject : undefined
  } catch {
    return undefined
  }
}

function namedClient(form: Form): string {
  if (form.client_id === undefined || form.client_id === '')
    throw new OAuthError('invalid_client', 'the client did not say who it is')
  return form.client_id
}

/**
 * Finds the credentials in header and form. "The client MUST NOT use more than one authentication method in
 * each request" (RFC 6749 section 2.3).
 *
 * @throws OAuthError invalid_client, or invalid_request for two methods at once
 */
export function clientCredentials(authorization: string | undefined, form: Form): ClientCredentials {
  const [used, ...more] = methods.filter((method) => method.isUsed(authorization, form))
  if (more.length > 0)
    throw new OAuthError('invalid_request', 'the client used more than one authentication method')
  return used ? used.read(authorization ?? '', form) : { clientId: namedClient(form), method: 'none' }
}
