/** `id_token_hint`: an ID token of this server's that says who is meant (OpenID Connect Core section 3.1.2.1). */
import { OAuthError } from '../oauth/errors.ts'
import type { AuthorizationContext } from './context.ts'

export interface Hint {
  subject: string
  audience: string[]
}

/**
 * Whom an ID token names; one that has expired will do.
 *
 * @throws OAuthError invalid_request for anything but an ID token of this server
 */
export async function readHint({ keys, settings }: AuthorizationContext, jwt: string): Promise<Hint> {
  const verified = await keys.verify(jwt)
  const { iss, sub, aud } = verified?.payload ?? {}
  // Other tokens that are JWTs name their type (RFC 9068, Back-Channel Logout section 2.4).
  const isIdToken = ['JWT', undefined].includes(verified?.typ?.toUpperCase())
  const audience = [aud ?? []].flat()
  if (!verified || !isIdToken || iss !== settings.issuer || typeof sub !== 'string' || audience.length === 0)
    throw new OAuthError('invalid_request', 'id_token_hint is not an ID token of this server')
  return { subject: sub, audience }
}
