/** Clients, who may register themselves, and what they prove themselves by. */
import type { ClientMetadata } from '../client-metadata.ts'
import type { InvitationTerms } from '../invitation.ts'
import type { EventLayouts } from './layout.ts'

export interface ClientEvents {
  'client.registered': {
    clientId: string
    metadata: ClientMetadata
    signedAtSeconds: number
    /** Bitcoin Signed Message of the administrator, see administration.ts. */
    signature: string
    side: { secretHash?: string }
  }
  'client.removed': { clientId: string; signedAtSeconds: number; signature: string }
  /** New metadata; the secret and the grants stay. */
  'client.updated': {
    clientId: string
    metadata: ClientMetadata
    signedAtSeconds: number
    signature: string
  }
  'client.secret_rotated': {
    clientId: string
    /** The former secret counts until then. */
    formerUntilSeconds: number
    signedAtSeconds: number
    signature: string
    side: { secretHash?: string }
  }
  /** What whoever knows a token, or anybody, may register by itself (RFC 7591 section 3, initial access tokens). */
  'invitation.issued': {
    /** base64url of the SHA-256 of the token; `open` for one that needs none. */
    invitation: string
    terms: InvitationTerms
    signedAtSeconds: number
    signature: string
  }
  'invitation.withdrawn': { invitation: string; signedAtSeconds: number; signature: string }
  /** One of the registrations that an invitation allows. */
  'invitation.used': { clientId: string }
  /** A client registered itself (RFC 7591): signed by a server, by the invitation that the administrator signed. */
  'client.enrolled': {
    clientId: string
    metadata: ClientMetadata
    invitation: string
    /** Number of events of the invitation's stream with this use of it, the last of them. */
    invitationVersion: number
    registrationTokenHash: string
    serverAddress: string
    /** Bitcoin Signed Message of `serverAddress`, see administration.ts. */
    signature: string
    side: { secretHash?: string }
  }
  /** A client that registered itself changed its metadata (RFC 7592 section 2.2), and perhaps its secret. */
  'client.amended': {
    clientId: string
    metadata: ClientMetadata
    /** Number of events of the invitation's stream whose terms the metadata keeps to. */
    invitationVersion: number
    registrationTokenHash: string
    /** The former secret counts until then; null where the secret is still the same. */
    formerUntilSeconds: number | null
    serverAddress: string
    signature: string
    side: { secretHash?: string }
  }
  /** A client that registered itself is gone (RFC 7592 section 2.3). */
  'client.deregistered': { clientId: string; serverAddress: string; signature: string }
  /** private_key_jwt: the assertion that names this stream was used, and cannot be again. */
  'assertion.used': { clientId: string; clientVersion: number; expiresAtSeconds: number }
}

export const clientLayouts: EventLayouts<ClientEvents> = {
  'client.registered': {
    code: 16,
    fields: ['clientId', 'metadata', 'signedAtSeconds', 'signature'],
    side: ['secretHash?'],
  },
  'client.removed': { code: 17, fields: ['clientId', 'signedAtSeconds', 'signature'] },
  'client.updated': { code: 18, fields: ['clientId', 'metadata', 'signedAtSeconds', 'signature'] },
  'client.secret_rotated': {
    code: 19,
    fields: ['clientId', 'formerUntilSeconds', 'signedAtSeconds', 'signature'],
    side: ['secretHash?'],
  },
  'client.enrolled': {
    code: 20,
    fields: [
      'clientId',
      'metadata',
      'invitation',
      'invitationVersion',
      'registrationTokenHash:hash',
      'serverAddress',
      'signature',
    ],
    side: ['secretHash?'],
  },
  'client.amended': {
    code: 21,
    fields: [
      'clientId',
      'metadata',
      'invitationVersion',
      'registrationTokenHash:hash',
      'formerUntilSeconds',
      'serverAddress',
      'signature',
    ],
    side: ['secretHash?'],
  },
  'client.deregistered': { code: 22, fields: ['clientId', 'serverAddress', 'signature'] },
  'invitation.issued': { code: 24, fields: ['invitation', 'terms', 'signedAtSeconds', 'signature'] },
  'invitation.withdrawn': { code: 25, fields: ['invitation', 'signedAtSeconds', 'signature'] },
  'invitation.used': { code: 26, fields: ['clientId'] },
  'assertion.used': { code: 144, fields: ['clientId', 'clientVersion', 'expiresAtSeconds'] },
}
