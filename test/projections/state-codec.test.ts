/** States as bytes: what a row keeps is what the fold made. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Grant } from '../../src/oauth/grant.ts'
import {
  decodeLoaded,
  encodeLoaded,
  kindOfStream,
  stateRowKey,
  tokenRowKey,
} from '../../src/projections/rows.ts'
import { type StreamKind, stateCodecs } from '../../src/projections/state-codec.ts'
import { anyClaims, anyHash, anyJwk, anyMetadata, anySeconds, anyText } from '../support/event-arbitraries.ts'

const texts = fc.array(anyText, { maxLength: 3 })
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const plain = { noNullPrototype: true }
const lock = { failures: anySeconds, pauses: anySeconds, untilSeconds: anySeconds }

const anyGrant: fc.Arbitrary<Grant> = fc.record(
  {
    clientId: anyText,
    clientVersion: fc.nat(),
    grantType: fc.constantFrom('authorization_code', 'client_credentials'),
    subject: orNull(anyText),
    session: orNull(anyText),
    scopes: texts,
    issuedAtSeconds: anySeconds,
    code: orNull(
      fc.record(
        {
          hash: anyHash,
          redirectUri: anyText,
          redirectUriSent: fc.boolean(),
          challenge: orNull(anyHash),
          expiresAtSeconds: anySeconds,
          redeemed: fc.boolean(),
        },
        plain,
      ),
    ),
    access: orNull(
      fc.record(
        { hash: anyHash, scopes: texts, issuedAtSeconds: anySeconds, expiresAtSeconds: anySeconds },
        plain,
      ),
    ),
    refresh: orNull(fc.record({ hash: anyHash, expiresAtSeconds: anySeconds }, plain)),
    rotated: orNull(fc.record({ fromHash: anyHash, atMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }) }, plain)),
    ended: orNull(
      fc.record(
        {
          reason: fc.constantFrom('client', 'administrator', 'logout', 'code_reuse', 'refresh_reuse'),
          atSeconds: anySeconds,
        },
        plain,
      ),
    ),
  },
  plain,
)

const states: { readonly [K in StreamKind]: fc.Arbitrary<object> } = {
  server: fc.record({
    origin: anyText,
    administratorAddress: anyText,
    serverAddress: anyText,
    checkpointKey: anyHash,
  }),
  retention: fc.record({ count: anySeconds, streams: anySeconds, endedBeforeSeconds: anySeconds }),
  client: fc.record(
    {
      clientId: anyText,
      registeredAtVersion: fc.nat(),
      metadata: anyMetadata,
      secretHash: anyText,
      removed: fc.boolean(),
      former: fc.record({ secretHash: anyText, untilSeconds: anySeconds }, plain),
      enrolment: fc.record(
        {
          invitation: anyText,
          atSeconds: anySeconds,
          tokenHash: anyHash,
          formerTokenHash: anyHash,
          formerTokenUntilSeconds: anySeconds,
        },
        { requiredKeys: ['invitation', 'atSeconds', 'tokenHash'], ...plain },
      ),
    },
    { requiredKeys: ['clientId', 'registeredAtVersion', 'metadata', 'removed'], ...plain },
  ),
  invitation: fc.record(
    {
      terms: fc.record(
        { scopes: texts, grantTypes: texts, uses: orNull(anySeconds), expiresAtSeconds: orNull(anySeconds) },
        plain,
      ),
      uses: fc.nat(),
      withdrawn: fc.boolean(),
      lastClientId: anyText,
    },
    { requiredKeys: ['terms', 'uses', 'withdrawn'], ...plain },
  ),
  assertion: fc.record({ clientId: anyText, expiresAtSeconds: anySeconds }),
  user: fc.record(
    {
      subject: anyText,
      username: anyText,
      passwordHash: anyText,
      authorities: texts,
      removed: fc.boolean(),
      claims: anyClaims,
    },
    { requiredKeys: ['subject', 'authorities', 'removed'], ...plain },
  ),
  session: fc.record({
    id: anyText,
    subject: anyText,
    startedAtSeconds: anySeconds,
    expiresAtSeconds: anySeconds,
    endedAtSeconds: orNull(anySeconds),
  }),
  consent: fc.record({ clientVersion: fc.nat(), scopes: texts }),
  grant: anyGrant,
  signing_key: fc.record(
    {
      kid: anyText,
      algorithm: fc.constantFrom('ES256', 'RS256', 'EdDSA'),
      jwk: anyJwk,
      serverAddress: anyText,
      publishedAtSeconds: anySeconds,
      activatedAtSeconds: orNull(anySeconds),
      replaced: orNull(
        fc.record({ reason: anyText, atSeconds: anySeconds, lastExpiresAtSeconds: anySeconds }, plain),
      ),
      retiredAtSeconds: orNull(anySeconds),
    },
    plain,
  ),
  attempts: fc.record(
    {
      whole: orNull(fc.record(lock, plain)),
      pairs: fc.array(fc.record({ from: anyHash, ...lock }, plain), { maxLength: 3 }),
    },
    plain,
  ),
  par: fc.record(
    {
      clientId: anyText,
      clientVersion: fc.nat(),
      expiresAtSeconds: anySeconds,
      used: fc.boolean(),
      parameters: anyText,
    },
    { requiredKeys: ['clientId', 'clientVersion', 'expiresAtSeconds', 'used'], ...plain },
  ),
}

describe('decode(encode(state)) is the state', () => {
  test.each(Object.keys(states) as StreamKind[])('%s', (kind) => {
    fc.assert(
      fc.property(states[kind], fc.nat(), (state, version) => {
        const row = encodeLoaded(kind, state as never, version)
        expect(decodeLoaded(kind, row)).toEqual({ state, version })
        expect(
          stateCodecs[kind].encode(stateCodecs[kind].decode(row.subarray(4)) as never).toString('hex'),
        ).toBe(row.toString('hex', 4))
      }),
    )
  })

  test('and none where there is no row', () => {
    expect(decodeLoaded('grant', undefined)).toEqual({ state: undefined, version: 0 })
  })
})

describe('keys', () => {
  test('a token row is found by all 32 bytes of the hash', () => {
    fc.assert(
      fc.property(anyHash, (hash) => {
        expect(tokenRowKey(hash).toString('hex')).toBe(`74${Buffer.from(hash, 'base64url').toString('hex')}`)
      }),
    )
  })

  test('a state row names its stream, and the stream its kind', () => {
    expect(stateRowKey('consent:s:c:d').toString()).toBe('sconsent:s:c:d')
    expect(kindOfStream('consent:s:c:d')).toBe('consent')
  })
})
