/** Server-side request forgery (CWE-918): no address in a request or in a client's metadata makes the server call. */

import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { registerClient } from '../../src/admin/administration.ts'
import { invite } from '../../src/admin/clients.ts'
import { assertionForm, createSigningKey, goodClaims } from '../support/client-assertion.ts'
import { type HttpRoutes, openRoutes } from '../support/http-routes.ts'
import { InjectAgent } from '../support/inject-agent.ts'
import { asWeb, callback, registerAll, signOn, webRequest } from '../support/registrations.ts'

let routes: HttpRoutes
let bait: Server
let address: string
let calls = 0

beforeAll(async () => {
  bait = createServer((socket) => {
    calls++
    socket.destroy()
  })
  await new Promise<void>((resolve) => bait.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(bait.address() as AddressInfo).port}`
  // What may be called, so that only the address's place in the request keeps the server from it.
  routes = await openRoutes({
    environment: { SIGNON_REGISTRATION_MODE: 'token', SIGNON_OUTBOUND_ALLOW: '127.0.0.1' },
  })
  await registerAll(routes)
})
afterAll(async () => {
  await routes.close()
  await new Promise((resolve) => bait.close(resolve))
})
beforeEach(() => {
  calls = 0
})

const register = async (metadata: object) => {
  const { token } = await invite(
    routes.administrator,
    {
      scopes: ['read'],
      grantTypes: ['authorization_code', 'client_credentials'],
      uses: null,
      expiresAtSeconds: null,
    },
    false,
  )
  return routes.http.inject({
    method: 'POST',
    url: '/oauth/register',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    payload: JSON.stringify(metadata),
  })
}

test('the bait is taken where it is meant to be: jwks_uri of a client whose keys are needed', async () => {
  await registerClient(routes.administrator, {
    client_id: 'fetched',
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['client_credentials'],
    scope: 'read',
    jwks_uri: `${address}/jwks`,
  })
  const assertion = await (await createSigningKey()).sign(
    goodClaims('fetched', routes.issuer, routes.clock.nowMs),
  )
  const answer = await routes.post('/oauth/token', {
    grant_type: 'client_credentials',
    ...assertionForm(assertion),
  })
  expect([answer.statusCode, answer.json().error, calls]).toEqual([401, 'invalid_client', 1])
})

describe('never called', () => {
  test.each([
    'request_uri',
    'sector_identifier_uri',
    'id_token_hint',
    'login_hint',
    'registration',
    'resource',
    'claims_locales',
  ])('%s of an authorization request, pushed or not', async (name) => {
    const agent = new InjectAgent(routes.http)
    await signOn(agent, webRequest())
    await agent.open(webRequest({ [name]: address }))
    await new InjectAgent(routes.http).open(webRequest({ [name]: address }))
    await routes.post('/oauth/par', { response_type: 'code', redirect_uri: callback, [name]: address }, asWeb)
    expect(calls).toBe(0)
  })

  test('what a client registers: its addresses are looked at, not fetched', async () => {
    const names = [
      'logo_uri',
      'client_uri',
      'policy_uri',
      'tos_uri',
      'jwks_uri',
      'sector_identifier_uri',
      'initiate_login_uri',
      'backchannel_logout_uri',
      'software_statement',
    ]
    for (const name of names) {
      const answer = await register({ redirect_uris: ['https://new.example/'], [name]: address })
      expect(answer.statusCode, name).toBeLessThan(500)
    }
    await register({ redirect_uris: ['https://new.example/'], request_uris: [address] })
    await register({
      redirect_uris: [`${address}/callback`],
      application_type: 'native',
      token_endpoint_auth_method: 'none',
    })
    expect(calls).toBe(0)
  })

  test('headers of a JWT: jku, x5u', async () => {
    const key = await createSigningKey()
    await registerClient(routes.administrator, {
      client_id: 'signer',
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      scope: 'read',
      jwks: { keys: [(await createSigningKey()).jwk] },
    })
    const claims = { ...goodClaims('signer', routes.issuer, routes.clock.nowMs), iss: address }
    const assertion = await key.sign(claims, { jku: address, x5u: address, kid: address })
    await routes.post('/oauth/token', { grant_type: 'client_credentials', ...assertionForm(assertion) })
    expect(calls).toBe(0)
  })

  test('headers of a request', async () => {
    for (const name of [
      'referer',
      'origin',
      'x-forwarded-host',
      'x-forwarded-for',
      'true-client-ip',
      'x-wap-profile',
      'destination',
    ])
      await routes.http.inject({ url: webRequest(), headers: { [name]: address } })
    expect(calls).toBe(0)
  })
})
