/** SignOn 1.1's client form and RFC 7591 section 2. */
import { describe, expect, test } from 'vitest'
import { ClientMetadataError, parseClientRegistration } from '../../src/oauth/client-metadata.ts'

/** The registration, or the one line that says what is wrong. */
function parsed(input: unknown): unknown {
  try {
    return parseClientRegistration(input)
  } catch (error) {
    if (error instanceof ClientMetadataError) return error.message
    throw error
  }
}

const nothing = {
  grantTypes: [],
  redirectUris: [],
  scopes: [],
  authorities: [],
  autoApproves: [],
  resourceIds: [],
  additionalInformation: {},
}

describe('the form of SignOn 1.1', () => {
  test('every member', () => {
    expect(
      parsed({
        clientId: 'trusted',
        clientSecret: 'secret',
        authorizedGrantTypes: ['authorization_code', 'refresh_token', 'authorization_code'],
        scopes: ['read', 'write'],
        registeredRedirectUris: ['http://localhost:8888'],
        authorities: ['ROLE_CLIENT'],
        autoApproves: ['read'],
        resourceIds: ['accounts'],
        accessTokenValidity: 600,
        refreshTokenValidity: '3600',
        description: 'a \u{1f511} shop',
        additionalInformation: { contact: 'ops', constructor: 'x' },
      }),
    ).toEqual({
      clientId: 'trusted',
      clientSecret: 'secret',
      metadata: {
        authenticationMethod: 'client_secret_basic',
        grantTypes: ['authorization_code', 'refresh_token'],
        scopes: ['read', 'write'],
        redirectUris: ['http://localhost:8888'],
        authorities: ['ROLE_CLIENT'],
        autoApproves: ['read'],
        resourceIds: ['accounts'],
        accessTokenValiditySeconds: 600,
        refreshTokenValiditySeconds: 3600,
        description: 'a \u{1f511} shop',
        additionalInformation: { contact: 'ops', constructor: 'x' },
      },
    })
  })

  test('without a secret it is a public client', () => {
    expect(parsed({ clientId: 'app' })).toEqual({
      clientId: 'app',
      metadata: { ...nothing, authenticationMethod: 'none' },
    })
  })

  test('null is left out, a text is a list of one, scopes may be one text', () => {
    expect(parsed({ clientId: 'app', clientSecret: null, authorities: 'A', scopes: 'read write' })).toEqual({
      clientId: 'app',
      metadata: { ...nothing, authenticationMethod: 'none', authorities: ['A'], scopes: ['read', 'write'] },
    })
  })

  const id = { clientId: 'app' }
  const seconds = 'whole seconds from 1 to 315360000 are expected'
  const idText = '1 to 20 printable ASCII characters without space, quote and backslash are expected'
  test.each<[string, unknown, string]>([
    ['no object', 'app', 'client: an object is expected'],
    ['null', null, 'client: an object is expected'],
    ['a list', [id], 'client: an object is expected'],
    ['no id', {}, 'clientId: is required'],
    ['an empty id', { clientId: '' }, `clientId: ${idText}`],
    ['an id of 21 characters', { clientId: 'a'.repeat(21) }, `clientId: ${idText}`],
    ['an id with a space', { clientId: 'a b' }, `clientId: ${idText}`],
    ['an id with a null', { clientId: 'a\0' }, `clientId: ${idText}`],
    ['an id that is no text', { clientId: 5 }, `clientId: ${idText}`],
    [
      'an unknown grant type',
      { ...id, authorizedGrantTypes: ['urn:x'] },
      'authorizedGrantTypes: "urn:x" is not one of authorization_code, client_credentials, refresh_token, urn:ietf:params:oauth:grant-type:device_code, urn:ietf:params:oauth:grant-type:token-exchange, implicit, password',
    ],
    [
      'a scope that is none',
      { ...id, scopes: ['a b'] },
      'scopes: "a b" is not a scope (RFC 6749 section 3.3)',
    ],
    [
      'an autoApprove that is none',
      { ...id, autoApproves: ['"'] },
      'autoApproves: """ is not a scope (RFC 6749 section 3.3)',
    ],
    [
      'a relative redirect URI',
      { ...id, registeredRedirectUris: ['/x'] },
      'registeredRedirectUris: "/x" must be an absolute URI without fragment and user, https or http or a private-use scheme',
    ],
    [
      'codes without redirect URI',
      { ...id, authorizedGrantTypes: ['authorization_code'] },
      'registeredRedirectUris: the authorization_code grant needs at least one',
    ],
    [
      'client credentials without secret',
      { ...id, authorizedGrantTypes: ['client_credentials'] },
      'authorizedGrantTypes: only a client with a secret may use client_credentials (RFC 6749 section 4.4)',
    ],
    [
      'a list of numbers',
      { ...id, authorities: [1] },
      'authorities: a list of at most 100 texts is expected',
    ],
    [
      'a list with an empty text',
      { ...id, resourceIds: [''] },
      'resourceIds: a list of at most 100 texts is expected',
    ],
    [
      'a list of 101',
      { ...id, authorities: Array.from({ length: 101 }, String) },
      'authorities: a list of at most 100 texts is expected',
    ],
    ['no time at all', { ...id, accessTokenValidity: 0 }, `accessTokenValidity: ${seconds}`],
    ['half a second', { ...id, accessTokenValidity: 0.5 }, `accessTokenValidity: ${seconds}`],
    ['a negative text', { ...id, refreshTokenValidity: '-1' }, `refreshTokenValidity: ${seconds}`],
    ['more than ten years', { ...id, refreshTokenValidity: 315_360_001 }, `refreshTokenValidity: ${seconds}`],
    ['not a number', { ...id, refreshTokenValidity: Number.NaN }, `refreshTokenValidity: ${seconds}`],
    [
      'an empty secret',
      { ...id, clientSecret: '' },
      'clientSecret: text of 1 to 2000 characters is expected',
    ],
    [
      'a description that is no text',
      { ...id, description: {} },
      'description: text of 1 to 2000 characters is expected',
    ],
    [
      'text that UTF-8 cannot hold',
      { ...id, description: 'a\ud800' },
      'description: text of 1 to 2000 characters is expected',
    ],
    [
      'a list with such text',
      { ...id, authorities: ['\udc00'] },
      'authorities: a list of at most 100 texts is expected',
    ],
    [
      'information with such text',
      { ...id, additionalInformation: { a: '\ud800' } },
      'additionalInformation: an object of at most 50 texts is expected',
    ],
    [
      'information that is a list',
      { ...id, additionalInformation: ['x'] },
      'additionalInformation: an object of texts is expected',
    ],
    [
      'information that is nested',
      { ...id, additionalInformation: { a: {} } },
      'additionalInformation: an object of at most 50 texts is expected',
    ],
    [
      'information under __proto__',
      { ...id, additionalInformation: JSON.parse('{"__proto__": "x"}') },
      'additionalInformation: __proto__ cannot be a name',
    ],
    [
      'a misspelt member',
      { ...id, scope: ['read'] },
      expect.stringMatching(/^scope: is not a member of a client \(clientId, /),
    ],
    [
      '__proto__',
      JSON.parse('{"clientId": "app", "__proto__": {"scopes": []}}'),
      expect.stringMatching(/^__proto__: is not a member/),
    ],
    ['constructor', { ...id, constructor: 'x' }, expect.stringMatching(/^constructor: is not a member/)],
  ])('%s is refused, and the member is named', (_, input, expected) => {
    expect(parsed(input)).toEqual(expected)
  })
})

describe('RFC 7591 section 2', () => {
  const uris = { redirect_uris: ['https://client.example/callback'] }

  test('every member', () => {
    expect(
      parsed({
        client_id: 'app',
        client_secret: 'secret',
        client_name: 'App',
        token_endpoint_auth_method: 'client_secret_post',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        scope: 'read write',
        ...uris,
      }),
    ).toEqual({
      clientId: 'app',
      clientSecret: 'secret',
      metadata: {
        ...nothing,
        name: 'App',
        authenticationMethod: 'client_secret_post',
        grantTypes: ['authorization_code', 'refresh_token'],
        scopes: ['read', 'write'],
        redirectUris: uris.redirect_uris,
      },
    })
  })

  test('"If omitted, the default is that the client will use client_secret_basic" and authorization_code', () => {
    expect(parsed({ client_id: 'app', ...uris })).toEqual({
      clientId: 'app',
      metadata: {
        ...nothing,
        authenticationMethod: 'client_secret_basic',
        grantTypes: ['authorization_code'],
        redirectUris: uris.redirect_uris,
      },
    })
  })

  const app = { client_id: 'app', ...uris }
  test.each<[string, unknown, unknown]>([
    [
      'an id of 65 characters',
      { ...uris, client_id: 'a'.repeat(65) },
      'client_id: 1 to 64 printable ASCII characters without space, quote and backslash are expected',
    ],
    ['a null id', { client_id: null, ...uris }, 'client_id: is required'],
    [
      'both forms at once',
      { clientId: 'a', ...app },
      expect.stringMatching(/^clientId: is not a member of a client \(client_id, /),
    ],
    [
      'an unknown method',
      { ...app, token_endpoint_auth_method: 'tls_client_auth' },
      'token_endpoint_auth_method: one of client_secret_basic, client_secret_post, private_key_jwt, none is expected',
    ],
    [
      'the name of a prototype as method',
      { ...app, token_endpoint_auth_method: 'constructor' },
      'token_endpoint_auth_method: one of client_secret_basic, client_secret_post, private_key_jwt, none is expected',
    ],
    [
      'a grant type named as a prototype',
      { ...app, grant_types: ['constructor'] },
      'grant_types: "constructor" is not one of authorization_code, client_credentials, refresh_token, urn:ietf:params:oauth:grant-type:device_code, urn:ietf:params:oauth:grant-type:token-exchange, implicit, password',
    ],
    [
      'another response type',
      { ...app, response_types: ['id_token'] },
      'response_types: "code" and "token" are expected',
    ],
    [
      'no redirect URI',
      { client_id: 'app' },
      'redirect_uris: the authorization_code grant needs at least one',
    ],
    [
      'a public client with a secret',
      { ...app, token_endpoint_auth_method: 'none', client_secret: 's' },
      'client_secret: a client with token_endpoint_auth_method none has no secret',
    ],
    [
      'client credentials of a public client',
      { ...app, token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] },
      'grant_types: only a client with a secret may use client_credentials (RFC 6749 section 4.4)',
    ],
  ])('%s is refused, and the member is named', (_, input, expected) => {
    expect(parsed(input)).toEqual(expected)
  })
})
