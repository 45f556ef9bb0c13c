/** Clients that nobody registered for: two libraries register themselves and prove themselves by signed assertions. */
import { exportJWK, generateKeyPair } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registerClient } from '../../src/admin/administration.ts'
import { invite } from '../../src/admin/clients.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'

let served: HttpApp
beforeAll(async () => {
  served = await openHttpApp({ SIGNON_REGISTRATION_MODE: 'token' })
})
afterAll(() => served.close())

const initialToken = async () => {
  const terms = { scopes: ['read'], grantTypes: ['client_credentials'], uses: 1, expiresAtSeconds: null }
  return (await invite(served.administrator, terms, false)).token!
}
const metadata = { client_name: 'Somebody', grant_types: ['client_credentials'], scope: 'read' }

test('openid-client: dynamicClientRegistration', async () => {
  const configuration = await openid.dynamicClientRegistration(
    new URL(served.issuer),
    metadata,
    openid.ClientSecretBasic(),
    {
      initialAccessToken: await initialToken(),
      algorithm: 'oauth2',
      execute: [openid.allowInsecureRequests],
    },
  )
  const tokens = await openid.clientCredentialsGrant(configuration, { scope: 'read' })
  expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'read' })
})

test('oauth4webapi: dynamicClientRegistrationRequest', async () => {
  const insecure = { [oauth.allowInsecureRequests]: true }
  const issuer = new URL(served.issuer)
  const server = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }),
  )
  const registration = await oauth.dynamicClientRegistrationRequest(server, metadata, {
    initialAccessToken: await initialToken(),
    ...insecure,
  })
  const client = await oauth.processDynamicClientRegistrationResponse(registration)
  const response = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    oauth.ClientSecretPost(client.client_secret as string),
    new URLSearchParams({ scope: 'read' }),
    insecure,
  )
  const tokens = await oauth.processClientCredentialsResponse(server, client, response)
  expect(tokens.scope).toBe('read')
})

test.each(['ES256', 'PS256', 'RS256', 'Ed25519'])('openid-client: private_key_jwt by %s', async (alg) => {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const clientId = `signs-${alg}`
  await registerClient(served.administrator, {
    client_id: clientId,
    ...metadata,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [await exportJWK(publicKey)] },
  })
  const configuration = await openid.discovery(
    new URL(served.issuer),
    clientId,
    {},
    openid.PrivateKeyJwt(privateKey),
    { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] },
  )
  for (let i = 0; i < 2; i++)
    expect((await openid.clientCredentialsGrant(configuration, { scope: 'read' })).token_type).toBe('bearer')
})
