/** Parameters of a request as the protocol sees them: text, each at most once. */
import { OAuthError } from '../oauth/errors.ts'

export type Parameters = Readonly<Record<string, string | undefined>>

const none: Parameters = Object.freeze(Object.create(null))

/** Parameters that may come several times (RFC 8707 section 2, RFC 8693 section 2.1). */
const repeatable = new Set(['resource', 'audience'])

/**
 * Query or form parameters, and the names of those that came more often than they may. Of those that may come
 * several times the values stand in one, separated by spaces. "Parameters sent without a value MUST be treated as if
 * they were omitted" (RFC 6749 sections 3.1 and 3.2).
 */
export function distinctParameters(input: unknown): { parameters: Parameters; repeated: string[] } {
  const repeated: string[] = []
  if (typeof input !== 'object' || input === null) return { parameters: none, repeated }
  const result: Record<string, string | undefined> = Object.create(null)
  for (const [name, given] of Object.entries(input)) {
    const value = Array.isArray(given) && repeatable.has(name) ? given.filter(Boolean).join(' ') : given
    if (typeof value !== 'string') repeated.push(name)
    else if (value !== '') result[name] = value
  }
  return { parameters: result, repeated }
}

/** A parameter's name comes from outside, and goes into texts that the wire limits to ASCII. */
export const givenTwice = (name: string): OAuthError =>
  new OAuthError(
    'invalid_request',
    /^[\w.-]{1,40}$/.test(name)
      ? `the parameter ${name} is given more than once`
      : 'a parameter is given more than once',
  )

/**
 * Query or form parameters. "Request and response parameters MUST NOT be included more than once" (RFC 6749
 * sections 3.1 and 3.2).
 *
 * @throws OAuthError invalid_request, naming the parameter
 */
export function parameters(input: unknown): Parameters {
  const { parameters, repeated } = distinctParameters(input)
  if (repeated[0] !== undefined) throw givenTwice(repeated[0])
  return parameters
}

/** The values of a field that may come several times, such as the ticked boxes of a form. */
export function listParameter(input: unknown, name: string): string[] {
  const value =
    typeof input === 'object' && input !== null ? (input as Record<string, unknown>)[name] : undefined
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string')
}
