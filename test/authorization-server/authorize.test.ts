/** The authorization endpoint's use case: RFC 6749 section 4.1, RFC 9207, consent. */
import { describe, expect, test } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { type AuthorizeStep, authorize, decideConsent } from '../../src/authorization-server/authorize.ts'
import type { ClientMetadata } from '../../src/oauth/client-metadata.ts'
import {
  answerOrCode,
  browserOf,
  clientRemoved,
  openWorld,
  receiveCode,
  redeemForm,
  redirectUri,
  registerClient,
  registerUser,
  requestToken,
  signedRequest,
  tally,
} from '../support/authorization.ts'

const request = { response_type: 'code', client_id: 'trusted', redirect_uri: redirectUri, state: 'a b&c' }
const issuer = 'https://signon.example'

async function opened(changes: Partial<ClientMetadata> = { autoApproves: [] }) {
  const world = await openWorld()
  const client = await registerClient(world, 'trusted', changes)
  const user = await registerUser(world)
  return { world, client, user, live: browserOf(user) }
}

/** The parameters of the redirect that a step is. */
function answerOf(step: AuthorizeStep): Record<string, string> {
  if (step.kind !== 'redirect') throw new Error(`not a redirect but: ${step.kind}`)
  const url = new URL(step.location)
  expect(`${url.origin}${url.pathname}`).toBe(redirectUri)
  return Object.fromEntries(url.searchParams)
}

describe('an authorization request', () => {
  test('without session asks to log in, and leaves no event', async () => {
    const { world } = await opened()
    const size = world.ledger.size
    expect(await authorize(world.context, request, undefined)).toMatchObject({ kind: 'log in', redirectUri })
    expect(world.ledger.size).toBe(size)
  })

  test('of scopes that nobody approved asks for all of them', async () => {
    const { world, live } = await opened({ autoApproves: ['read'] })
    expect(await authorize(world.context, request, live)).toMatchObject({
      kind: 'ask',
      scopes: ['read', 'write'],
    })
  })

  test('of scopes that the administrator approved gets a code at once, with state and iss (RFC 9207)', async () => {
    const { world, live } = await opened({ autoApproves: ['read', 'write'] })
    const answer = answerOf(await authorize(world.context, request, live))
    expect(answer).toEqual({ code: expect.stringMatching(/^cs_ac_/), state: 'a b&c', iss: issuer })
    expect(tally(world)).not.toHaveProperty('consent.given')
  })

  test.each([
    ['unknown client', { ...request, client_id: 'unknown' }, 'invalid_client'],
    ['prototype name as client', { ...request, client_id: '__proto__' }, 'invalid_client'],
    ['strange redirect URI', { ...request, redirect_uri: 'https://evil.example/' }, 'invalid_request'],
  ])('section 4.1.2.1: %s is never redirected', async (_, parameters, code) => {
    const { world, live } = await opened()
    expect(await answerOrCode(() => authorize(world.context, parameters, live))).toBe(code)
    const approved = { approved: true, scopes: ['read'] } as const
    expect(await answerOrCode(() => decideConsent(world.context, parameters, live, approved))).toBe(code)
  })

  test('section 4.1.2.1: other faults go back to the client', async () => {
    const { world, live } = await opened()
    const parameters = { ...request, response_type: 'id_token' }
    const expected = {
      error: 'unsupported_response_type',
      error_description: expect.any(String),
      state: 'a b&c',
      iss: issuer,
    }
    expect(answerOf(await authorize(world.context, parameters, live))).toEqual(expected)
    const approved = { approved: true, scopes: ['read'] } as const
    expect(answerOf(await decideConsent(world.context, parameters, live, approved))).toEqual(expected)
  })

  test('of a client without scopes gives no code behind the user\u2019s back', async () => {
    const { world, live } = await opened({ scopes: [], autoApproves: [] })
    expect((await authorize(world.context, request, live)).kind).toBe('ask')
    expect(tally(world)).not.toHaveProperty('code.issued')
  })
})

