/** Token exchange (RFC 8693 section 2.1). */
import { OAuthError } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import { exchangeToken, type PresentedToken, tokenTypes } from '../oauth/grants/token-exchange.ts'
import { parseResources } from '../oauth/resource.ts'
import type { AuthorizationContext } from './context.ts'
import { findLiveToken } from './introspect.ts'
import { lifetimesOf } from './lifetimes.ts'
import { presentTokens } from './present-tokens.ts'
import { grantStreamOf } from './revoke.ts'
import type { TokenUseCase } from './token.ts'

/** Types under which an access token of this server may be named: a JWT is one of both. */
const acceptedTypes: readonly string[] = [tokenTypes.access, tokenTypes.jwt]

export const byTokenExchange: TokenUseCase = async (context, { client, form, jkt }) => {
  const { subject_token: subjectToken, actor_token: actorToken, scope } = form
  if (subjectToken === undefined) throw new OAuthError('invalid_request', 'subject_token is missing')
  const requested = form.requested_token_type
  if (requested !== undefined && !acceptedTypes.includes(requested))
    throw new OAuthError('invalid_request', 'only access tokens are given in exchange')
  if (actorToken === undefined && form.actor_token_type !== undefined)
    throw new OAuthError('invalid_request', 'actor_token_type comes with an actor_token only')
  const subject = await presentedToken(context, 'subject_token', subjectToken, form.subject_token_type)
  const actor =
    actorToken === undefined
      ? undefined
      : await presentedToken(context, 'actor_token', actorToken, form.actor_token_type)
  const request = {
    scope,
    resources: parseResources(form.resource),
    audience: [...new Set(form.audience?.split(' ') ?? [])],
    jkt,
  }
  const { ledger, secrets, settings, now } = context
  const nowMs = now()
  const { events, answer } = exchangeToken(
    client,
    subject,
    actor,
    request,
    (target) => client.metadata.resourceIds.includes(target),
    secrets.createAccess(client),
    lifetimesOf(client, settings),
    nowMs,
  )
  await ledger.append(streamOf.grant(secrets.identifier()), 0, events, nowMs)
  return { ...(await presentTokens(context, client, answer, false)), issued_token_type: tokenTypes.access }
}

/** @throws OAuthError invalid_request for one that is not a live token of the type it is said to be */
async function presentedToken(
  context: AuthorizationContext,
  name: string,
  token: string,
  type: string | undefined,
): Promise<PresentedToken> {
  if (type === undefined) throw new OAuthError('invalid_request', `${name}_type is missing`)
  if (!acceptedTypes.includes(type)) throw new OAuthError('invalid_request', `${name}_type is not supported`)
  const stream = await grantStreamOf(context, token)
  const live = await findLiveToken(context, token)
  if (stream === undefined || !live) throw new OAuthError('invalid_request', `${name} is not valid`)
  return { grantId: stream.slice(streamOf.grant('').length), live }
}
