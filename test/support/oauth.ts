/** Samples of the protocol's things, and given / when / then over the fold of a grant. */
import type { Client } from '../../src/oauth/client.ts'
import type { ClientMetadata } from '../../src/oauth/client-metadata.ts'
import { type Decision, OAuthError } from '../../src/oauth/errors.ts'
import type { Event, EventOf, Recorded } from '../../src/oauth/events.ts'
import { evolveGrant, type Grant } from '../../src/oauth/grant.ts'
import { type FreshTokens, type IssuedTokens, tokenAnswer } from '../../src/oauth/grants/token-answer.ts'
import { formatToken, hashToken, type TokenKind } from '../../src/oauth/token-format.ts'
import type { User } from '../../src/oauth/user.ts'

/** A Tuesday, to the second. */
export const someTimeMs = 1_700_000_000_000
export const someTimeSeconds = someTimeMs / 1000

export const lifetimes = { accessSeconds: 3600, refreshSeconds: 86_400 }

/** A token of this kind whose secret is told by a name, and its hash. */
export function sampleToken(kind: TokenKind, name: string): { token: string; hash: string } {
  const token = formatToken(kind, name.padEnd(43, '0'))
  return { token, hash: hashToken(token) }
}

export const sampleTokens = (name: string): FreshTokens => ({
  access: sampleToken('access', name),
  refresh: sampleToken('refresh', name),
})

export const sampleMetadata = (changes: Partial<ClientMetadata> = {}): ClientMetadata => ({
  authenticationMethod: 'client_secret_basic',
  grantTypes: [
    'authorization_code',
    'client_credentials',
    'refresh_token',
    'urn:ietf:params:oauth:grant-type:device_code',
  ],
  redirectUris: ['https://client.example/callback'],
  scopes: ['read', 'write'],
  authorities: ['ROLE_CLIENT'],
  autoApproves: [],
  resourceIds: [],
  additionalInformation: {},
  ...changes,
})

export const sampleClient = (changes: Partial<Client> = {}): Client => ({
  clientId: 'trusted',
  registeredAtVersion: 0,
  metadata: sampleMetadata(),
  secretHash: 'not looked at',
  removed: false,
  ...changes,
})

export const sampleUser = (changes: Partial<User> = {}): User => ({
  subject: 'alice-subject',
  username: 'alice',
  passwordHash: 'not looked at',
  authorities: ['USER'],
  removed: false,
  ...changes,
})

export const codeIssued = (changes: Partial<EventOf<'code.issued'>> = {}): EventOf<'code.issued'> => ({
  type: 'code.issued',
  codeHash: sampleToken('code', 'one').hash,
  clientId: 'trusted',
  clientVersion: 0,
  subject: 'alice-subject',
  session: 'some-session',
  scopes: ['read', 'write'],
  redirectUri: 'https://client.example/callback',
  redirectUriSent: true,
  codeChallenge: null,
  expiresAtSeconds: someTimeSeconds + 60,
  ...changes,
})

export const tokenIssued = (
  name: string,
  changes: Partial<EventOf<'token.issued'>> = {},
): EventOf<'token.issued'> => ({
  type: 'token.issued',
  grantType: 'authorization_code',
  clientId: 'trusted',
  clientVersion: 0,
  subject: 'alice-subject',
  scopes: ['read', 'write'],
  accessTokenHash: sampleToken('access', name).hash,
  accessExpiresAtSeconds: someTimeSeconds + lifetimes.accessSeconds,
  refreshTokenHash: sampleToken('refresh', name).hash,
  refreshExpiresAtSeconds: someTimeSeconds + lifetimes.refreshSeconds,
  ...changes,
})

/** The rotation to the sample tokens of this name. */
export const tokenRefreshed = (
  name: string,
  changes: Partial<EventOf<'token.refreshed'>> = {},
): EventOf<'token.refreshed'> => ({
  type: 'token.refreshed',
  scopes: ['read', 'write'],
  accessTokenHash: sampleToken('access', name).hash,
  accessExpiresAtSeconds: someTimeSeconds + lifetimes.accessSeconds,
  refreshTokenHash: sampleToken('refresh', name).hash,
  refreshExpiresAtSeconds: someTimeSeconds + lifetimes.refreshSeconds,
  ...changes,
})

export const revoked = (reason: EventOf<'grant.revoked'>['reason']): EventOf<'grant.revoked'> => ({
  type: 'grant.revoked',
  reason,
  signedAtSeconds: null,
  signature: null,
})

/** A decision with its answer as a client would get it. */
export const onTheWire = (decision: Decision<IssuedTokens, Event>) =>
  decision.refusal ? decision : { ...decision, answer: tokenAnswer(decision.answer) }

/** Given: the state of a grant after these events, all at `timeMs`. */
export function grantAfter(events: readonly Event[], timeMs = someTimeMs): Grant {
  let state: Grant | undefined
  events.forEach((event, version) => {
    state = evolveGrant(state, { position: version, timeMs, stream: 'grant:one', version, event })
  })
  if (!state) throw new Error('these events make no grant')
  return state
}

/** One event at a place. */
export const recordedAt = (stream: string, version: number, event: Event, timeMs = someTimeMs): Recorded => ({
  position: version,
  timeMs,
  stream,
  version,
  event,
})

/** What a check came to: its value, or the code and words of the OAuthError it threw; others go on. */
export function outcome<T>(run: () => T): T | string {
  try {
    return run()
  } catch (error) {
    if (error instanceof OAuthError) return `${error.code}: ${error.message}`
    throw error
  }
}
