/** `POST /ledger/receipts`: who may ask, and what is answered while nothing is anchored. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { registerClient, removeClient } from '../../../src/admin/administration.ts'
import { type HttpRoutes, openRoutes } from '../../support/http-routes.ts'
import {
  asOther,
  asResource,
  asWeb,
  native,
  newTokens,
  registerAll,
  type Tokens,
  web,
} from '../../support/registrations.ts'

describe('POST /ledger/receipts', () => {
  let routes: HttpRoutes
  let tokens: Tokens
  const ask = (token: string, headers: Record<string, string>) =>
    routes.post('/ledger/receipts', { token }, headers)

  beforeAll(async () => {
    routes = await openRoutes()
    await registerAll(routes)
    tokens = await newTokens(routes)
  })
  afterAll(() => routes.close())

  it.each(['access_token', 'refresh_token'] as const)(
    '%s that is not anchored: 409, come again',
    async (kind) => {
      const answer = await ask(tokens[kind], asWeb)
      expect(answer.statusCode).toBe(409)
      expect(answer.headers).toMatchObject({ 'retry-after': '30', 'cache-control': 'no-store' })
      expect(answer.json()).toEqual({
        error: 'temporarily_unavailable',
        error_description: 'the token is not yet anchored',
      })
    },
  )

  it('the token of another client: as if there were none', async () => {
    const theirs = await ask(tokens.access_token, asOther)
    const none = await ask(`cs_at_${'x'.repeat(43)}`, asOther)
    expect(theirs.statusCode).toBe(404)
    expect(theirs.json()).toEqual(none.json())
    // Introspection is open to resource servers; receipts are not.
    expect((await ask(tokens.access_token, asResource)).statusCode).toBe(404)
  })

  it('without proof of who asks: 401', async () => {
    for (const headers of [{}, { authorization: asWeb.authorization.replace(/.$/, 'x') }]) {
      const answer = await ask(tokens.access_token, headers)
      expect([400, 401]).toContain(answer.statusCode)
      expect(answer.json()).not.toHaveProperty('events')
    }
    const form = { token: tokens.access_token, client_id: native.clientId }
    expect((await routes.post('/ledger/receipts', form)).statusCode).toBe(401)
  })

  it('never by an address', async () => {
    const url = `/ledger/receipts?token=${tokens.access_token}`
    const answer = await routes.http.inject({ method: 'GET', url, headers: asWeb })
    expect(answer.statusCode).toBe(405)
    expect(answer.headers.allow).toBe('POST')
  })

  it('while the ledger cannot be read: 503', async () => {
    routes.faults.reading = true
    const answer = await ask(tokens.access_token, asWeb)
    routes.faults.reading = false
    expect(answer.statusCode).toBe(503)
    expect(answer.headers).toHaveProperty('retry-after')
  })

  it('a client that was registered anew inherits nothing', async () => {
    await removeClient(routes.administrator, web.clientId)
    await registerClient(routes.administrator, web)
    expect((await ask(tokens.access_token, asWeb)).statusCode).toBe(404)
  })
})
