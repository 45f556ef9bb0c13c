/** `/ledger/receipts`: who may ask, and what is answered while nothing is anchored. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { registerClient, removeClient } from '../../../src/admin/administration.ts'
import { createPrivateKey } from '../../../src/chain/keys.ts'
import { signMessage } from '../../../src/chain/message.ts'
import { signedRequestHeader, signedRequestText } from '../../../src/oauth/signed-request.ts'
import { hashToken } from '../../../src/oauth/token-format.ts'
import { type HttpRoutes, issuer, openRoutes } from '../../support/http-routes.ts'
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

describe('GET /ledger/receipts', () => {
  let routes: HttpRoutes
  let tokens: Tokens
  const get = (reference: string | number, headers: Record<string, string> = {}) =>
    routes.http.inject({ method: 'GET', url: `/ledger/receipts/${reference}`, headers })
  let count = 0

  /** What the administrator sends, with one thing changed. */
  const signed = (
    reference: string | number,
    { key = routes.administrator.key, method = 'GET', at = issuer, seconds = 0, nonce = '' } = {},
  ) => {
    const request = {
      timeSeconds: routes.clock.nowMs / 1000 + seconds,
      nonce: nonce || `nonce-of-request-${count++}`,
    }
    const address = `${at}/ledger/receipts/${reference}`
    const signature = signMessage(signedRequestText({ ...request, method, address }), key)
    return { authorization: signedRequestHeader({ ...request, signature }) }
  }
  const status = async (reference: string | number, headers: Record<string, string>) =>
    (await get(reference, headers)).statusCode

  beforeAll(async () => {
    routes = await openRoutes()
    await registerAll(routes)
    tokens = await newTokens(routes)
  })
  afterAll(() => routes.close())

  it('by the hash of its own token, for a client', async () => {
    const hash = hashToken(tokens.access_token)
    expect(await status(hash, asWeb)).toBe(409)
    const theirs = await get(hash, asOther)
    expect(theirs.statusCode).toBe(404)
    expect(theirs.json()).toEqual((await get('x'.repeat(43), asOther)).json())
  })

  it.each([0, 1, 999])('by position %i: not for a client', async (position) => {
    expect(await status(position, asWeb)).toBe(404)
  })

  it('the administrator: any event and any token', async () => {
    expect(await status(0, signed(0))).toBe(409)
    const hash = hashToken(tokens.refresh_token)
    expect(await status(hash, signed(hash))).toBe(409)
    const answer = await get(999, signed(999))
    expect(answer.statusCode).toBe(404)
    expect(answer.json()).toMatchObject({ error_description: 'there is no such event' })
  })

  it.each(['-1', '01', '1e3', '9007199254740993', 'cs_at_x', '..'])('of %s: 404', async (reference) => {
    expect(await status(reference, signed(reference))).toBe(404)
  })

  it('a signature for something else', async () => {
    expect(await status(0, signed(1))).toBe(401)
    expect(await status(0, signed(0, { method: 'POST' }))).toBe(401)
    expect(await status(0, signed(0, { at: 'http://elsewhere.example' }))).toBe(401)
    expect(await status(0, signed(0, { key: createPrivateKey() }))).toBe(401)
    const answer = await get(0, signed(1))
    expect(answer.json().error_description).toContain(`${issuer}/ledger/receipts/0`)
  })

  it('too old, too new, or used before', async () => {
    for (const seconds of [-61, 61]) expect(await status(0, signed(0, { seconds }))).toBe(401)
    const once = signed(0, { seconds: 60 })
    expect(await status(0, once)).toBe(409)
    expect(await status(0, once)).toBe(401)
    routes.clock.nowMs += 120_000
    expect(await status(0, once)).toBe(401)
    expect(await status(0, signed(0))).toBe(409)
  })

  it.each([
    'Coinstack-Signon',
    'Coinstack-Signon time="1", nonce="short", signature=""',
    'coinstack-signon signature="x", time="1"',
    'Bearer cs_at_x',
  ])('%s: 401', async (authorization) => {
    expect(await status(0, { authorization })).toBe(401)
  })

  it('nobody: 401', async () => {
    expect((await get(0)).statusCode).toBe(401)
  })
})
