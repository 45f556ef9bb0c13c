/** Scopes (RFC 6749 section 3.3). */
import { OAuthError } from './errors.ts'

const token = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** A scope-token is printable ASCII without space, double quote and backslash. */
export const isScopeToken = (text: string): boolean => token.test(text)

/**
 * Narrows the requested scopes to those of the client; without a request, all of the client's.
 *
 * @throws OAuthError invalid_scope for malformed text, or when nothing is left
 */
export function narrowScopes(requested: string | undefined, allowed: readonly string[]): string[] {
  if (requested === undefined || requested === '') return [...allowed]
  const scopes = requested.split(' ')
  if (!scopes.every(isScopeToken)) throw new OAuthError('invalid_scope', 'scope is malformed')
  const granted = [...new Set(scopes)].filter((scope) => allowed.includes(scope))
  if (granted.length === 0)
    throw new OAuthError('invalid_scope', 'none of the requested scopes is open to this client')
  return granted
}

/**
 * Scopes of a refresh: "MUST NOT include any scope not originally granted by the resource owner" (RFC 6749
 * section 6); all of them where none is named.
 *
 * @throws OAuthError invalid_scope
 */
export function scopesWithin(requested: string | undefined, granted: readonly string[]): string[] {
  const scopes = narrowScopes(requested, granted)
  const isWithin = requested === undefined || requested.split(' ').every((scope) => granted.includes(scope))
  if (!isWithin) throw new OAuthError('invalid_scope', 'a scope is asked for that was not granted')
  return scopes
}
