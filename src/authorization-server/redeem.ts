/** Authorization code grant (RFC 6749 section 4.1.3). */
import { OAuthError } from '../oauth/errors.ts'
import { redeemCode } from '../oauth/grants/authorization-code.ts'
import { parseResources } from '../oauth/resource.ts'
import { hashToken, isToken } from '../oauth/token-format.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { lifetimesOf } from './lifetimes.ts'
import { ownerOf } from './owner.ts'
import { presentTokens } from './present-tokens.ts'
import type { TokenUseCase } from './token.ts'

export const redeem: TokenUseCase = async (context, { client, form, jkt }) => {
  const { code } = form
  if (code === undefined) throw new OAuthError('invalid_request', 'code is missing')
  const codeHash = hashToken(code)
  const stream = isToken('code', code) ? context.models.streamOf(codeHash) : undefined
  if (stream === undefined) throw new OAuthError('invalid_grant', 'the code is not known')
  const request = {
    codeHash,
    redirectUri: form.redirect_uri,
    codeVerifier: form.code_verifier,
    resources: parseResources(form.resource),
    jkt,
  }
  const tokens = context.secrets.createTokens(client)
  const lifetimes = lifetimesOf(client, context.settings)
  const issued = await decideAndAppend(context, 'grant', stream, (grant, nowMs) =>
    redeemCode(grant, request, client, ownerOf(context, grant), tokens, lifetimes, nowMs),
  )
  return presentTokens(context, client, issued)
}
