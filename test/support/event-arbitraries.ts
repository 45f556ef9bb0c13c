/** Any event of every type, with fields as the program could write them. */
import fc from 'fast-check'
import type { ClientMetadata } from '../../src/oauth/client-metadata.ts'
import type { Event, EventOf, EventType } from '../../src/oauth/events.ts'

/** Text with what encodings stumble over: prototype names, a byte order mark, letters beyond 16 bits. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    '__proto__',
    'constructor',
    '\ufeffx',
    `\ufeff${'x'.repeat(5000)}`,
    '\u{1f511}'.repeat(50),
  ),
)
export const anyHash: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'))
export const anySeconds: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
)
const anyTexts = fc.array(anyText, { maxLength: 4 })
const anyVersion = fc.nat(1000)
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })

export const anyMetadata: fc.Arbitrary<ClientMetadata> = fc.record(
  {
    name: anyText,
    description: anyText,
    authenticationMethod: fc.constantFrom('client_secret_basic', 'client_secret_post', 'none'),
    grantTypes: anyTexts,
    redirectUris: anyTexts,
    scopes: anyTexts,
    authorities: anyTexts,
    autoApproves: anyTexts,
    resourceIds: anyTexts,
    accessTokenValiditySeconds: anySeconds,
    refreshTokenValiditySeconds: anySeconds,
    // `parseClientRegistration` refuses this one name: CBOR would not give it back.
    additionalInformation: fc.dictionary(
      anyText.filter((name) => name !== '__proto__'),
      anyText,
      {
        noNullPrototype: true,
        maxKeys: 5,
      },
    ),
  },
  {
    requiredKeys: [
      'authenticationMethod',
      'grantTypes',
      'redirectUris',
      'scopes',
      'authorities',
      'autoApproves',
      'resourceIds',
      'additionalInformation',
    ],
    noNullPrototype: true,
  },
)

/** Fields, and some that may be left out. */
const withOptional = <T extends object, O extends object>(
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
  optional: { [K in keyof O]: fc.Arbitrary<O[K]> },
): fc.Arbitrary<T & Partial<O>> =>
  fc
    .tuple(fc.record(fields), fc.record(optional, { requiredKeys: [] }))
    .map(([some, more]) => ({ ...some, ...more }) as unknown as T & Partial<O>)

const anyObject = fc.dictionary(
  anyText.filter((name) => name !== '__proto__'),
  fc.oneof(anyText, fc.boolean(), anySeconds),
  { noNullPrototype: true, maxKeys: 4 },
)
/** Any that the codec must hold, well-formed or not. */
export const anyClaims = fc.record(
  { name: anyText, updated_at: anySeconds, email: anyText, email_verified: fc.boolean() },
  { requiredKeys: [], noNullPrototype: true },
)
export const anyJwk: fc.Arbitrary<Record<string, string>> = fc
  .record({ x: anyHash, y: anyHash }, { noNullPrototype: true })
  .map(({ x, y }) => ({ crv: 'P-256', kty: 'EC', x, y }))
const authentication = { authenticatedAtSeconds: anySeconds, acr: anyText, amr: anyTexts }
const audience = { resources: anyTexts, jkt: anyHash }

const signed = { signedAtSeconds: anySeconds, signature: anyText }
const signedByServer = { serverAddress: anyText, signature: anyText }
const anySecret = fc.record({ secretHash: anyText }, { requiredKeys: [], noNullPrototype: true })

const anyDrop = {
  from: anySeconds,
  to: anySeconds,
  count: anySeconds,
  positions: anyHash,
  ageSeconds: anySeconds,
}

