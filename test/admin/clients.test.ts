/** What the administrator does with clients: new secrets that overlap, new metadata, all or nothing at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerClients, removeClient } from '../../src/admin/administration.ts'
import { invite, renewSecret, updateClient, withdrawInvitation } from '../../src/admin/clients.ts'
import { createSigningKey } from '../support/client-assertion.ts'
import { basic, type HttpRoutes, openRoutes } from '../support/http-routes.ts'

let routes: HttpRoutes
beforeAll(async () => {
  routes = await openRoutes()
})
afterAll(() => routes.close())

let clients = 0
const metadata = { grant_types: ['client_credentials'], scope: 'read write' }
/** A client that acts for itself, and its secret. */
const registered = async () => {
  const clientId = `client-${clients++}`
  const { clientSecret } = await registerClient(routes.administrator, { client_id: clientId, ...metadata })
  return { clientId, secret: clientSecret! }
}
const ask = (clientId: string, secret: string, form: Record<string, string> = {}) =>
  routes.post('/oauth/token', { grant_type: 'client_credentials', ...form }, basic(clientId, secret))
const statuses = async (clientId: string, ...secrets: string[]) => {
  const found: number[] = []
  for (const secret of secrets) found.push((await ask(clientId, secret)).statusCode)
  return found
}

describe('a new secret', () => {
  test('both count until the time, then the new one alone', async () => {
    const { clientId, secret } = await registered()
    const renewed = await renewSecret(routes.administrator, clientId, 60)
    expect(renewed.formerUntil).toBe(new Date(routes.clock.nowMs + 60_000).toISOString())
    expect(await statuses(clientId, secret, renewed.clientSecret)).toEqual([200, 200])
    routes.clock.nowMs += 60_000
    expect(await statuses(clientId, secret, renewed.clientSecret)).toEqual([401, 200])
  })

  test('without overlap the former one is gone at once; a second change ends the first overlap', async () => {
    const { clientId, secret } = await registered()
    const second = await renewSecret(routes.administrator, clientId, 0)
    expect(await statuses(clientId, secret, second.clientSecret)).toEqual([401, 200])
    const third = await renewSecret(routes.administrator, clientId, 60)
    const fourth = await renewSecret(routes.administrator, clientId, 60)
    expect(await statuses(clientId, second.clientSecret, third.clientSecret, fourth.clientSecret)).toEqual([
      401, 200, 200,
    ])
  })

  test('not for a client that has none, is gone or was never there', async () => {
    const { jwk } = await createSigningKey()
    const signing = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } }
    await registerClient(routes.administrator, { client_id: 'signing', ...metadata, ...signing })
    const renew = (id: string) => renewSecret(routes.administrator, id, 0)
    await expect(renew('signing')).rejects.toMatchObject({ code: 'malformed' })
    await expect(renew('__proto__')).rejects.toMatchObject({ code: 'not_found' })
    await removeClient(routes.administrator, 'signing')
    await expect(renew('signing')).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('new metadata', () => {
  test('secret and tokens stay', async () => {
    const { clientId, secret } = await registered()
    const { access_token } = (await ask(clientId, secret)).json()
    await updateClient(routes.administrator, clientId, { ...metadata, scope: 'read' })
    expect((await ask(clientId, secret)).json().scope).toBe('read')
    const introspected = await routes.post(
      '/oauth/introspect',
      { token: access_token },
      basic(clientId, secret),
    )
    expect(introspected.json().active).toBe(true)
  })

  test("SignOn 1.1's form leaves the client as confidential as it was", async () => {
    const { clientId, secret } = await registered()
    const own = { clientId, authorizedGrantTypes: ['client_credentials'], scopes: ['write'] }
    await updateClient(routes.administrator, clientId, own)
    expect((await ask(clientId, secret)).json().scope).toBe('write')
    expect(await statuses(clientId, 'guess')).toEqual([401])
  })

  test('to keys the secret is gone; back to a secret there is a new one', async () => {
    const { clientId, secret } = await registered()
    const { jwk } = await createSigningKey()
    const signing = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } }
    await updateClient(routes.administrator, clientId, { ...metadata, ...signing })
    expect(await statuses(clientId, secret)).toEqual([401])
    const { clientSecret } = await updateClient(routes.administrator, clientId, metadata)
    expect(await statuses(clientId, secret, clientSecret!)).toEqual([401, 200])
  })

  test.each([
    ['a secret', { client_secret: 'x' }],
    ['a secret in the other form', { clientSecret: 'x' }],
    ['another client', { client_id: 'other' }],
  ])('refuses %s', async (_, changes) => {
    const { clientId } = await registered()
    const change = updateClient(routes.administrator, clientId, { ...metadata, ...changes })
    await expect(change).rejects.toMatchObject({ code: 'malformed' })
  })

  test('refuses what no registration may hold, and no client', async () => {
    const { clientId } = await registered()
    const update = (id: string, input: unknown) => updateClient(routes.administrator, id, input)
    await expect(update(clientId, { unknown: 1 })).rejects.toMatchObject({ code: 'client_metadata' })
    await expect(update(clientId, 'text')).rejects.toMatchObject({ code: 'malformed' })
    await expect(update('nobody', metadata)).rejects.toMatchObject({ code: 'not_found' })
  })
})

test('clients are registered all or none: a secret that was made is not lost', async () => {
  const { clientId } = await registered()
  const before = routes.context.ledger.size
  const all = async (...ids: string[]) => {
    const items = ids.map((id) => ({ client_id: id, ...metadata }))
    for await (const _ of registerClients(routes.administrator, items));
  }
  await expect(all('first', clientId)).rejects.toMatchObject({ code: 'exists' })
  await expect(all('first', 'first')).rejects.toMatchObject({ code: 'exists' })
  expect(routes.context.ledger.size).toBe(before)
  await all('first', 'second')
  expect(routes.context.ledger.size).toBe(before + 2)
})

test('invitations that make no sense are refused', async () => {
  const terms = { scopes: ['read'], grantTypes: ['authorization_code'], uses: 1, expiresAtSeconds: null }
  for (const wrong of [
    { grantTypes: ['password'] },
    { scopes: ['a b'] },
    { uses: 0 },
    { expiresAtSeconds: 2 ** 33 },
  ])
    await expect(invite(routes.administrator, { ...terms, ...wrong }, false)).rejects.toMatchObject({
      code: 'malformed',
    })
  for (const id of ['open', 'x', '__proto__'])
    await expect(withdrawInvitation(routes.administrator, id)).rejects.toThrow()
})
