/** What the two registration forms are read into, and that nothing else passes for it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ClientMetadataError,
  discouragedGrants,
  isClientMetadata,
  parseClientRegistration,
} from '../../src/oauth/client-metadata.ts'

/** The registration, or the one line that says what is wrong. */
function parsed(input: unknown): unknown {
  try {
    return parseClientRegistration(input)
  } catch (error) {
    if (error instanceof ClientMetadataError) return error.message
    throw error
  }
}

describe('what is read', () => {
  const app = { client_id: 'app', redirect_uris: ['https://client.example/callback'] }
  const { metadata } = parseClientRegistration({
    ...app,
    additionalInformation: { a: 'b' },
    accessTokenValidity: '5',
  })

  test('names the grants of 1.1 that are not served', () => {
    const { metadata } = parseClientRegistration({
      clientId: 'app',
      authorizedGrantTypes: ['password', 'implicit', 'refresh_token'],
    })
    expect(discouragedGrants(metadata)).toEqual(['password', 'implicit'])
  })

  test('is metadata, also after it went through JSON', () => {
    expect(isClientMetadata(metadata)).toBe(true)
    expect(isClientMetadata(JSON.parse(JSON.stringify(metadata)))).toBe(true)
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['the form itself', app],
    ['one with a member missing', { ...metadata, scopes: undefined }],
    ['one with a member too many', { ...metadata, '': [] }],
    ['one with a secret', { ...metadata, clientSecret: 'x' }],
    ['one with a list as text', { ...metadata, scopes: 'read' }],
    ['one with a number as text', { ...metadata, accessTokenValiditySeconds: '5' }],
    ['one with a scope twice', { ...metadata, scopes: ['a', 'a'] }],
    ['one with an unknown method', { ...metadata, authenticationMethod: 'constructor' }],
  ])('is not %s', (_, value) => {
    expect(isClientMetadata(value)).toBe(false)
  })
})

test('whatever comes, nothing but ClientMetadataError is thrown', () => {
  const names = [
    'clientId',
    'client_id',
    'clientSecret',
    'scopes',
    'scope',
    'authorizedGrantTypes',
    'grant_types',
    'registeredRedirectUris',
    'redirect_uris',
    'additionalInformation',
    'accessTokenValidity',
    'token_endpoint_auth_method',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
  ]
  const value = fc.oneof(
    fc.jsonValue(),
    fc.anything(),
    fc.constantFrom('app', ['read'], ['https://a.example/'], '__proto__'),
  )
  const input = fc.oneof(
    fc.anything(),
    fc.dictionary(fc.constantFrom(...names), value, { noNullPrototype: false }),
  )
  fc.assert(
    fc.property(input, (of) => {
      const result = parsed(of)
      if (typeof result === 'string') expect(result).not.toBe('')
      else expect(isClientMetadata((result as { metadata: unknown }).metadata)).toBe(true)
    }),
    { numRuns: 2000 },
  )
})
