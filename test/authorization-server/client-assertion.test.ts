/** RFC 7523 section 3 and OpenID Connect Core section 9: what an assertion must be, and that it counts once. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { type JWK, type JWTPayload, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { authenticateClient } from '../../src/authorization-server/authenticate-client.ts'
import { ClientKeys } from '../../src/authorization-server/client-keys.ts'
import { clientCredentials } from '../../src/oauth/client-authentication.ts'
import type { ClientMetadata } from '../../src/oauth/client-metadata.ts'
import { OAuthError } from '../../src/oauth/errors.ts'
import { Outbound } from '../../src/outbound/outbound.ts'
import { openWorld, registerClient, tally, type World } from '../support/authorization.ts'
import {
  assertionForm,
  assertionType,
  createSigningKey,
  goodClaims,
  type SigningKey,
} from '../support/client-assertion.ts'
import { temporaryFolder } from '../support/ledger.ts'

const clientId = 'signing-client'
const issuer = 'https://signon.example'

let key: SigningKey
let stranger: SigningKey
beforeAll(async () => {
  key = await createSigningKey('ES256', 'one')
  stranger = await createSigningKey('ES256', 'one')
})

const signs = (keys: JWK[]): Partial<ClientMetadata> => ({
  authenticationMethod: 'private_key_jwt',
  jwks: { keys: keys as Record<string, unknown>[] },
})

async function openSigning(changes = signs([key.jwk])): Promise<World> {
  const world = await openWorld()
  await registerClient(world, clientId, changes)
  return world
}

const authenticate = async (world: World, form: Record<string, string>, authorization?: string) => {
  try {
    const credentials = clientCredentials(authorization, form)
    return (await authenticateClient(world.context, credentials, '127.0.0.1')).clientId
  } catch (error) {
    if (error instanceof OAuthError) return `${error.code}: ${error.message}`
    throw error
  }
}

const claims = (world: World, changes: JWTPayload = {}) => ({
  ...goodClaims(clientId, issuer, world.clock.nowMs),
  ...changes,
})

const failed = 'invalid_client: client authentication failed'

describe('RFC 7523 section 3: the claims', () => {
  const nowSeconds = 1_700_000_000
  const table: [string, Record<string, unknown>, string][] = [
    ['a good one', {}, clientId],
    ['another issuer', { iss: 'other' }, 'iss and sub'],
    ['no issuer', { iss: undefined }, 'iss and sub'],
    ['the token endpoint as audience', { aud: `${issuer}/oauth/token` }, clientId],
    ['another endpoint of this server as audience', { aud: `${issuer}/oauth/par` }, clientId],
    ['a list of both', { aud: [issuer, `${issuer}/oauth/token`] }, clientId],
    ['no audience', { aud: undefined }, 'aud'],
    ['an empty list as audience', { aud: [] }, 'aud'],
    ['another server as audience', { aud: 'https://other.example' }, 'aud'],
    ['another server too', { aud: [issuer, 'https://other.example'] }, 'aud'],
    ['an audience that begins alike', { aud: `${issuer}.evil.example` }, 'aud'],
    ['an audience below an endpoint', { aud: `${issuer}/oauth/token/x` }, 'aud'],
    ['a prototype name as audience', { aud: '__proto__' }, 'aud'],
    ['no end', { exp: undefined }, 'expired'],
    ['expired within the skew', { exp: nowSeconds - 29 }, clientId],
    ['expired', { exp: nowSeconds - 30 }, 'expired'],
    ['a life of an hour', { exp: nowSeconds + 3600 }, clientId],
    ['a life of a day', { exp: nowSeconds + 86_400 }, 'ahead'],
    ['a life beyond numbers', { exp: 1e300 }, 'ahead'],
    ['not yet, within the skew', { nbf: nowSeconds + 30 }, clientId],
    ['not yet', { nbf: nowSeconds + 31 }, 'not valid yet'],
    ['neither nbf nor iat', { nbf: undefined, iat: undefined }, clientId],
    ['made later, within the skew', { iat: nowSeconds + 30 }, clientId],
    ['made later', { iat: nowSeconds + 31 }, 'future'],
    ['no jti', { jti: undefined }, 'jti'],
    ['an empty jti', { jti: '' }, 'jti'],
    ['an endless jti', { jti: 'x'.repeat(256) }, 'jti'],
    ['a jti of any letters', { jti: '\u0000__proto__\n é' }, clientId],
  ]

  test.each(table)('%s', async (_, changes, expected) => {
    const world = await openSigning()
    const assertion = await key.sign(claims(world, changes as JWTPayload))
    const outcome = await authenticate(world, assertionForm(assertion))
    expect(outcome).toContain(expected)
    expect(outcome === clientId || outcome.startsWith('invalid_client: ')).toBe(true)
    expect(tally(world)['assertion.used'] ?? 0).toBe(outcome === clientId ? 1 : 0)
  })

  test.each(['exp', 'nbf', 'iat'])('%s that is no number', async (name) => {
    const world = await openSigning()
    const assertion = await key.sign(claims(world, { [name]: 'soon' }))
    expect(await authenticate(world, assertionForm(assertion))).toBe(failed)
  })
})

describe('RFC 7523 section 3, point 9: the signature', () => {
  test.each(['ES256', 'ES384', 'ES512', 'PS256', 'RS256', 'EdDSA'])('by %s', async (alg) => {
    const own = await createSigningKey(alg)
    const world = await openSigning(signs([own.jwk]))
    expect(await authenticate(world, assertionForm(await own.sign(claims(world))))).toBe(clientId)
  })

  test('by the key of somebody else', async () => {
    const world = await openSigning()
    expect(await authenticate(world, assertionForm(await stranger.sign(claims(world))))).toBe(failed)
    expect(world.heard.some(({ event }) => event.type === 'assertion.used')).toBe(false)
  })

  test('by a key of another id', async () => {
    const world = await openSigning()
    const assertion = await key.sign(claims(world), { kid: 'two' })
    expect(await authenticate(world, assertionForm(assertion))).toBe(failed)
  })

  test('by any of several keys without id', async () => {
    const [one, two] = [await createSigningKey(), await createSigningKey()]
    const world = await openSigning(signs([one.jwk, two.jwk]))
    expect(await authenticate(world, assertionForm(await two.sign(claims(world))))).toBe(clientId)
    expect(
      await authenticate(world, assertionForm(await stranger.sign(claims(world), { kid: undefined }))),
    ).toBe(failed)
  })

  test('none at all', async () => {
    const world = await openSigning()
    const assertion = `${new UnsecuredJWT(claims(world)).encode()}AA`
    expect(await authenticate(world, assertionForm(assertion))).toBe(failed)
  })

  test('changed afterwards', async () => {
    const world = await openSigning()
    const [header, , signature] = (await key.sign(claims(world))).split('.')
    const payload = Buffer.from(JSON.stringify(claims(world, { jti: 'another' }))).toString('base64url')
    expect(await authenticate(world, assertionForm(`${header}.${payload}.${signature}`))).toBe(failed)
  })

  test('with a critical header parameter that nobody knows', async () => {
    const world = await openSigning()
    const assertion = await key.sign(claims(world))
    const [, payload, signature] = assertion.split('.')
    const header = Buffer.from('{"alg":"ES256","crit":["x"],"x":1}').toString('base64url')
    expect(await authenticate(world, assertionForm(`${header}.${payload}.${signature}`))).toBe(failed)
  })
})

describe('jti counts once', () => {
  test('one after the other, and at the same time', async () => {
    const world = await openSigning()
    const form = assertionForm(await key.sign(claims(world)))
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => authenticate(world, form)))
    expect(outcomes.filter((outcome) => outcome === clientId)).toHaveLength(1)
    expect(await authenticate(world, form)).toBe('invalid_client: the assertion was used before')
    expect(tally(world)['assertion.used']).toBe(1)
  })

  test('over a restart', async () => {
    const folder = temporaryFolder()
    const world = await openWorld({ folder })
    await registerClient(world, clientId, signs([key.jwk]))
    const form = assertionForm(await key.sign(claims(world)))
    expect(await authenticate(world, form)).toBe(clientId)
    await world.ledger.close()
    const again = await openWorld({ folder })
    expect(await authenticate(again, form)).toBe('invalid_client: the assertion was used before')
  })

  test('for each client by itself', async () => {
    const world = await openSigning()
    await registerClient(world, 'other', signs([stranger.jwk]))
    expect(await authenticate(world, assertionForm(await key.sign(claims(world, { jti: 'one' }))))).toBe(
      clientId,
    )
    const others = claims(world, { jti: 'one', iss: 'other', sub: 'other' })
    expect(await authenticate(world, assertionForm(await stranger.sign(others)))).toBe('other')
  })
})

describe('RFC 6749 section 2.3: one method, the one that the client is registered for', () => {
  test('a client that signs may not come with a secret, nor with nothing', async () => {
    const world = await openSigning()
    expect(await authenticate(world, { client_id: clientId, client_secret: 's' })).toBe(failed)
    expect(await authenticate(world, { client_id: clientId })).toBe(failed)
  })

  test('a client with a secret may not come with an assertion, nor may one that is not there', async () => {
    const world = await openWorld()
    await registerClient(world, clientId, { jwks: { keys: [key.jwk as Record<string, unknown>] } }, 'hash')
    expect(await authenticate(world, assertionForm(await key.sign(claims(world))))).toBe(failed)
    const nobody = claims(world, { iss: 'nobody', sub: 'nobody' })
    expect(await authenticate(world, assertionForm(await key.sign(nobody)))).toBe(failed)
    const prototype = claims(world, { iss: '__proto__', sub: '__proto__' })
    expect(await authenticate(world, assertionForm(await key.sign(prototype)))).toBe(failed)
  })

  test('two methods at once', async () => {
    const world = await openSigning()
    const form = assertionForm(await key.sign(claims(world)))
    const both = 'invalid_request: the client used more than one authentication method'
    expect(await authenticate(world, { ...form, client_secret: 's' })).toBe(both)
    expect(await authenticate(world, form, 'Basic eDp5')).toBe(both)
  })

  test('RFC 7521 section 4.2: client_id, where it is sent, is the subject', async () => {
    const world = await openSigning()
    const form = assertionForm(await key.sign(claims(world)))
    expect(await authenticate(world, { ...form, client_id: 'other' })).toContain('not the subject')
    expect(await authenticate(world, { ...form, client_id: clientId })).toBe(clientId)
  })

  test.each([
    ['no type', { client_assertion: 'a.b.c' }],
    ['another type', { client_assertion: 'a.b.c', client_assertion_type: 'saml2-bearer' }],
    ['no assertion', { client_assertion_type: assertionType }],
    ['no JWT', { client_assertion: 'abc', client_assertion_type: assertionType }],
    ['no JSON', { client_assertion: 'a.b.c', client_assertion_type: assertionType }],
    ['no subject', { client_assertion: 'e30.e30.AA', client_assertion_type: assertionType }],
  ])('%s', async (_, form) => {
    expect(await authenticate(await openWorld(), form)).toMatch(/^invalid_client: /)
  })

  test('whatever is sent as an assertion, nothing but OAuthError is thrown', async () => {
    const world = await openSigning()
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc
        .record({
          sub: fc.constantFrom(clientId, '__proto__', 1),
          alg: fc.constantFrom('ES256', 'none', 'HS256'),
        })
        .map((it) => Buffer.from(JSON.stringify(it)).toString('base64url')),
    )
    await fc.assert(
      fc.asyncProperty(fc.tuple(part, part, part), async (parts) => {
        expect(await authenticate(world, assertionForm(parts.join('.')))).toMatch(/^invalid_client: /)
      }),
      { numRuns: 50 },
    )
  })
})

describe('jwks_uri (RFC 7591 section 2)', () => {
  /** A client whose keys are served, and how often they were asked for. */
  async function openServed() {
    const served = { keys: [key.jwk] as unknown, calls: 0, status: 200 }
    const server = createServer((_request, response) => {
      served.calls++
      response
        .writeHead(served.status, { 'content-type': 'application/jwk-set+json' })
        .end(JSON.stringify({ keys: served.keys }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    })
    const jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
    const world = await openWorld()
    const outbound = new Outbound({ allow: ['127.0.0.1'], clientHosts: [] })
    world.context.clientKeys = new ClientKeys(outbound, world.context.now)
    await registerClient(world, clientId, { authenticationMethod: 'private_key_jwt', jwksUri })
    const come = async (by = key, header = {}) =>
      authenticate(world, assertionForm(await by.sign(claims(world), header)))
    return { world, served, come }
  }

  test('is fetched once and kept', async () => {
    const { served, come, world } = await openServed()
    expect(await Promise.all([come(), come(), come()])).toEqual([clientId, clientId, clientId])
    world.clock.nowMs += 9 * 60_000
    expect(await come()).toBe(clientId)
    expect(served.calls).toBe(1)
    world.clock.nowMs += 60_000
    expect(await come()).toBe(clientId)
    expect(served.calls).toBe(2)
  })

  test('a new key is looked for at once, but not more often than every half minute', async () => {
    const { served, come, world } = await openServed()
    expect(await come()).toBe(clientId)
    const next = await createSigningKey('ES256', 'two')
    served.keys = [key.jwk, next.jwk]
    expect(await come(next)).toBe(failed)
    expect(served.calls).toBe(1)
    world.clock.nowMs += 30_000
    expect(await come(next)).toBe(clientId)
    for (let i = 0; i < 5; i++) expect(await come(stranger, { kid: `x${i}` })).toBe(failed)
    expect(served.calls).toBe(2)
  })

  test('an address that fails: kept keys count for an hour, and then nothing does', async () => {
    const { served, come, world } = await openServed()
    expect(await come()).toBe(clientId)
    served.status = 500
    world.clock.nowMs += 59 * 60_000
    expect(await come()).toBe(clientId)
    world.clock.nowMs += 60_000
    expect(await come()).toBe('invalid_client: the keys of the client cannot be fetched from its jwks_uri')
    served.status = 200
    world.clock.nowMs += 30_000
    expect(await come()).toBe(clientId)
  })

  test.each([
    [[]],
    ['none'],
    [[{ kty: 'oct', k: 'AA' }]],
    [Array.from({ length: 21 }, () => ({ kty: 'EC' }))],
  ])('what is no set of public keys (%j) is none', async (keys) => {
    const { served, come } = await openServed()
    served.keys = keys
    expect(await come()).toBe('invalid_client: the keys of the client cannot be fetched from its jwks_uri')
  })
})
