/** `id_token_hint`: an ID token of this server's that says who is expected (OpenID Connect Core section 3.1.2.1). */
import { OAuthError } from './errors.ts'

const longestHint = 8192

/**
 * The subject that an ID token names. The signature is not looked at: the hint gives nothing, it only makes the
 * server refuse where somebody else is logged in.
 *
 * @throws OAuthError invalid_request for what is not an ID token of this issuer
 */
export function subjectOfHint(hint: string, issuer: string): string {
  const parts = hint.length > longestHint ? [] : hint.split('.')
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString())
    if (parts.length === 3 && typeof claims === 'object' && claims !== null) {
      const { iss, sub } = claims as Record<string, unknown>
      if (iss === issuer && typeof sub === 'string' && sub !== '') return sub
    }
  } catch {
    // Falls through to the one refusal.
  }
  throw new OAuthError('invalid_request', 'id_token_hint is not an ID token of this server')
}
