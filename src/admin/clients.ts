/** What the administrator does with clients after their registration, and who may register by themselves. */

import { createSecret } from '../authorization-server/register-client.ts'
import { hashSecret } from '../authorization-server/secret-checker.ts'
import { type Client, usesSecret } from '../oauth/client.ts'
import { type ClientMetadata, openGrantTypes, parseClientRegistration } from '../oauth/client-metadata.ts'
import { streamOf } from '../oauth/events.ts'
import { type InvitationTerms, isInvitationTerms, openInvitation } from '../oauth/invitation.ts'
import { formatToken, hashToken } from '../oauth/token-format.ts'
import { type Administrator, submitEvent } from './administration.ts'
import { ControlError } from './connection.ts'

export interface RenewedSecret {
  clientId: string
  position: number
  /** Nobody can show it again. */
  clientSecret: string
  /** ISO 8601: until then the former secret counts; null where there was none. */
  formerUntil: string | null
}

/**
 * Gives a client a new secret; the former one counts for a while more.
 *
 * @throws ControlError not_found or malformed
 */
export async function renewSecret(
  administrator: Administrator,
  clientId: string,
  keepSeconds: number,
): Promise<RenewedSecret> {
  const client = await presentClient(administrator, clientId)
  const clientSecret = createSecret()
  const secretHash = await hashSecret(clientSecret)
  const formerUntilSeconds = Math.floor(administrator.now() / 1000) + keepSeconds
  const { position } = await submitEvent(administrator, streamOf.client(clientId), (signedAtSeconds) => ({
    type: 'client.secret_rotated',
    clientId,
    formerUntilSeconds,
    signedAtSeconds,
    signature: '',
    side: { secretHash },
  }))
  const formerUntil =
    client.secretHash === undefined ? null : new Date(formerUntilSeconds * 1000).toISOString()
  return { clientId, position, clientSecret, formerUntil }
}

export interface UpdatedClient {
  clientId: string
  position: number
  /** Only where the client had none and is to prove itself by one now. */
  clientSecret?: string
}

/**
 * Replaces the metadata of a client; its secret, its grants and its tokens stay.
 *
 * @throws ClientMetadataError, ControlError not_found or malformed
 */
export async function updateClient(
  administrator: Administrator,
  clientId: string,
  input: unknown,
): Promise<UpdatedClient> {
  const client = await presentClient(administrator, clientId)
  const metadata = metadataFor(client, input)
  const { position } = await submitEvent(administrator, streamOf.client(clientId), (signedAtSeconds) => ({
    type: 'client.updated',
    clientId,
    metadata,
    signedAtSeconds,
    signature: '',
  }))
  if (!usesSecret(metadata) || client.secretHash !== undefined) return { clientId, position }
  const { clientSecret } = await renewSecret(administrator, clientId, 0)
  return { clientId, position, clientSecret }
}

/** SignOn 1.1's form says nothing of how the client proves itself: that stays as it was. */
function metadataFor(
  { clientId, metadata: { authenticationMethod } }: Client,
  input: unknown,
): ClientMetadata {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new ControlError('malformed', 'one JSON object is expected')
  const own = Object.hasOwn(input, 'clientId')
  if (Object.hasOwn(input, 'clientSecret') || Object.hasOwn(input, 'client_secret'))
    throw new ControlError('malformed', 'a secret is not changed here: use client secret')
  if (own && authenticationMethod === 'private_key_jwt')
    throw new ControlError('malformed', 'a client that signs is described by RFC 7591 metadata (client_id)')
  const placeholder = own && authenticationMethod !== 'none' ? { clientSecret: 'stays' } : {}
  const named = own || Object.hasOwn(input, 'client_id') ? input : { ...input, client_id: clientId }
  const { clientId: other, metadata } = parseClientRegistration({ ...named, ...placeholder })
  if (other !== clientId) throw new ControlError('malformed', `the metadata is that of ${other}`)
  return own ? { ...metadata, authenticationMethod } : metadata
}

export interface IssuedInvitation {
  invitation: string
  position: number
  terms: InvitationTerms
  /** Initial access token, where one is needed: nobody can show it again. */
  token?: string
}

/**
 * Invites clients to register themselves: whoever has the token, or, with `isOpen`, anybody.
 *
 * @throws ControlError malformed, or exists for a second open invitation
 */
export async function invite(
  administrator: Administrator,
  terms: InvitationTerms,
  isOpen: boolean,
): Promise<IssuedInvitation> {
  if (!isInvitationTerms(terms))
    throw new ControlError(
      'malformed',
      `an invitation is for scopes, for grant types of ${openGrantTypes.join(', ')}, and for a time to come`,
    )
  const token = isOpen ? undefined : formatToken('invitation', createSecret())
  const invitation = token === undefined ? openInvitation : hashToken(token)
  const { position } = await submitEvent(
    administrator,
    streamOf.invitation(invitation),
    (signedAtSeconds) => ({ type: 'invitation.issued', invitation, terms, signedAtSeconds, signature: '' }),
  )
  return { invitation, position, terms, ...(token !== undefined && { token }) }
}

/** Nobody registers by it any more; who did stays. @throws ControlError not_found */
export async function withdrawInvitation(administrator: Administrator, invitation: string): Promise<number> {
  const { position } = await submitEvent(
    administrator,
    streamOf.invitation(invitation),
    (signedAtSeconds) => ({ type: 'invitation.withdrawn', invitation, signedAtSeconds, signature: '' }),
  )
  return position
}

async function presentClient({ connection }: Administrator, clientId: string): Promise<Client> {
  const client = await connection.operations.client({ clientId })
  if (!client) throw new ControlError('not_found', 'The client not found.')
  return client
}