export const eventArbitraries: { readonly [T in EventType]: fc.Arbitrary<Omit<EventOf<T>, 'type'>> } = {
  'server.opened': fc.record({
    origin: anyText,
    administratorAddress: anyText,
    serverAddress: anyText,
    checkpointKey: anyHash,
    signature: anyText,
  }),
  'payloads.dropped': fc.record({ ...anyDrop, streams: anyHash }),
  'side_records.dropped': fc.record(anyDrop),
  'client.registered': fc.record({
    clientId: anyText,
    metadata: anyMetadata,
    ...signed,
    side: fc.record({ secretHash: anyText }, { requiredKeys: [], noNullPrototype: true }),
  }),
  'client.removed': fc.record({ clientId: anyText, ...signed }),
  'client.updated': fc.record({ clientId: anyText, metadata: anyMetadata, ...signed }),
  'client.secret_rotated': fc.record({
    clientId: anyText,
    formerUntilSeconds: anySeconds,
    ...signed,
    side: anySecret,
  }),
  'client.enrolled': fc.record({
    clientId: anyText,
    metadata: anyMetadata,
    invitation: anyText,
    invitationVersion: anyVersion,
    registrationTokenHash: anyHash,
    ...signedByServer,
    side: anySecret,
  }),
  'client.amended': fc.record({
    clientId: anyText,
    metadata: anyMetadata,
    invitationVersion: anyVersion,
    registrationTokenHash: anyHash,
    formerUntilSeconds: orNull(anySeconds),
    ...signedByServer,
    side: anySecret,
  }),
  'client.deregistered': fc.record({ clientId: anyText, ...signedByServer }),
  'invitation.issued': fc.record({
    invitation: anyText,
    terms: fc.record(
      {
        scopes: anyTexts,
        grantTypes: anyTexts,
        uses: orNull(anySeconds),
        expiresAtSeconds: orNull(anySeconds),
      },
      { noNullPrototype: true },
    ),
    ...signed,
  }),
  'invitation.withdrawn': fc.record({ invitation: anyText, ...signed }),
  'invitation.used': fc.record({ clientId: anyText }),
  'assertion.used': fc.record({ clientId: anyText, clientVersion: anyVersion, expiresAtSeconds: anySeconds }),
  'user.registered': fc.record({
    subject: anyText,
    authorities: anyTexts,
    ...signed,
    side: fc.record(
      { username: anyText, passwordHash: anyText, claims: anyClaims },
      { requiredKeys: ['username', 'passwordHash'], noNullPrototype: true },
    ),
  }),
  'user.removed': fc.record({ subject: anyText, ...signed }),
  'user.password_changed': fc.record({
    subject: anyText,
    ...signed,
    side: fc.record({ username: anyText, passwordHash: anyText }, { noNullPrototype: true }),
  }),
  'user.linked': fc.record({
    subject: anyText,
    repository: anyText,
    authorities: anyTexts,
    serverAddress: anyText,
    signature: anyText,
    side: fc.record({ username: anyText }, { noNullPrototype: true }),
  }),
  'user.unlinked': fc.record({ subject: anyText, serverAddress: anyText, signature: anyText }),
  'user.updated': fc.record({ subject: anyText, authorities: anyTexts, ...signed }),
  'user.erased': fc.record({ subject: anyText, ...signed }),
  'session.started': withOptional(
    {
      subject: anyText,
      cookieHash: anyHash,
      expiresAtSeconds: anySeconds,
      side: fc.record({ address: anyText, userAgent: anyText }, { noNullPrototype: true }),
    },
    { acr: anyText, amr: anyTexts, continues: anyText },
  ),
  'session.ended': fc.record({
    reason: fc.constantFrom(
      'logout',
      'administrator',
      'expired',
      'user_removed',
      'password_changed',
      'replaced',
    ),
  }),
  'logout.delivered': fc.record({ clientId: anyText }),
  'logout.failed': fc.record({ clientId: anyText, attempts: anySeconds }),
  'consent.given': withOptional(
    { subject: anyText, clientId: anyText, clientVersion: anyVersion, scopes: anyTexts },
    { claims: anyTexts },
  ),
  'code.issued': withOptional(
    {
      codeHash: anyHash,
      clientId: anyText,
      clientVersion: anyVersion,
      subject: anyText,
      session: anyText,
      scopes: anyTexts,
      redirectUri: anyText,
      redirectUriSent: fc.boolean(),
      codeChallenge: orNull(anyHash),
      expiresAtSeconds: anySeconds,
    },
    { nonce: anyText, claims: anyObject, approvedClaims: anyTexts, ...audience, ...authentication },
  ),
  'code.redeemed': fc.constant({}),
  'token.issued': withOptional(
    {
      grantType: fc.constantFrom('authorization_code', 'client_credentials', 'device_code', 'token_exchange'),
      clientId: anyText,
      clientVersion: anyVersion,
      subject: orNull(anyText),
      scopes: anyTexts,
      accessTokenHash: anyHash,
      accessExpiresAtSeconds: anySeconds,
      refreshTokenHash: orNull(anyHash),
      refreshExpiresAtSeconds: orNull(anySeconds),
    },
    { session: anyText, actor: anyObject, parent: anyText, ...audience, ...authentication },
  ),
  'token.refreshed': withOptional(
    {
      scopes: anyTexts,
      accessTokenHash: anyHash,
      accessExpiresAtSeconds: anySeconds,
      refreshTokenHash: anyHash,
      refreshExpiresAtSeconds: anySeconds,
    },
    { ...audience },
  ),
  'device_code.issued': withOptional(
    {
      deviceCodeHash: anyHash,
      userCodeHash: anyHash,
      clientId: anyText,
      clientVersion: anyVersion,
      scopes: anyTexts,
      expiresAtSeconds: anySeconds,
    },
    { resources: anyTexts },
  ),
  'device_code.approved': withOptional(
    { subject: anyText, session: anyText, scopes: anyTexts },
    { ...authentication },
  ),
  'device_code.denied': fc.constant({}),
  'rotation.ordered': fc.record({ refreshTokenHash: anyHash, ...signed }),
  'login.locked': withOptional(
    {
      of: fc.constantFrom('user', 'client', 'address'),
      failures: anySeconds,
      pauses: anySeconds,
      untilSeconds: anySeconds,
      side: fc.record({ address: anyText }, { noNullPrototype: true }),
    },
    { from: anyHash },
  ),
  'login.unlocked': fc.record(signed),
  'grant.revoked': fc.record({
    reason: fc.constantFrom('client', 'administrator', 'logout', 'code_reuse', 'refresh_reuse'),
    signedAtSeconds: orNull(anySeconds),
    signature: orNull(anyText),
  }),
  'request.pushed': fc.record({
    clientId: anyText,
    clientVersion: anyVersion,
    requestHash: anyHash,
    expiresAtSeconds: anySeconds,
    side: fc.record({ parameters: anyText }, { noNullPrototype: true }),
  }),
  'request.used': fc.constant({}),
  'signing_key.published': fc.record({
    algorithm: fc.constantFrom('ES256', 'RS256', 'EdDSA'),
    jwk: anyJwk,
    serverAddress: anyText,
  }),
  'signing_key.activated': fc.constant({}),
  'signing_key.replaced': fc.record({
    reason: fc.constantFrom('schedule', 'operator', 'compromised', 'missing', 'withdrawn'),
    lastExpiresAtSeconds: anySeconds,
  }),
  'signing_key.retired': fc.constant({}),
}

export const eventTypes = Object.keys(eventArbitraries) as EventType[]

export const anyEventOf = (type: EventType): fc.Arbitrary<Event> =>
  (eventArbitraries[type] as fc.Arbitrary<object>).map((fields) => ({ type, ...fields }) as Event)

export const anyEvent: fc.Arbitrary<Event> = fc.oneof(...eventTypes.map(anyEventOf))
