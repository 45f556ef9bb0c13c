/** Token exchange: RFC 8693. A token for another place, or for somebody who acts for the subject. */
import { type Client, isPublic } from '../client.ts'
import { OAuthError } from '../errors.ts'
import type { Event } from '../events.ts'
import { ownerFacts } from '../grant.ts'
import type { LiveToken } from '../introspection.ts'
import { scopesWithin } from '../scope.ts'
import { issueTokens } from './issue-tokens.ts'
import type { FreshTokens, IssuedTokens, TokenLifetimes } from './token-answer.ts'

/** Section 3. */
export const tokenTypes = {
  access: 'urn:ietf:params:oauth:token-type:access_token',
  refresh: 'urn:ietf:params:oauth:token-type:refresh_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const

/** Delegations of delegations: each is one more look-up for whoever asks about the token. */
const deepestActor = 4

export interface ExchangeRequest {
  scope: string | undefined
  resources: readonly string[] | undefined
  audience: readonly string[]
  jkt: string | undefined
}

/** A token that came with the request and is live. */
export interface PresentedToken {
  /** Name of its grant. */
  grantId: string
  live: LiveToken
}

/** Whether the token was issued to this client, or is meant for it. */
function mayPresent(client: Client, { live: { grant, client: issuedTo } }: PresentedToken): boolean {
  if (grant.clientId === client.clientId) return true
  const audience = grant.access?.resources ?? issuedTo.metadata.resourceIds
  return audience.includes(client.clientId) || client.metadata.resourceIds.some((id) => audience.includes(id))
}

function actorOf(subject: PresentedToken, actor: PresentedToken): Record<string, unknown> {
  const { grant } = actor.live
  const before = subject.live.grant.actor
  let depth = 1
  for (let one = before; one !== undefined; one = one.act as typeof before) depth++
  if (depth > deepestActor) throw new OAuthError('invalid_request', 'too many act for each other')
  // Section 4.1: "the nested act claims" are the history of delegation.
  return {
    sub: grant.subject ?? grant.clientId,
    client_id: grant.clientId,
    ...(before && { act: before }),
  }
}

/**
 * Exchanges the subject token. What comes of it never holds more, and never lives longer, than the subject token.
 *
 * @param mayTarget whether the client may ask for tokens for this resource server or audience
 * @throws OAuthError invalid_request for tokens that are not acceptable (section 2.2.2), invalid_target, invalid_scope
 */
export function exchangeToken(
  client: Client,
  subject: PresentedToken,
  actor: PresentedToken | undefined,
  request: ExchangeRequest,
  mayTarget: (target: string) => boolean,
  access: FreshTokens['access'],
  lifetimes: TokenLifetimes,
  nowMs: number,
): { events: readonly Event[]; answer: IssuedTokens } {
  if (isPublic(client))
    throw new OAuthError('unauthorized_client', 'only a client that can prove itself may exchange tokens')
  const { live } = subject
  if (live.kind !== 'access' || (actor && actor.live.kind !== 'access'))
    throw new OAuthError('invalid_request', 'subject_token and actor_token must be access tokens')
  if (!mayPresent(client, subject))
    throw new OAuthError('invalid_request', 'the subject token is neither of this client nor meant for it')
  if (actor && !mayPresent(client, actor))
    throw new OAuthError('invalid_request', 'the actor token is neither of this client nor meant for it')
  const targets = [...(request.resources ?? []), ...request.audience]
  if (!targets.every(mayTarget))
    throw new OAuthError('invalid_target', 'this client may not ask for tokens for that audience')
  const scopes = scopesWithin(request.scope, live.scopes)
  const secondsLeft = live.expiresAtSeconds - Math.floor(nowMs / 1000)
  const { event, answer } = issueTokens({
    grantType: 'token_exchange',
    client,
    scopes,
    access,
    lifetimes: { ...lifetimes, accessSeconds: Math.min(lifetimes.accessSeconds, secondsLeft) },
    nowMs,
    ...ownerFacts(live.grant),
    subject: live.grant.subject,
    claims: undefined,
    resources: targets.length > 0 ? targets : undefined,
    jkt: request.jkt,
    actor: actor ? actorOf(subject, actor) : live.grant.actor,
    parent: subject.grantId,
  })
  return { events: [event], answer }
}
