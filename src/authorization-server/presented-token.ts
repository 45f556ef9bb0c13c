/** A token as somebody presents it: opaque, or a JWT access token (RFC 9068) that is known by its `jti`. */
import { hashOfAccessToken, isJwtText } from '../oauth/jwt.ts'
import { statusOf } from '../oauth/signing-key.ts'
import { hashToken, isToken } from '../oauth/token-format.ts'
import type { AuthorizationContext } from './context.ts'

/**
 * The hash by which the ledger knows an access or refresh token. A `jti` alone is none: only what this server
 * signed, with a key that is still published, leads to it. Of an opaque token it is there at once.
 */
export function presentedHash(
  context: Pick<AuthorizationContext, 'keys' | 'settings'>,
  token: string,
): string | undefined | Promise<string | undefined> {
  if (isToken('access', token) || isToken('refresh', token)) return hashToken(token)
  return isJwtText(token) ? hashOfJwt(context, token) : undefined
}

async function hashOfJwt(
  { keys, settings }: Pick<AuthorizationContext, 'keys' | 'settings'>,
  token: string,
): Promise<string | undefined> {
  const verified = await keys.verify(token)
  if (!verified || statusOf(verified.key) === 'retired' || verified.payload.iss !== settings.issuer)
    return undefined
  return hashOfAccessToken(verified)
}
