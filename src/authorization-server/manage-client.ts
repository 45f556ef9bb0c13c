/** Dynamic client registration management (RFC 7592): a client that registered itself reads, changes, removes itself. */
import { LedgerError } from '../ledger/errors.ts'
import { type Client, type Enrolment, usesSecret } from '../oauth/client.ts'
import {
  parseSelfRegistration,
  type RegistrationAnswer,
  registrationAnswer,
} from '../oauth/dynamic-registration.ts'
import { OAuthError } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import { hashToken, isToken } from '../oauth/token-format.ts'
import { findClient } from './authenticate-client.ts'
import type { AuthorizationContext } from './context.ts'
import { createSecret, objectionOf, registrationUri } from './register-client.ts'
import { appendSigned } from './server-signed.ts'

/** How long the former secret counts when a client lets itself be given another one. */
const secretOverlapSeconds = 86_400

/** Members of the answer that a request must not hold (section 2.2). */
const answersOnly = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]

interface Managed {
  client: Client & { enrolment: Enrolment }
  /** Of its stream. */
  version: number
  /** The registration access token that counts now: the one sent, or its successor. */
  token: string
}

/** Section 2.1. @throws OAuthError invalid_token */
export async function readRegistration(
  context: AuthorizationContext,
  clientId: string,
  token: string | undefined,
): Promise<RegistrationAnswer> {
  const managed = manage(context, clientId, token)
  return registrationAnswer(
    managed.client,
    registrationUri(context.settings.issuer, clientId),
    managed.token,
    undefined,
  )
}

/**
 * Section 2.2: the metadata becomes what is sent, and nothing else stays. A secret that is sent must be the present
 * one and stays; where none is sent, a new one is given and the former counts for a day more. The registration
 * access token is replaced; its successor follows from it, so that a retry after a lost answer finds it.
 *
 * @throws OAuthError invalid_token, invalid_client_metadata or invalid_redirect_uri
 */
export async function changeRegistration(
  context: AuthorizationContext,
  clientId: string,
  token: string | undefined,
  input: unknown,
  address: string,
): Promise<RegistrationAnswer> {
  const { models, secrets, settings, now } = context
  const { client, version, token: present } = manage(context, clientId, token)
  const kept = await checkNames(context, client, input, address)
  const stream = streamOf.invitation(client.enrolment.invitation)
  const { state: invitation, version: invitationVersion } = models.load('invitation', stream)
  if (!invitation) throw new OAuthError('invalid_token', 'there is no such invitation')
  const metadata = parseSelfRegistration(input, clientId, invitation.terms, objectionOf(context))
  const objection = context.keys.objection(metadata)
  if (objection !== undefined) throw new OAuthError('invalid_client_metadata', objection)
  const isRenewed = usesSecret(metadata) && kept === undefined
  const secret = isRenewed ? createSecret() : kept
  const secretHash = isRenewed && secret !== undefined ? await context.secretChecker.hash(secret) : undefined
  const successor = secrets.successorOfRegistration(present)
  await appendOnce(context, version, {
    type: 'client.amended',
    clientId,
    metadata,
    invitationVersion,
    registrationTokenHash: successor.hash,
    formerUntilSeconds: isRenewed ? Math.floor(now() / 1000) + secretOverlapSeconds : null,
    side: secretHash === undefined ? {} : { secretHash },
  })
  const amended = findClient(context, clientId)!
  return registrationAnswer(amended, registrationUri(settings.issuer, clientId), successor.token, secret)
}

/** Section 2.3: its grants and tokens end with it. @throws OAuthError invalid_token */
export async function removeRegistration(
  context: AuthorizationContext,
  clientId: string,
  token: string | undefined,
): Promise<void> {
  const { version } = manage(context, clientId, token)
  await appendOnce(context, version, { type: 'client.deregistered', clientId })
}

/** @throws OAuthError temporarily_unavailable where another request of the client came first */
async function appendOnce(
  context: AuthorizationContext,
  version: number,
  event: Extract<Parameters<typeof appendSigned>[3], { clientId: string }>,
): Promise<void> {
  try {
    await appendSigned(context, streamOf.client(event.clientId), version, event)
  } catch (error) {
    if (!(error instanceof LedgerError) || error.code !== 'conflict') throw error
    throw new OAuthError('temporarily_unavailable', 'the registration has just been changed; try again')
  }
}

/** Section 2: a token that is not the client's, and a client that is not there, are the same. */
function manage(context: AuthorizationContext, clientId: string, token: string | undefined): Managed {
  const { secrets, models, now } = context
  const unknown = () =>
    new OAuthError('invalid_token', 'the registration access token is not that of the client')
  if (token === undefined || !isToken('registration', token)) throw unknown()
  const { state: client, version } = models.load('client', streamOf.client(clientId))
  const enrolment = client?.removed ? undefined : client?.enrolment
  if (!client || !enrolment) throw unknown()
  const managed = { client: { ...client, enrolment }, version }
  const hash = hashToken(token)
  if (hash === enrolment.tokenHash) return { ...managed, token }
  const { formerTokenHash, formerTokenUntilSeconds = 0 } = enrolment
  const successor = secrets.successorOfRegistration(token)
  if (
    hash === formerTokenHash &&
    now() < formerTokenUntilSeconds * 1000 &&
    successor.hash === enrolment.tokenHash
  )
    return { ...managed, token: successor.token }
  throw unknown()
}

/** @returns the secret that was sent, where it is the client's */
async function checkNames(
  { secretChecker, limits }: AuthorizationContext,
  client: Client,
  input: unknown,
  address: string,
): Promise<string | undefined> {
  const members = typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {}
  const stray = answersOnly.find((name) => Object.hasOwn(members, name))
  if (stray !== undefined)
    throw new OAuthError('invalid_client_metadata', `${stray} is not the client's to send`)
  if (!Object.hasOwn(members, 'client_id') || members.client_id !== client.clientId)
    throw new OAuthError('invalid_client_metadata', 'client_id must be that of the client')
  if (!Object.hasOwn(members, 'client_secret')) return undefined
  const { client_secret: secret } = members
  const { secretHash } = client
  const isRight =
    typeof secret === 'string' &&
    secretHash !== undefined &&
    (await limits.attempt({ kind: 'client', name: client.clientId, address }, async () =>
      (await secretChecker.check(secretHash, secret)) ? true : undefined,
    ))
  if (!isRight) throw new OAuthError('invalid_client_metadata', 'client_secret is not that of the client')
  return secret
}
