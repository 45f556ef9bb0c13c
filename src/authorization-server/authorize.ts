/** The authorization endpoint: RFC 6749 section 4.1.1, and the resource owner's decision. */
import {
  type AuthorizationRequest,
  authorizationRequest,
  authorizationTarget,
} from '../oauth/authorization-request.ts'
import { type Client, isPublic } from '../oauth/client.ts'
import { OAuthError } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import { redirectTo } from '../oauth/redirect-uri.ts'
import { findClient } from './authenticate-client.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'
import type { LiveSession } from './session.ts'

export type AuthorizeParameters = Readonly<Record<string, string | undefined>>

/** What the browser is to do next. */
export type AuthorizeStep =
  | { kind: 'redirect'; location: string }
  | { kind: 'log in'; client: Client; redirectUri: string }
  | { kind: 'ask'; client: Client; redirectUri: string; scopes: string[] }

/** What the resource owner said on the consent page. */
export type ConsentDecision = { approved: false } | { approved: true; scopes: readonly string[] }

interface CheckedRequest {
  client: Client
  request: AuthorizationRequest
}

/**
 * Checks a request and says what comes next; a code is issued at once where nothing needs to be asked.
 *
 * @throws OAuthError where client or redirect URI are wrong: to be shown, not redirected
 */
export async function authorize(
  context: AuthorizationContext,
  parameters: AuthorizeParameters,
  live: LiveSession | undefined,
): Promise<AuthorizeStep> {
  const checked = check(context, parameters)
  if ('location' in checked) return { kind: 'redirect', ...checked }
  const { client, request } = checked
  const { redirectUri } = request
  if (!live) return { kind: 'log in', client, redirectUri }
  if (mustAsk(context, client, request, live))
    return { kind: 'ask', client, redirectUri, scopes: request.scopes }
  return issueCode(context, client, request, live, request.scopes)
}

/**
 * Takes the resource owner's decision on a request, which is checked again from the start.
 *
 * @throws OAuthError as `authorize`
 */
export async function decideConsent(
  context: AuthorizationContext,
  parameters: AuthorizeParameters,
  live: LiveSession,
  decision: ConsentDecision,
): Promise<AuthorizeStep> {
  const checked = check(context, parameters)
  if ('location' in checked) return { kind: 'redirect', ...checked }
  const { client, request } = checked
  const scopes = decision.approved ? request.scopes.filter((scope) => decision.scopes.includes(scope)) : []
  // Of a request without scopes the user approves that the client learns who they are.
  if (!decision.approved || (scopes.length === 0 && request.scopes.length > 0)) {
    const denied = new OAuthError('access_denied', 'the resource owner denied the request')
    return { kind: 'redirect', location: errorLocation(context, request, denied) }
  }
  const clientVersion = client.registeredAtVersion
  const { subject } = live.user
  await decideAndAppend(context, 'consent', streamOf.consent(subject, client.clientId), (consent) => {
    const isNew =
      consent?.clientVersion !== clientVersion || scopes.some((scope) => !consent.scopes.includes(scope))
    return {
      events: isNew
        ? [{ type: 'consent.given', subject, clientId: client.clientId, clientVersion, scopes }]
        : [],
      answer: undefined,
    }
  })
  return issueCode(context, client, request, live, scopes)
}

function check(
  context: AuthorizationContext,
  parameters: AuthorizeParameters,
): CheckedRequest | { location: string } {
  const client = parameters.client_id === undefined ? undefined : findClient(context, parameters.client_id)
  const target = authorizationTarget(client, parameters)
  try {
    return { client: client!, request: authorizationRequest(client!, target, parameters) }
  } catch (error) {
    if (error instanceof OAuthError) return { location: errorLocation(context, target, error) }
    throw error
  }
}

/** RFC 6749 section 4.1.2.1, with `iss` (RFC 9207 section 2). */
const errorLocation = (
  { settings }: AuthorizationContext,
  { redirectUri, state }: { redirectUri: string; state: string | undefined },
  error: OAuthError,
): string =>
  redirectTo(redirectUri, {
    error: error.code,
    error_description: error.message,
    state,
    iss: settings.issuer,
  })

/**
 * Whether something is asked for that neither the administrator nor this user approved before. A public client
 * cannot prove who it is, so what was once approved for it is asked again (RFC 6749 section 10.2, RFC 8252
 * section 8.6).
 */
function mustAsk(
  { models }: AuthorizationContext,
  client: Client,
  request: AuthorizationRequest,
  { user }: LiveSession,
): boolean {
  const consent = models.load('consent', streamOf.consent(user.subject, client.clientId)).state
  const isRemembered = !isPublic(client) && consent?.clientVersion === client.registeredAtVersion
  if (request.scopes.length === 0) return !isRemembered
  const approved = [...client.metadata.autoApproves, ...(isRemembered ? consent.scopes : [])]
  return request.scopes.some((scope) => !approved.includes(scope))
}

async function issueCode(
  { ledger, secrets, settings, now }: AuthorizationContext,
  client: Client,
  request: AuthorizationRequest,
  { session, user }: LiveSession,
  scopes: string[],
): Promise<AuthorizeStep> {
  const code = secrets.create('code')
  const nowMs = now()
  await ledger.append(
    streamOf.grant(secrets.identifier()),
    0,
    [
      {
        type: 'code.issued',
        codeHash: code.hash,
        clientId: client.clientId,
        clientVersion: client.registeredAtVersion,
        subject: user.subject,
        session: session.id,
        scopes,
        redirectUri: request.redirectUri,
        redirectUriSent: request.redirectUriSent,
        codeChallenge: request.codeChallenge,
        ...(request.jkt !== undefined && { jkt: request.jkt }),
        expiresAtSeconds: Math.floor(nowMs / 1000) + settings.codeSeconds,
      },
    ],
    nowMs,
    { isNewStream: true },
  )
  const { redirectUri, state } = request
  return {
    kind: 'redirect',
    location: redirectTo(redirectUri, { code: code.token, state, iss: settings.issuer }),
  }
}
