/**
 * The event vocabulary: all that can ever happen, in the past tense.
 *
 * The ledger stores `body` positionally (see event-codec.ts), so the order of `fields` is a format:
 * append new fields at the end, never reorder, never reuse a code. `side` names the fields that name a
 * person or hash a secret: they lie outside the hashed record, in an erasable side record.
 */

import type { ClientMetadata, SigningAlgorithm } from './client-metadata.ts'
import type { InvitationTerms } from './invitation.ts'
import type { PublicJwk, ReplacementReason } from './signing-key.ts'
import type { UserClaims } from './user-claims.ts'

/** How a grant came to be (RFC 6749 section 1.3). */
export type GrantType =
  | 'authorization_code'
  | 'client_credentials'
  | 'device_code'
  | 'implicit'
  | 'password'
  | 'token_exchange'

/** Why a grant ended. `code_reuse` and `refresh_reuse` are the replays of RFC 9700 sections 4.2 and 4.14. */
export type RevocationReason =
  | 'client'
  | 'administrator'
  | 'logout'
  | 'code_reuse'
  | 'refresh_reuse'
  | 'session'
  | 'password_changed'

/** `replaced`: the same user has logged in again in the same browser, and the new session goes on for it. */
export type SessionEndReason =
  | 'logout'
  | 'administrator'
  | 'expired'
  | 'user_removed'
  | 'password_changed'
  | 'replaced'

interface EventFields {
  /** The server's keys and log name, bound to each other: first event of a ledger, and again when one changes. */
  'server.opened': {
    origin: string
    administratorAddress: string
    serverAddress: string
    /** Ed25519 public key that signs checkpoints, 32 bytes, base64url. */
    checkpointKey: string
    /** Bitcoin Signed Message of `serverAddress` over the fields above. */
    signature: string
  }
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
  'user.registered': {
    subject: string
    authorities: string[]
    signedAtSeconds: number
    signature: string
    side: { username: string; passwordHash: string; claims?: UserClaims }
  }
  'user.removed': { subject: string; signedAtSeconds: number; signature: string }
  /** The side record takes the place of the one before, which is erased. */
  'user.password_changed': {
    subject: string
    signedAtSeconds: number
    signature: string
    side: { username: string; passwordHash: string; claims?: UserClaims }
  }
  'user.updated': { subject: string; authorities: string[]; signedAtSeconds: number; signature: string }
  /**
   * A user of a repository outside the ledger, as it vouches for them: at the first login, and again when anything
   * of it has changed. Signed by the server, to which the operator has named the repository.
   */
  'user.linked': {
    subject: string
    repository: string
    authorities: string[]
    serverAddress: string
    signature: string
    side: { username: string; claims?: UserClaims }
  }
  /** The repository does not know the user any more. */
  'user.unlinked': { subject: string; serverAddress: string; signature: string }
  /** What names the person is gone, from the side records too; a user who was still there is removed with it. */
  'user.erased': { subject: string; signedAtSeconds: number; signature: string }
  'session.started': {
    subject: string
    cookieHash: string
    expiresAtSeconds: number
    /** Authentication context class and methods (OpenID Connect Core section 2, RFC 8176). */
    acr?: string
    amr?: string[]
    /** Id of the session of the same user that this one goes on for. */
    continues?: string
    side: { address: string; userAgent: string }
  }
  'session.ended': { reason: SessionEndReason }
  /** The outcome of a back-channel logout, once there is nothing more to try. */
  'logout.delivered': { clientId: string }
  'logout.failed': { clientId: string; attempts: number }
  'consent.given': {
    subject: string
    clientId: string
    clientVersion: number
    scopes: string[]
    /** Claims that the user approved one by one, without a scope that opens them. */
    claims?: string[]
  }
  'code.issued': {
    codeHash: string
    clientId: string
    /** Version of the client's stream at its registration: a client registered anew inherits nothing. */
    clientVersion: number
    subject: string
    session: string
    scopes: string[]
    redirectUri: string
    /** Whether the request named `redirect_uri`: then the token request must name it too (RFC 6749 section 4.1.3). */
    redirectUriSent: boolean
    codeChallenge: string | null
    expiresAtSeconds: number
    /** OpenID Connect Core section 3.1.2.1: goes into the ID token as it came. */
    nonce?: string
    /** Resource servers the tokens are for (RFC 8707). */
    resources?: string[]
    /** When and how the resource owner last proved to be there; `auth_time`, `acr` and `amr` of ID tokens. */
    authenticatedAtSeconds?: number
    acr?: string
    amr?: string[]
    /** The `claims` parameter (OpenID Connect Core section 5.5). */
    claims?: Record<string, unknown>
    /** `dpop_jkt`: thumbprint of the key that must redeem the code (RFC 9449 section 10). */
    jkt?: string
    /** Those of `claims` that are given though no scope opens them: the user, or the administrator, approved each. */
    approvedClaims?: string[]
  }
  'code.redeemed': Record<never, never>
  'token.issued': {
    grantType: GrantType
    clientId: string
    clientVersion: number
    subject: string | null
    scopes: string[]
    accessTokenHash: string
    accessExpiresAtSeconds: number
    refreshTokenHash: string | null
    refreshExpiresAtSeconds: number | null
    /** Resource servers of this access token (RFC 8707); without them the client's own stand. */
    resources?: string[]
    /** Thumbprint of the key that the access token is bound to (RFC 9449 section 6). */
    jkt?: string
    /** Session of the resource owner, where the grant did not begin with a code. */
    session?: string
    authenticatedAtSeconds?: number
    acr?: string
    amr?: string[]
    /** Who acts for the subject (RFC 8693 section 4.1), and the grant of the subject token. */
    actor?: Record<string, unknown>
    parent?: string
  }
  'token.refreshed': {
    scopes: string[]
    accessTokenHash: string
    accessExpiresAtSeconds: number
    refreshTokenHash: string
    refreshExpiresAtSeconds: number
    resources?: string[]
    jkt?: string
  }
  /** Too many wrong passwords or secrets: a pause for a name, or for an address. */
  'login.locked': {
    of: 'user' | 'client' | 'device' | 'address'
    failures: number
    /** Pauses in a row, this one included. */
    pauses: number
    untilSeconds: number
    /** Keyed hash of the address, where the name pauses for that one only. */
    from?: string
    side: { address: string }
  }
  'login.unlocked': { signedAtSeconds: number; signature: string }
  /** An authorization request came from its client directly (RFC 9126), and a code or token was given for it. */
  'request.pushed': {
    clientId: string
    clientVersion: number
    /** Of the request URI. */
    requestHash: string
    expiresAtSeconds: number
    /** Sealed, see pushed-request.ts. */
    side: { parameters?: string }
  }
  'request.used': Record<never, never>
  /** RFC 8628 section 3.2: begins a grant that the resource owner decides upon in a browser. */
  'device_code.issued': {
    deviceCodeHash: string
    /** A keyed hash: a user code is short enough to be guessed from a plain one. */
    userCodeHash: string
    clientId: string
    clientVersion: number
    scopes: string[]
    expiresAtSeconds: number
    resources?: string[]
  }
  'device_code.approved': {
    subject: string
    session: string
    scopes: string[]
    authenticatedAtSeconds?: number
    acr?: string
    amr?: string[]
  }
  'device_code.denied': Record<never, never>
  /** The administrator has a refresh token rotated in the client's place; `token.refreshed` follows in the same batch. */
  'rotation.ordered': { refreshTokenHash: string; signedAtSeconds: number; signature: string }
  /** The grant and every token of it end. `signature` stands where the administrator asked for it. */
  'grant.revoked': { reason: RevocationReason; signedAtSeconds: number | null; signature: string | null }
  /** A key of this server's that will sign tokens; its stream bears its thumbprint (RFC 7638). */
  'signing_key.published': { algorithm: SigningAlgorithm; jwk: PublicJwk; serverAddress: string }
  'signing_key.activated': Record<never, never>
  /** It signs no more; it stays published until the last token that it may have signed has expired. */
  'signing_key.replaced': { reason: ReplacementReason; lastExpiresAtSeconds: number }
  'signing_key.retired': Record<never, never>
}

