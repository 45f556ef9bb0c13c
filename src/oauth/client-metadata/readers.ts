/** How each member of what is written about a client is read, and what is expected of it. */
import type { ClientAuthenticationMethod, ClientMetadata, SigningAlgorithm } from '../client-metadata.ts'
import { isRegistrableRedirectUri } from '../redirect-uri.ts'
import { isScopeToken } from '../scope.ts'
import { isText } from '../text.ts'

/** One line that says which member is wrong and what is expected. */
export class ClientMetadataError extends Error {
  override name = 'ClientMetadataError'
  readonly code = 'client_metadata'
}

/** SignOn 1.1 had them; RFC 9700 section 2 advises against them, so they are served to whom they were registered for. */
export const discouragedGrantTypes = ['implicit', 'password']
/** Those that a client may be invited to register itself for. */
export const openGrantTypes: readonly string[] = [
  'authorization_code',
  'client_credentials',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
]
const grantTypes = [...openGrantTypes, ...discouragedGrantTypes]
const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']
const clientIdText = /^[\x21\x23-\x5b\x5d-\x7e]+$/
export const longestClientId = 64
const longestValiditySeconds = 10 * 365 * 86_400

/** Reads one member of the input; `where` names it in errors. */
export type Reader<T> = (value: unknown, where: string) => T

export const fail = (where: string, expected: string): never => {
  throw new ClientMetadataError(`${where}: ${expected}`)
}

export const text: Reader<string> = (value, where) =>
  isText(value) && value.length > 0 && value.length <= 2000
    ? value
    : fail(where, 'text of 1 to 2000 characters is expected')

export const list: Reader<string[]> = (value, where) => {
  const items = typeof value === 'string' ? [value] : value
  if (!Array.isArray(items) || items.length > 100 || !items.every((item) => isText(item) && item !== ''))
    return fail(where, 'a list of at most 100 texts is expected')
  return [...new Set(items)]
}

export const scopeList: Reader<string[]> = (value, where) => {
  const scopes = list(typeof value === 'string' ? value.split(' ').filter(Boolean) : value, where)
  const wrong = scopes.find((scope) => !isScopeToken(scope))
  return wrong === undefined ? scopes : fail(where, `"${wrong}" is not a scope (RFC 6749 section 3.3)`)
}

export const redirectList: Reader<string[]> = (value, where) => {
  const uris = list(value, where)
  const wrong = uris.find((uri) => !isRegistrableRedirectUri(uri))
  return wrong === undefined
    ? uris
    : fail(
        where,
        `"${wrong}" must be an absolute URI without fragment and user, https or http or a private-use scheme`,
      )
}

export const grantTypeList: Reader<string[]> = (value, where) => {
  const types = list(value, where)
  const wrong = types.find((type) => !grantTypes.includes(type))
  return wrong === undefined ? types : fail(where, `"${wrong}" is not one of ${grantTypes.join(', ')}`)
}

export const secondsFrom =
  (least: number): Reader<number> =>
  (value, where) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    return Number.isInteger(number) &&
      (number as number) >= least &&
      (number as number) <= longestValiditySeconds
      ? (number as number)
      : fail(where, `whole seconds from ${least} to ${longestValiditySeconds} are expected`)
  }
export const seconds = secondsFrom(1)

export const textMap: Reader<Record<string, string>> = (value, where) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(where, 'an object of texts is expected')
  const entries = Object.entries(value)
  if (entries.length > 50 || !entries.every(([name, item]) => isText(name) && isText(item)))
    return fail(where, 'an object of at most 50 texts is expected')
  // The record's codec could not give it back as it was signed.
  if (Object.hasOwn(value, '__proto__')) return fail(where, '__proto__ cannot be a name')
  return Object.fromEntries(entries) as Record<string, string>
}

export const method: Reader<ClientAuthenticationMethod> = (value, where) =>
  methods.includes(value as string)
    ? (value as ClientAuthenticationMethod)
    : fail(where, `one of ${methods.join(', ')} is expected`)

export const oneOf =
  <T>(...values: T[]): Reader<T> =>
  (value, where) =>
    values.includes(value as T) ? (value as T) : fail(where, `one of ${values.join(', ')} is expected`)

export const truth = oneOf(true, false)
export const signingAlgorithm = oneOf<SigningAlgorithm>('ES256', 'RS256', 'EdDSA')

/** An address that this server or a browser will open: https, or http on this machine while developing. */
export const webAddress: Reader<string> = (value, where) => {
  const isAddress =
    typeof value === 'string' &&
    isRegistrableRedirectUri(value) &&
    /^(https:|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])/.test(value)
  return isAddress ? value : fail(where, 'an https address without fragment and user is expected')
}

/** RFC 7517 section 5, public keys only: a private member would be published with the ledger. */
export function areJwks(value: unknown): value is NonNullable<ClientMetadata['jwks']> {
  const keys = typeof value === 'object' && value !== null ? (value as { keys?: unknown }).keys : undefined
  const isPublicKey = (key: unknown) =>
    typeof key === 'object' &&
    key !== null &&
    'kty' in key &&
    key.kty !== 'oct' &&
    !('d' in key) &&
    !('k' in key)
  return Array.isArray(keys) && keys.length > 0 && keys.length <= 20 && keys.every(isPublicKey)
}

const publicMembers = ['kty', 'use', 'key_ops', 'alg', 'kid', 'crv', 'x', 'y', 'n', 'e']

/** The members that a signature is checked with; certificates and whatever else stands there are left out. */
export const keySet: Reader<ClientMetadata['jwks']> = (value, where) => {
  if (!areJwks(value)) return fail(where, 'a JWK set of 1 to 20 public keys is expected (RFC 7517 section 5)')
  const keys = value.keys.map((key) =>
    Object.fromEntries(
      publicMembers.flatMap((name) =>
        Object.hasOwn(key, name)
          ? [[name, name === 'key_ops' ? list(key[name], where) : text(key[name], where)]]
          : [],
      ),
    ),
  )
  return { keys }
}

export const responseTypes: Reader<string[]> = (value, where) => {
  const types = list(value, where)
  return types.every((type) => type === 'code' || type === 'token')
    ? types
    : fail(where, '"code" and "token" are expected')
}

export const isClientId = (value: unknown, longest = longestClientId): value is string =>
  typeof value === 'string' && value.length <= longest && clientIdText.test(value)
