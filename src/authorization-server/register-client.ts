/** Dynamic client registration (RFC 7591 section 3): a client registers itself, by an invitation of the administrator. */
import { randomBytes } from 'node:crypto'
import { usesSecret } from '../oauth/client.ts'
import {
  parseSelfRegistration,
  type RegistrationAnswer,
  registrationAnswer,
} from '../oauth/dynamic-registration.ts'
import { OAuthError, refuse } from '../oauth/errors.ts'
import { type Event, streamOf } from '../oauth/events.ts'
import { type Invitation, invitationFault, openInvitation } from '../oauth/invitation.ts'
import { hashToken, isToken } from '../oauth/token-format.ts'
import { findClient } from './authenticate-client.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { appendSigned } from './server-signed.ts'

/** Where a client manages its registration (RFC 7592 section 2). */
export const registrationUri = (issuer: string, clientId: string): string =>
  `${issuer}/oauth/register/${encodeURIComponent(clientId)}`

/** 256 bits, as `client create` makes them. */
export const createSecret = (): string => randomBytes(32).toString('base64url')

/** The reason why the server will not call a URL that the client itself names. */
export const objectionOf =
  ({ outbound }: AuthorizationContext) =>
  (url: string): string | undefined =>
    outbound.objection(url, 'client')

/**
 * Registers a client. One use of the invitation is recorded first: where the process dies between, the use is
 * lost and nothing was registered.
 *
 * @param token initial access token; undefined where none was sent
 * @throws OAuthError invalid_token, access_denied, invalid_redirect_uri or invalid_client_metadata
 */
export async function registerClient(
  context: AuthorizationContext,
  token: string | undefined,
  input: unknown,
): Promise<RegistrationAnswer> {
  const { models, secrets, settings, now } = context
  const id = invitationOf(context, token)
  const stream = streamOf.invitation(id)
  const invitation = models.load('invitation', stream).state
  const refusal = refusalOf(invitation, now(), token)
  if (!invitation || refusal) throw refusal

  // A letter in front: such an id cannot be taken for an option of a command.
  const clientId = `dcr_${secrets.identifier()}`
  const metadata = parseSelfRegistration(input, clientId, invitation.terms, objectionOf(context))
  const objection = context.keys.objection(metadata)
  if (objection !== undefined) throw new OAuthError('invalid_client_metadata', objection)
  const secret = usesSecret(metadata) ? createSecret() : undefined
  const secretHash = secret === undefined ? undefined : await context.secretChecker.hash(secret)
  const registration = secrets.create('registration')
  const invitationVersion = await decideAndAppend<'invitation', number>(
    context,
    'invitation',
    stream,
    (state, nowMs, version) => {
      const gone = refusalOf(state, nowMs, token)
      const used: Event = { type: 'invitation.used', clientId }
      return gone ? refuse(gone.code, gone.message) : { events: [used], answer: version + 1 }
    },
  )
  await appendSigned(context, streamOf.client(clientId), 0, {
    type: 'client.enrolled',
    clientId,
    metadata,
    invitation: id,
    invitationVersion,
    registrationTokenHash: registration.hash,
    side: secretHash === undefined ? {} : { secretHash },
  })
  const client = findClient(context, clientId)!
  return registrationAnswer(client, registrationUri(settings.issuer, clientId), registration.token, secret)
}

/** Without a token the open invitation stands, where the settings have it so. */
function invitationOf({ settings }: AuthorizationContext, token: string | undefined): string {
  if (token === undefined && settings.registration === 'open') return openInvitation
  if (token === undefined || !isToken('invitation', token))
    throw new OAuthError('invalid_token', 'an initial access token is needed')
  return hashToken(token)
}

function refusalOf(invitation: Invitation | undefined, nowMs: number, token: string | undefined) {
  const fault = invitationFault(invitation, nowMs)
  if (fault === undefined) return undefined
  return new OAuthError(token === undefined ? 'access_denied' : 'invalid_token', fault)
}
