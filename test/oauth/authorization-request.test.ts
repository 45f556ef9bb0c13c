/** RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 9700 section 2.1. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { authorizationRequest, authorizationTarget } from '../../src/oauth/authorization-request.ts'
import type { Client } from '../../src/oauth/client.ts'
import { OAuthError } from '../../src/oauth/errors.ts'
import { outcome, sampleClient, sampleMetadata } from '../support/oauth.ts'

const client = sampleClient()
const publicClient = sampleClient({ metadata: sampleMetadata({ authenticationMethod: 'none' }) })
const redirectUri = 'https://client.example/callback'
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

describe('section 4.1.2.1: client and redirect URI come first, and their faults are not redirected', () => {
  const twoUris = sampleClient({
    metadata: sampleMetadata({ redirectUris: [redirectUri, `${redirectUri}2`] }),
  })
  const noUri = sampleClient({ metadata: sampleMetadata({ redirectUris: [] }) })
  const sent = { redirectUri, redirectUriSent: true, state: undefined, responseMode: 'query' }

  test.each<[string, Client | undefined, Record<string, string>, unknown]>([
    ['all right', client, { client_id: 'trusted', redirect_uri: redirectUri }, sent],
    [
      'with state',
      client,
      { client_id: 'trusted', redirect_uri: redirectUri, state: 's' },
      { ...sent, state: 's' },
    ],
    ['the only URI left out', client, { client_id: 'trusted' }, { ...sent, redirectUriSent: false }],
    [
      'one of two URIs',
      twoUris,
      { client_id: 'trusted', redirect_uri: `${redirectUri}2` },
      { ...sent, redirectUri: `${redirectUri}2` },
    ],
    [
      'section 3.1.2.3: one of two left out',
      twoUris,
      { client_id: 'trusted' },
      'invalid_request: redirect_uri is missing',
    ],
    [
      'none registered, none sent',
      noUri,
      { client_id: 'trusted' },
      'invalid_request: redirect_uri is missing',
    ],
    [
      'none registered, one sent',
      noUri,
      { client_id: 'trusted', redirect_uri: redirectUri },
      'invalid_request: redirect_uri is not one of those registered for the client',
    ],
    [
      'another URI',
      client,
      { client_id: 'trusted', redirect_uri: `${redirectUri}/` },
      'invalid_request: redirect_uri is not one of those registered for the client',
    ],
    ['no client_id', undefined, { redirect_uri: redirectUri }, 'invalid_request: client_id is missing'],
    [
      'an unknown client',
      undefined,
      { client_id: 'x', redirect_uri: redirectUri },
      'invalid_client: the client is not known',
    ],
    [
      'a removed client',
      sampleClient({ removed: true }),
      { client_id: 'trusted', redirect_uri: redirectUri },
      'invalid_client: the client is not known',
    ],
  ])('%s', (_, of, parameters, expected) => {
    expect(outcome(() => authorizationTarget(of, parameters))).toEqual(expected)
  })
})

describe('section 4.1.1: the rest of the request', () => {
  const target = { redirectUri, redirectUriSent: true, state: 'xyz', responseMode: 'query' as const }
  const code = { response_type: 'code' }
  const withPkce = { ...code, code_challenge: challenge, code_challenge_method: 'S256' }
  const request = {
    clientId: 'trusted',
    ...target,
    scopes: ['read', 'write'],
    codeChallenge: null,
    grantType: 'authorization_code',
    authentication: { prompts: [] },
  }
  const noCodes = sampleClient({ metadata: sampleMetadata({ grantTypes: ['client_credentials'] }) })
  const noScopes = sampleClient({ metadata: sampleMetadata({ scopes: [] }) })

  test.each<[string, Client, Record<string, string>, unknown]>([
    ['a confidential client without PKCE', client, code, request],
    ['with PKCE', client, withPkce, { ...request, codeChallenge: challenge }],
    ['a public client with PKCE', publicClient, withPkce, { ...request, codeChallenge: challenge }],
    ['narrowed', client, { ...code, scope: 'write root' }, { ...request, scopes: ['write'] }],
    ['response_mode query', client, { ...code, response_mode: 'query' }, request],
    [
      'an unknown parameter "MUST be ignored" (section 3.1)',
      client,
      { ...code, secret: 's', __proto: 'x' },
      request,
    ],
    ['no response_type', client, {}, 'invalid_request: response_type is missing'],
    [
      'the implicit grant',
      client,
      { response_type: 'token' },
      'unauthorized_client: the client may not use the grant type implicit',
    ],
    [
      'a hybrid flow',
      client,
      { response_type: 'code id_token' },
      'unsupported_response_type: the response_type is not supported',
    ],
    [
      'in other case',
      client,
      { response_type: 'CODE' },
      'unsupported_response_type: the response_type is not supported',
    ],
    [
      'a client without this grant',
      noCodes,
      code,
      'unauthorized_client: the client may not use the grant type authorization_code',
    ],
    [
      'an unknown response_mode',
      client,
      { ...code, response_mode: 'jwt' },
      'invalid_request: the response_mode is not supported here',
    ],
    [
      'a request object',
      client,
      { ...code, request: 'x.y.z' },
      'request_not_supported: request objects are not supported',
    ],
    [
      'a request object by reference',
      client,
      { ...code, request_uri: 'urn:x' },
      'request_uri_not_supported: only request_uri values of /oauth/par are taken',
    ],
    [
      'RFC 9700 section 2.1.1: a public client without PKCE',
      publicClient,
      code,
      'invalid_request: code_challenge is required of a public client',
    ],
    [
      'a method without challenge',
      client,
      { ...code, code_challenge_method: 'S256' },
      'invalid_request: code_challenge is missing',
    ],
    [
      'RFC 7636 section 4.3: no method means "plain"',
      client,
      { ...code, code_challenge: challenge },
      'invalid_request: code_challenge_method must be S256',
    ],
    [
      'method plain',
      client,
      { ...withPkce, code_challenge_method: 'plain' },
      'invalid_request: code_challenge_method must be S256',
    ],
    [
      'a malformed challenge',
      client,
      { ...withPkce, code_challenge: challenge.slice(1) },
      'invalid_request: code_challenge is malformed',
    ],
    ['a malformed scope', client, { ...code, scope: 'a"b' }, 'invalid_scope: scope is malformed'],
    [
      'no scope that is open',
      client,
      { ...code, scope: 'root' },
      'invalid_scope: none of the requested scopes is open to this client',
    ],
    [
      'a client without any scope that asks for one',
      noScopes,
      { ...code, scope: 'read' },
      'invalid_scope: none of the requested scopes is open to this client',
    ],
  ])('%s', (_, of, parameters, expected) => {
    expect(outcome(() => authorizationRequest(of, target, parameters))).toEqual(expected)
  })
})

test('whatever is asked, nothing but OAuthError is thrown', () => {
  const names = [
    'client_id',
    'redirect_uri',
    'state',
    'scope',
    'response_type',
    'response_mode',
    'code_challenge',
    'code_challenge_method',
    '__proto__',
    'constructor',
  ]
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('code', 'S256', 'query', challenge, redirectUri, 'read', 'toString'),
  )
  const query = fc.dictionary(fc.constantFrom(...names), value, { noNullPrototype: false })
  fc.assert(
    fc.property(query, fc.constantFrom(client, publicClient, undefined), (parameters, of) => {
      try {
        const target = authorizationTarget(of, parameters)
        const request = authorizationRequest(of!, target, parameters)
        expect([redirectUri]).toContain(request.redirectUri)
        expect(request.scopes.every((scope) => client.metadata.scopes.includes(scope))).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(OAuthError)
      }
    }),
    { numRuns: 500 },
  )
})
