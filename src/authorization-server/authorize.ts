/** The authorization endpoint: RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2, and the resource owner's decision. */
import { isDemanding, mustLogIn } from '../oauth/authentication-request.ts'
import {
  type AuthorizationRequest,
  type AuthorizationTarget,
  authorizationRequest,
  authorizationTarget,
} from '../oauth/authorization-request.ts'
import { type Client, isPublic } from '../oauth/client.ts'
import { OAuthError } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import { scopeOfClaim } from '../oauth/user-claims.ts'
import { findClient } from './authenticate-client.ts'
import { type AnswerStep, answerStep, errorStep, issueAnswer } from './authorization-answer.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { readHint } from './id-token-hint.ts'
import { findPushed, isPushedUri, usePushed } from './push-request.ts'
import type { LiveSession } from './session.ts'
import { markShown, readShown } from './shown-mark.ts'

export type AuthorizeParameters = Readonly<Record<string, string | undefined>>

/** What the browser is to do next. */
export type AuthorizeStep = AnswerStep | QuestionStep

/** A page of this server's comes first; `asked` is the request with which the browser comes back. */
interface QuestionStep {
  kind: 'log in' | 'ask'
  asked: AuthorizeParameters
  client: Client
  redirectUri: string
  scopes: string[]
  /** Claims that are asked for one by one. */
  claims: readonly string[]
  uiLocales: string | undefined
}

/** What the resource owner said on the consent page. */
export type ConsentDecision = { approved: false } | ({ approved: true } & Partial<Approval>)

/** Scopes, and claims that no scope of the request opens. */
interface Approval {
  scopes: readonly string[]
  claims: readonly string[]
}

/** Parameters as the client meant them: those of the address, or those it had pushed. */
interface Presented {
  parameters: AuthorizeParameters
  shown: ReturnType<typeof readShown>
  /** Stream of the pushed request. */
  pushed?: string
}

interface CheckedRequest extends Presented {
  asked: AuthorizeParameters
  client: Client
  request: AuthorizationRequest
}

/**
 * Checks a request and says what comes next; a code or token is issued at once where nothing needs to be asked.
 *
 * @param fault of the request as a whole, to be told to the client where it can be
 * @throws OAuthError where client or redirect URI are wrong: to be shown, not redirected
 */
export function authorize(
  context: AuthorizationContext,
  asked: AuthorizeParameters,
  live: LiveSession | undefined,
  fault?: OAuthError,
): Promise<AuthorizeStep> {
  return checked(context, asked, fault, async (found) => {
    const { client, request } = found
    if (mustLogIn(request.authentication, live?.session, found.shown, context.now()) || !live)
      return question('log in', context, found, live)
    if (!mustAsk(context, client, request, live)) return give(context, found, live, wholeOf(request))
    if (request.authentication.prompts.includes('none'))
      throw new OAuthError('consent_required', 'the resource owner would have to approve this')
    return question('ask', context, found, live)
  })
}

/**
 * Takes the resource owner's decision on a request, which is checked again from the start.
 *
 * @throws OAuthError as `authorize`
 */
export function decideConsent(
  context: AuthorizationContext,
  asked: AuthorizeParameters,
  live: LiveSession,
  decision: ConsentDecision,
): Promise<AuthorizeStep> {
  return checked(context, asked, undefined, async (found) => {
    const { client, request } = found
    if (mustLogIn(request.authentication, live.session, found.shown, context.now()))
      return question('log in', context, found, live)
    const denied = () => new OAuthError('access_denied', 'the resource owner denied the request')
    if (!decision.approved) throw denied()
    const asked = wholeOf(request)
    const scopes = asked.scopes.filter((scope) => decision.scopes?.includes(scope))
    const claims = asked.claims.filter((claim) => decision.claims?.includes(claim))
    // Of a request without scopes the user approves that the client learns who they are.
    if (scopes.length === 0 && request.scopes.length > 0) throw denied()
    await recordConsent(context, client, live, { scopes, claims })
    return give(context, found, live, { scopes, claims })
  })
}

/** For whom a request is, where it is one that could succeed: what the login page shows. */
export function describeRequest(
  context: AuthorizationContext,
  asked: AuthorizeParameters,
): { client: Client; redirectUri: string; parameters: AuthorizeParameters } | undefined {
  try {
    const { parameters } = present(context, asked)
    const client = clientOf(context, parameters)
    const { redirectUri } = authorizationTarget(client, parameters)
    return { client: client!, redirectUri, parameters }
  } catch (error) {
    if (error instanceof OAuthError) return undefined
    throw error
  }
}

const clientOf = (context: AuthorizationContext, { client_id: id }: AuthorizeParameters) =>
  id === undefined ? undefined : findClient(context, id)

