/** What the authorization endpoint gives, and how it travels: RFC 6749 sections 4.1.2 and 4.2.2, RFC 9207. */
import type { AuthorizationRequest, AuthorizationTarget } from '../oauth/authorization-request.ts'
import type { Client } from '../oauth/client.ts'
import { type OAuthError, wireDescription } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import { issueTokens } from '../oauth/grants/issue-tokens.ts'
import { redirectTo } from '../oauth/redirect-uri.ts'
import type { AuthorizationContext } from './context.ts'
import { lifetimesOf } from './lifetimes.ts'
import { presentTokens } from './present-tokens.ts'
import type { LiveSession } from './session.ts'

type Answer = Readonly<Record<string, string | undefined>>

/** The browser takes the answer to the client: by a redirect, or by a form of this server's that it sends. */
export type AnswerStep =
  | { kind: 'redirect'; location: string }
  | { kind: 'post'; redirectUri: string; fields: Readonly<Record<string, string>> }

/** An answer with `state` and `iss` (RFC 9207 section 2), in the response mode of the request. */
export function answerStep(
  { settings }: AuthorizationContext,
  { redirectUri, responseMode, state }: AuthorizationTarget,
  answer: Answer,
): AnswerStep {
  const all = { ...answer, state, iss: settings.issuer }
  if (responseMode !== 'form_post')
    return { kind: 'redirect', location: redirectTo(redirectUri, all, responseMode) }
  const there = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { kind: 'post', redirectUri, fields: Object.fromEntries(there) }
}

/** RFC 6749 sections 4.1.2.1 and 4.2.2.1. */
export const errorStep = (
  context: AuthorizationContext,
  target: AuthorizationTarget,
  error: OAuthError,
): AnswerStep => answerStep(context, target, { error: error.code, error_description: wireDescription(error) })

type Issue = (
  context: AuthorizationContext,
  client: Client,
  request: AuthorizationRequest,
  live: LiveSession,
  scopes: string[],
  /** Approved one by one. */
  approvedClaims: readonly string[],
) => Promise<Answer>

/** RFC 6749 section 4.1.2. */
const issueCode: Issue = async (context, client, request, live, scopes, approvedClaims) => {
  const { ledger, secrets, settings, now } = context
  const { session, user } = live
  const { nonce, claims } = request.authentication
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
        expiresAtSeconds: Math.floor(nowMs / 1000) + settings.codeSeconds,
        // These are for the ID token and the UserInfo endpoint alone.
        ...(scopes.includes('openid') && {
          ...(nonce !== undefined && { nonce }),
          ...(claims && { claims }),
          ...(approvedClaims.length > 0 && { approvedClaims: [...approvedClaims] }),
        }),
        ...(request.resources && { resources: [...request.resources] }),
        authenticatedAtSeconds: session.startedAtSeconds,
        ...(session.acr !== undefined && { acr: session.acr }),
        ...(session.amr && { amr: session.amr }),
        ...(request.jkt !== undefined && { jkt: request.jkt }),
      },
    ],
    nowMs,
    { isNewStream: true },
  )
  return { code: code.token }
}

/** RFC 6749 section 4.2.2: "The authorization server MUST NOT issue a refresh token." */
const issueToken: Issue = async (context, client, { resources }, { session, user }, scopes) => {
  const { ledger, secrets, settings, now } = context
  const nowMs = now()
  const { startedAtSeconds: atSeconds, acr, amr } = session
  const { event, answer } = issueTokens({
    grantType: 'implicit',
    client,
    scopes,
    access: secrets.createAccess(client),
    lifetimes: lifetimesOf(client, settings),
    nowMs,
    subject: user.subject,
    session: session.id,
    authentication: { atSeconds, ...(acr !== undefined && { acr }), ...(amr && { amr }) },
    resources,
  })
  await ledger.append(streamOf.grant(secrets.identifier()), 0, [event], nowMs, { isNewStream: true })
  const { access_token, token_type, expires_in, scope } = await presentTokens(context, client, answer, false)
  return { access_token, token_type, expires_in: String(expires_in), scope }
}

/** By the grant type of the response type. */
export const issueAnswer: Readonly<Record<AuthorizationRequest['grantType'], Issue>> = {
  authorization_code: issueCode,
  implicit: issueToken,
}
