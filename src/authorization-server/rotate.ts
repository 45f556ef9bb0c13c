/** Refresh token grant (RFC 6749 section 6). */
import { OAuthError } from '../oauth/errors.ts'
import { rotateRefreshToken } from '../oauth/grants/refresh-token.ts'
import { parseResources } from '../oauth/resource.ts'
import { hashToken, isToken } from '../oauth/token-format.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { lifetimesOf } from './lifetimes.ts'
import { ownerOf } from './owner.ts'
import { presentTokens } from './present-tokens.ts'
import type { TokenUseCase } from './token.ts'

export const rotate: TokenUseCase = async (context, { client, form, jkt }) => {
  const { refresh_token: token, scope } = form
  if (token === undefined) throw new OAuthError('invalid_request', 'refresh_token is missing')
  const refreshTokenHash = hashToken(token)
  const stream = isToken('refresh', token) ? context.models.streamOf(refreshTokenHash) : undefined
  if (stream === undefined) throw new OAuthError('invalid_grant', 'the refresh token is not known')
  const subject = context.directory && context.models.load('grant', stream).state?.subject
  if (subject) await context.directory?.refresh(context, subject)
  const request = { refreshTokenHash, scope, resources: parseResources(form.resource), jkt }
  const { refreshGraceMs } = context.settings
  const successors = context.secrets.successorsOf(token, client)
  const lifetimes = lifetimesOf(client, context.settings)
  const issued = await decideAndAppend(context, 'grant', stream, (grant, nowMs) =>
    rotateRefreshToken(
      grant,
      request,
      client,
      ownerOf(context, grant),
      successors,
      lifetimes,
      refreshGraceMs,
      nowMs,
    ),
  )
  return presentTokens(context, client, issued)
}