describe('the resource owner', () => {
  test('approves: the code carries what was approved, and is not asked again', async () => {
    const { world, client, live } = await opened()
    const approved = { approved: true, scopes: ['read', 'write', 'root'] } as const
    const { code } = answerOf(await decideConsent(world.context, request, live, approved))
    expect((await requestToken(world.context, client, redeemForm(code!))).scope).toBe('read write')
    expect(answerOf(await authorize(world.context, request, live))).toHaveProperty('code')
    await decideConsent(world.context, request, live, approved)
    expect(tally(world)).toMatchObject({ 'consent.given': 1, 'code.issued': 3 })
  })

  test('approves a part: the rest is asked for again', async () => {
    const { world, client, live } = await opened()
    const part = await decideConsent(world.context, request, live, { approved: true, scopes: ['read'] })
    expect((await requestToken(world.context, client, redeemForm(answerOf(part).code!))).scope).toBe('read')
    expect(await authorize(world.context, request, live)).toMatchObject({ kind: 'ask' })
    expect(answerOf(await authorize(world.context, { ...request, scope: 'read' }, live))).toHaveProperty(
      'code',
    )
  })

  test.each([
    ['denies', { approved: false } as const],
    ['approves nothing', { approved: true, scopes: [] } as const],
    ['approves only what was not asked for', { approved: true, scopes: ['root'] } as const],
  ])('%s: access_denied', async (_, decision) => {
    const { world, live } = await opened()
    expect(answerOf(await decideConsent(world.context, request, live, decision))).toMatchObject({
      error: 'access_denied',
      state: 'a b&c',
      iss: issuer,
    })
    expect(tally(world)).not.toHaveProperty('consent.given')
  })

  test('is asked again by a public client (RFC 6749 section 10.2)', async () => {
    const { world, live } = await opened({ autoApproves: [], authenticationMethod: 'none' })
    const parameters = {
      ...request,
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    }
    await decideConsent(world.context, parameters, live, { approved: true, scopes: ['read', 'write'] })
    expect(await authorize(world.context, parameters, live)).toMatchObject({ kind: 'ask' })
  })

  test('is asked again when the client was registered anew, whose old codes are worth nothing', async () => {
    const { world, client, live, user } = await opened()
    const approved = { approved: true, scopes: ['read', 'write'] } as const
    await decideConsent(world.context, request, live, approved)
    const code = await receiveCode(world, client, user)
    await administer(
      world.context,
      signedRequest(world, clientRemoved('trusted'), { stream: 'client:trusted' }),
    )
    expect(await answerOrCode(() => authorize(world.context, request, live))).toBe('invalid_client')
    const anew = await registerClient(world, 'trusted', { autoApproves: [] })
    expect(await authorize(world.context, request, live)).toMatchObject({ kind: 'ask' })
    expect(await answerOrCode(() => requestToken(world.context, anew, redeemForm(code)))).toBe(
      'invalid_grant',
    )
  })
})

describe('RFC 6749 section 5.2: the token endpoint', () => {
  test.each<[string, Record<string, string>, string]>([
    ['no grant type', {}, 'invalid_request'],
    ['an unknown grant type', { grant_type: 'saml2' }, 'unsupported_grant_type'],
    ['a grant type named as a prototype', { grant_type: 'constructor' }, 'unsupported_grant_type'],
    ['a grant type of other clients', { grant_type: 'client_credentials' }, 'unauthorized_client'],
    ['no code', { grant_type: 'authorization_code' }, 'invalid_request'],
    ['an unknown code', redeemForm('cs_ac_unknown'), 'invalid_grant'],
    ['a prototype name as code', redeemForm('__proto__'), 'invalid_grant'],
    ['no refresh token', { grant_type: 'refresh_token' }, 'invalid_request'],
    ['an unknown refresh token', { grant_type: 'refresh_token', refresh_token: 'x' }, 'invalid_grant'],
  ])('%s', async (_, form, code) => {
    const { world, client } = await opened({ grantTypes: ['authorization_code', 'refresh_token'] })
    const size = world.ledger.size
    expect(await answerOrCode(async () => requestToken(world.context, client, form))).toBe(code)
    expect(world.ledger.size).toBe(size)
  })

  test('the client\u2019s own lifetimes come first', async () => {
    const { world, client } = await opened({ accessTokenValiditySeconds: 7 })
    const answer = await requestToken(world.context, client, {
      grant_type: 'client_credentials',
      scope: 'read',
    })
    expect(answer).toMatchObject({ expires_in: 7, scope: 'read' })
  })
})