export type EventType = keyof EventFields
export type EventOf<T extends EventType> = { type: T } & EventFields[T]
export type Event = { [T in EventType]: EventOf<T> }[EventType]

/** An event at its place in the ledger. */
export interface Recorded<E = Event> {
  /** Place in the ledger, from 0, without gaps. */
  position: number
  timeMs: number
  stream: string
  /** Place in the stream, from 0. */
  version: number
  event: E
}

interface EventLayout {
  /** Number of the type in the record; never reused. */
  code: number
  /** Names in stored order; `:hash` marks base64url text that is stored as bytes, `?` what may be left out. */
  fields: readonly string[]
  side?: readonly string[]
}

export const eventLayouts: Readonly<Record<EventType, EventLayout>> = {
  'server.opened': {
    code: 1,
    fields: ['origin', 'administratorAddress', 'serverAddress', 'checkpointKey:hash', 'signature'],
  },
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
  'user.registered': {
    code: 32,
    fields: ['subject', 'authorities', 'signedAtSeconds', 'signature'],
    side: ['username', 'passwordHash', 'claims?'],
  },
  'user.removed': { code: 33, fields: ['subject', 'signedAtSeconds', 'signature'] },
  'user.erased': { code: 34, fields: ['subject', 'signedAtSeconds', 'signature'] },
  'user.password_changed': {
    code: 35,
    fields: ['subject', 'signedAtSeconds', 'signature'],
    side: ['username', 'passwordHash', 'claims?'],
  },
  'user.linked': {
    code: 37,
    fields: ['subject', 'repository', 'authorities', 'serverAddress', 'signature'],
    side: ['username', 'claims?'],
  },
  'user.unlinked': { code: 38, fields: ['subject', 'serverAddress', 'signature'] },
  'user.updated': { code: 36, fields: ['subject', 'authorities', 'signedAtSeconds', 'signature'] },
  'session.started': {
    code: 48,
    fields: ['subject', 'cookieHash:hash', 'expiresAtSeconds', 'acr?', 'amr?', 'continues?'],
    side: ['address', 'userAgent'],
  },
  'session.ended': { code: 49, fields: ['reason'] },
  'logout.delivered': { code: 50, fields: ['clientId'] },
  'logout.failed': { code: 51, fields: ['clientId', 'attempts'] },
  'consent.given': { code: 64, fields: ['subject', 'clientId', 'clientVersion', 'scopes', 'claims?'] },
  'code.issued': {
    code: 80,
    fields: [
      'codeHash:hash',
      'clientId',
      'clientVersion',
      'subject',
      'session',
      'scopes',
      'redirectUri',
      'redirectUriSent',
      'codeChallenge:hash',
      'expiresAtSeconds',
      'nonce?',
      'resources?',
      'authenticatedAtSeconds?',
      'acr?',
      'amr?',
      'claims?',
      'jkt:hash?',
      'approvedClaims?',
    ],
  },
  'code.redeemed': { code: 81, fields: [] },
  'token.issued': {
    code: 82,
    fields: [
      'grantType',
      'clientId',
      'clientVersion',
      'subject',
      'scopes',
      'accessTokenHash:hash',
      'accessExpiresAtSeconds',
      'refreshTokenHash:hash',
      'refreshExpiresAtSeconds',
      'resources?',
      'jkt:hash?',
      'session?',
      'authenticatedAtSeconds?',
      'acr?',
      'amr?',
      'actor?',
      'parent?',
    ],
  },
  'token.refreshed': {
    code: 83,
    fields: [
      'scopes',
      'accessTokenHash:hash',
      'accessExpiresAtSeconds',
      'refreshTokenHash:hash',
      'refreshExpiresAtSeconds',
      'resources?',
      'jkt:hash?',
    ],
  },
  'device_code.issued': {
    code: 128,
    fields: [
      'deviceCodeHash:hash',
      'userCodeHash:hash',
      'clientId',
      'clientVersion',
      'scopes',
      'expiresAtSeconds',
      'resources?',
    ],
  },
  'device_code.approved': {
    code: 129,
    fields: ['subject', 'session', 'scopes', 'authenticatedAtSeconds?', 'acr?', 'amr?'],
  },
  'device_code.denied': { code: 130, fields: [] },
  'rotation.ordered': { code: 85, fields: ['refreshTokenHash:hash', 'signedAtSeconds', 'signature'] },
  'grant.revoked': { code: 84, fields: ['reason', 'signedAtSeconds', 'signature'] },
  'login.locked': {
    code: 160,
    fields: ['of', 'failures', 'pauses', 'untilSeconds', 'from:hash?'],
    side: ['address'],
  },
  'login.unlocked': { code: 161, fields: ['signedAtSeconds', 'signature'] },
  'assertion.used': { code: 144, fields: ['clientId', 'clientVersion', 'expiresAtSeconds'] },
  'request.pushed': {
    code: 112,
    fields: ['clientId', 'clientVersion', 'requestHash:hash', 'expiresAtSeconds'],
    side: ['parameters?'],
  },
  'request.used': { code: 113, fields: [] },
  'signing_key.published': { code: 96, fields: ['algorithm', 'jwk', 'serverAddress'] },
  'signing_key.activated': { code: 97, fields: [] },
  'signing_key.replaced': { code: 98, fields: ['reason', 'lastExpiresAtSeconds'] },
  'signing_key.retired': { code: 99, fields: [] },
}

