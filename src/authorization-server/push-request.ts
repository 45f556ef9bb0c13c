/** Pushed authorization requests (RFC 9126): taken, shown again by their URI, used once. */
import { authorizationRequest, authorizationTarget } from '../oauth/authorization-request.ts'
import type { Client } from '../oauth/client.ts'
import { OAuthError, refuse } from '../oauth/errors.ts'
import { type Event, streamOf } from '../oauth/events.ts'
import { pushedParameters, sealParameters } from '../oauth/pushed-request.ts'
import { hashToken, isToken, tokenPrefixes } from '../oauth/token-format.ts'
import { findClient } from './authenticate-client.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'

type Parameters = Readonly<Record<string, string | undefined>>

/** How the client proved itself: no part of the request, and in no case to be kept. */
const credentials = ['client_secret', 'client_assertion', 'client_assertion_type', 'secret']

/**
 * Section 2.1: the request is checked as at the authorization endpoint; section 2.2: the answer.
 *
 * @throws OAuthError whatever the authorization endpoint would have said
 */
export async function pushRequest(
  context: AuthorizationContext,
  client: Client,
  form: Parameters,
): Promise<{ request_uri: string; expires_in: number }> {
  const { ledger, secrets, settings, now } = context
  if (form.request_uri !== undefined) throw new OAuthError('invalid_request', 'request_uri cannot be pushed')
  const own = Object.entries(form).filter(([name]) => !credentials.includes(name))
  const parameters = { ...Object.fromEntries(own), client_id: client.clientId }
  authorizationRequest(client, authorizationTarget(client, parameters), parameters)
  const uri = secrets.create('request')
  const nowMs = now()
  const expiresAtSeconds = Math.floor(nowMs / 1000) + settings.pushedRequestSeconds
  const pushed: Event = {
    type: 'request.pushed',
    clientId: client.clientId,
    clientVersion: client.registeredAtVersion,
    requestHash: uri.hash,
    expiresAtSeconds,
    side: { parameters: sealParameters(uri.token, parameters) },
  }
  await ledger.append(streamOf.par(secrets.identifier()), 0, [pushed], nowMs, { isNewStream: true })
  return { request_uri: uri.token, expires_in: settings.pushedRequestSeconds }
}

export const isPushedUri = (uri: string | undefined): uri is string =>
  uri?.startsWith(tokenPrefixes.request) === true

/**
 * The pushed parameters that stand behind a request URI, and their stream.
 *
 * @throws OAuthError invalid_request_uri, invalid_request
 */
export function findPushed(
  context: AuthorizationContext,
  requestUri: string,
  clientId: string | undefined,
  shownAtSeconds: number,
): { parameters: Parameters; stream: string } {
  const { models } = context
  if (clientId === undefined) throw new OAuthError('invalid_request', 'client_id is missing')
  const stream = isToken('request', requestUri) ? models.streamOf(hashToken(requestUri)) : undefined
  const state = stream === undefined ? undefined : models.load('par', stream).state
  const parameters = pushedParameters(state, requestUri, findClient(context, clientId), shownAtSeconds)
  return { parameters, stream: stream! }
}

/**
 * "request_uri values ... one-time use" (section 7.3): this comes before the code or token that it is used for, so
 * that a process that dies in between has used it up for nothing, and never twice.
 *
 * @throws OAuthError invalid_request_uri where another was first
 */
export const usePushed = (context: AuthorizationContext, stream: string): Promise<void> =>
  decideAndAppend(context, 'par', stream, (state) =>
    state?.used === false
      ? { events: [{ type: 'request.used' }], answer: undefined }
      : refuse('invalid_request_uri', 'the pushed request was used before'),
  )
