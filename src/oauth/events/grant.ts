/** Grants: codes, tokens and their ends, and requests that come before them. */
import type { EventLayouts } from './layout.ts'

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

export interface GrantEvents {
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
}

export const grantLayouts: EventLayouts<GrantEvents> = {
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
  'request.pushed': {
    code: 112,
    fields: ['clientId', 'clientVersion', 'requestHash:hash', 'expiresAtSeconds'],
    side: ['parameters?'],
  },
  'request.used': { code: 113, fields: [] },
}
