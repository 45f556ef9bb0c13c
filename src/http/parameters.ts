/** Parameters of a request as the protocol sees them: text, each at most once. */
import { OAuthError } from '../oauth/errors.ts'

export type Parameters = Readonly<Record<string, string | undefined>>

const none: Parameters = Object.freeze(Object.create(null))

/** Parameters that may come several times (RFC 8707 section 2, RFC 8693 section 2.1). */
const repeatable = new Set(['resource', 'audience'])

/**
 * Query or form parameters. Of those that may come several times the values stand in one, separated by spaces. "Request and response parameters MUST NOT be included more than once" and
 * "parameters sent without a value MUST be treated as if they were omitted" (RFC 6749 sections 3.1 and 3.2).
 *
 * @throws OAuthError invalid_request, naming the parameter
 */
export function parameters(input: unknown): Parameters {
  if (typeof input !== 'object' || input === null) return none
  const result: Record<string, string | undefined> = Object.create(null)
  for (const [name, value] of Object.entries(input)) {
    if (Array.isArray(value) && repeatable.has(name)) {
      result[name] = value.filter(Boolean).join(' ')
      continue
    }
    if (typeof value !== 'string')
      throw new OAuthError('invalid_request', `the parameter ${name.slice(0, 40)} is given more than once`)
    if (value !== '') result[name] = value
  }
  return result
}

/** The values of a field that may come several times, such as the ticked boxes of a form. */
export function listParameter(input: unknown, name: string): string[] {
  const value =
    typeof input === 'object' && input !== null ? (input as Record<string, unknown>)[name] : undefined
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string')
}