function present(context: AuthorizationContext, asked: AuthorizeParameters): Presented {
  const shown = readShown(context, asked)
  const { request_uri: uri, client_id: clientId } = asked
  if (!isPushedUri(uri)) return { parameters: asked, shown }
  const shownAtSeconds = shown?.atSeconds ?? Math.floor(context.now() / 1000)
  const { parameters, stream } = findPushed(context, uri, clientId, shownAtSeconds)
  return { parameters, shown, pushed: stream }
}

/** From here on what is wrong goes back to the client. */
async function checked(
  context: AuthorizationContext,
  asked: AuthorizeParameters,
  fault: OAuthError | undefined,
  next: (found: CheckedRequest) => Promise<AuthorizeStep>,
): Promise<AuthorizeStep> {
  const presented = present(context, asked)
  const { parameters, pushed } = presented
  const client = clientOf(context, parameters)
  const target: AuthorizationTarget = authorizationTarget(client, parameters)
  try {
    if (fault) throw fault
    const isPushRequired = context.settings.pushedRequestsOnly || client!.metadata.pushedRequestsOnly
    if (isPushRequired && pushed === undefined)
      throw new OAuthError('invalid_request', 'the request must be pushed first (RFC 9126)')
    const request = await withHint(context, authorizationRequest(client!, target, parameters))
    return await next({ ...presented, asked, client: client!, request })
  } catch (error) {
    if (error instanceof OAuthError) return errorStep(context, target, error)
    throw error
  }
}

/** Who is expected by `id_token_hint` must be the one whom `claims` expects. */
async function withHint(
  context: AuthorizationContext,
  request: AuthorizationRequest,
): Promise<AuthorizationRequest> {
  const { authentication } = request
  if (authentication.idTokenHint === undefined) return request
  const { subject } = await readHint(context, authentication.idTokenHint)
  if (authentication.subject !== undefined && authentication.subject !== subject)
    throw new OAuthError('login_required', 'id_token_hint and claims name different users')
  return { ...request, authentication: { ...authentication, subject } }
}

function question(
  kind: QuestionStep['kind'],
  context: AuthorizationContext,
  { asked, client, request, parameters, shown, pushed }: CheckedRequest,
  live: LiveSession | undefined,
): QuestionStep {
  const isMarked = pushed !== undefined || isDemanding(request.authentication)
  return {
    kind,
    asked: isMarked ? markShown(context, asked, shown, live?.session.id) : asked,
    client,
    redirectUri: request.redirectUri,
    scopes: request.scopes,
    claims: wholeOf(request).claims,
    uiLocales: parameters.ui_locales,
  }
}

const wholeOf = ({ scopes, individualClaims: claims = [] }: AuthorizationRequest): Approval => ({
  scopes,
  claims,
})

async function give(
  context: AuthorizationContext,
  { client, request, pushed }: CheckedRequest,
  live: LiveSession,
  { scopes, claims }: Approval,
): Promise<AnswerStep> {
  if (pushed !== undefined) await usePushed(context, pushed)
  const answer = await issueAnswer[request.grantType](context, client, request, live, [...scopes], claims)
  return answerStep(context, request, answer)
}

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
  if (request.authentication.prompts.includes('consent')) return true
  const consent = models.load('consent', streamOf.consent(user.subject, client.clientId)).state
  const isRemembered = !isPublic(client) && consent?.clientVersion === client.registeredAtVersion
  if (request.scopes.length === 0) return !isRemembered
  const { autoApproves } = client.metadata
  const approved = [...autoApproves, ...(isRemembered ? consent.scopes : [])]
  if (request.scopes.some((scope) => !approved.includes(scope))) return true
  // Where the administrator approved the scope that opens a claim, the claim is approved with it.
  const isApproved = (claim: string) =>
    autoApproves.includes(scopeOfClaim(claim) ?? '') || (isRemembered && consent.claims?.includes(claim))
  return !wholeOf(request).claims.every(isApproved)
}

async function recordConsent(
  context: AuthorizationContext,
  { clientId, registeredAtVersion: clientVersion }: Client,
  { user: { subject } }: LiveSession,
  { scopes, claims }: Approval,
): Promise<void> {
  await decideAndAppend(context, 'consent', streamOf.consent(subject, clientId), (consent) => {
    const isNew =
      consent?.clientVersion !== clientVersion ||
      scopes.some((scope) => !consent.scopes.includes(scope)) ||
      claims.some((claim) => !consent.claims?.includes(claim))
    if (!isNew) return { events: [], answer: undefined }
    const individually = claims.length > 0 ? { claims: [...claims] } : {}
    const given = { subject, clientId, clientVersion, scopes: [...scopes], ...individually }
    return { events: [{ type: 'consent.given', ...given }], answer: undefined }
  })
}
