/** The examples of the JOSE specifications, as far as this server takes such input: RFC 7515, RFC 7517, RFC 8037. */
import { describe, expect, test } from 'vitest'
import sets from '../../fixtures/oauth/jwk-sets.json' with { type: 'json' }
import vectors from '../../fixtures/oauth/jws.json' with { type: 'json' }
import { proveByAssertion } from '../../src/authorization-server/client-assertion.ts'
import { parseClientRegistration } from '../../src/oauth/client-metadata.ts'
import { openWorld, registerClient } from '../support/authorization.ts'

const clientOf = (keys: Record<string, unknown>[]) => ({
  client_id: 'signs',
  token_endpoint_auth_method: 'private_key_jwt',
  grant_types: ['client_credentials'],
  jwks: { keys },
})

/**
 * What an assertion comes to. Theirs are none of ours, so that a signature that holds is told from one that does not by
 * what is found wrong: the claims, or that no key of the client's signed it (false).
 */
async function proof(jws: string, keys: Record<string, unknown>[]): Promise<unknown> {
  const world = await openWorld()
  const { metadata } = parseClientRegistration(clientOf(keys))
  const client = await registerClient(world, 'signs', metadata)
  return proveByAssertion(world.context, client, jws).catch((error: Error) => error.message)
}

/** The same with one bit of its signature changed. */
function flipped(jws: string): string {
  const [header, payload, signature] = jws.split('.') as [string, string, string]
  const bytes = Buffer.from(signature, 'base64url')
  bytes[bytes.length - 1]! ^= 1
  return `${header}.${payload}.${bytes.toString('base64url')}`
}

describe('RFC 7515', () => {
  test.each(vectors.signed)(
    '$source: the signature holds, and with one bit changed it does not',
    async ({ jws, jwk }) => {
      expect(await proof(jws, [jwk])).toMatch(/^iss /)
      expect(await proof(flipped(jws), [jwk])).toBe(false)
    },
  )

  test('A.2 and A.3 with each other’s keys: no signature', async () => {
    const [rsa, ec] = vectors.signed
    expect(await proof(rsa!.jws, [ec!.jwk])).toBe(false)
    expect(await proof(ec!.jws, [rsa!.jwk])).toBe(false)
    expect(await proof(ec!.jws, [rsa!.jwk, ec!.jwk])).toMatch(/^iss /)
  })

  test.each(vectors.refused)('$source: refused, whatever keys there are', async ({ jws }) => {
    for (const { jwk } of vectors.signed) expect(await proof(jws, [jwk])).toBe(false)
  })
})

describe('RFC 7517 appendix A, RFC 8037 appendix A: keys of a client', () => {
  const registered = (keys: Record<string, unknown>[]) =>
    parseClientRegistration(clientOf(keys)).metadata.jwks

  test.each([sets.public, sets.okp])('$source: taken as they are', ({ keys }) => {
    expect(registered(keys)).toEqual({ keys })
  })

  test.each([sets.private, sets.symmetric, sets.okpPrivate])(
    '$source: refused, for it would be published',
    ({ keys }) => {
      expect(() => registered(keys)).toThrow('a JWK set of 1 to 20 public keys is expected')
    },
  )
})