/** The streams: one per thing whose events must be decided in order. */
export const streamOf = {
  server: (address: string) => `server:${address}`,
  client: (clientId: string) => `client:${clientId}`,
  invitation: (id: string) => `invitation:${id}`,
  assertion: (id: string) => `assertion:${id}`,
  user: (subject: string) => `user:${subject}`,
  session: (id: string) => `session:${id}`,
  consent: (subject: string, clientId: string) => `consent:${subject}:${clientId}`,
  grant: (id: string) => `grant:${id}`,
  signingKey: (kid: string) => `signing_key:${kid}`,
  attempts: (key: string) => `attempts:${key}`,
  par: (id: string) => `par:${id}`,
} as const

/** The hashes by which the holder of what an event gave will come back: of a code, of tokens, of a cookie, of a request URI. */
export function hashesOf(event: Event): (string | null)[] {
  switch (event.type) {
    case 'code.issued':
      return [event.codeHash]
    case 'token.issued':
    case 'token.refreshed':
      return [event.accessTokenHash, event.refreshTokenHash]
    case 'device_code.issued':
      return [event.deviceCodeHash, event.userCodeHash]
    case 'session.started':
      return [event.cookieHash]
    case 'request.pushed':
      return [event.requestHash]
    default:
      return []
  }
}
