/** OpenID Connect Core section 5.5: claims that no scope of the request opens are the user's to give, one by one. */
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes, issuer, openRoutes, type Response } from '../../support/http-routes.ts'
import { formOf, InjectAgent } from '../../support/inject-agent.ts'
import { authorizeUrl, callback, locationOf, password } from '../../support/registrations.ts'

const known = {
  name: 'Alice Kim',
  email: 'alice@example.com',
  phone_number: '+82 2 123 4567',
  address: { country: 'KR' },
}
const asked = (userinfo: object, idToken: object = {}) => JSON.stringify({ userinfo, id_token: idToken })

let routes: HttpRoutes
/** A client of each test's own, so that nothing was approved before. */
let clientId: string
let agent: InjectAgent
let count = 0
beforeAll(async () => {
  routes = await openRoutes()
  await registerUser(routes.administrator, { username: 'alice', password, authorities: [], claims: known })
})
afterAll(() => routes.close())

const register = async (more: object = {}) =>
  registerClient(routes.administrator, {
    client_id: clientId,
    client_secret: 'secret',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [callback],
    scope: 'openid profile email phone',
    ...more,
  })
beforeEach(() => {
  clientId = `claims-${++count}`
  agent = new InjectAgent(routes.http)
})

const request = (changes: Record<string, string> = {}) =>
  authorizeUrl({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: callback,
    scope: 'openid',
    ...changes,
  })

async function consentPage(changes: Record<string, string>): Promise<Response> {
  const page = await agent.open(request(changes))
  return page.body.includes('name="password"')
    ? agent.follow(await agent.submit(page, { username: 'alice', password }))
    : page
}
const choices = (page: Response) => formOf(page).fields.filter(([name]) => name === 'claim')

/** What the client comes to know by the answer to its request. */
async function told(answer: Response) {
  const code = locationOf(answer).searchParams.get('code')!
  const form = { grant_type: 'authorization_code', code, redirect_uri: callback }
  const tokens = (await routes.post('/oauth/token', form, basic(clientId, 'secret'))).json()
  const userinfo = await ask(tokens.access_token)
  return { tokens, userinfo: userinfo.json(), idToken: decodeJwt(tokens.id_token) }
}
const ask = (token: string) =>
  routes.http.inject({ url: '/oauth/userinfo', headers: { authorization: `Bearer ${token}` } })

/** The page's form with other boxes ticked. */
function submit(page: Response, claims: readonly string[]) {
  const { action, fields } = formOf(page)
  const kept = fields.filter(([name]) => name !== 'claim')
  const ticked = claims.map((claim): [string, string] => ['claim', claim])
  return agent.post(action.pathname + action.search, [...kept, ...ticked, ['decision', 'approve']])
}

describe('the consent page', () => {
  test('names each claim, and those that are approved are given, each where it was asked for', async () => {
    await register()
    const claims = asked({ name: null, email: { essential: true } }, { phone_number: null, email: null })
    const page = await consentPage({ claims })
    expect(choices(page)).toEqual([
      ['claim', 'name'],
      ['claim', 'email'],
      ['claim', 'phone_number'],
    ])
    for (const text of ['Your full name', 'Your e-mail address', 'Your telephone number'])
      expect(page.body).toContain(text)
    const { userinfo, idToken, tokens } = await told(await agent.submit(page, { decision: 'approve' }))
    const { name, email, phone_number } = known
    expect(userinfo).toEqual({ sub: idToken.sub, name, email })
    expect(idToken).toMatchObject({ phone_number, email })
    expect(idToken).not.toHaveProperty('name')

    const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    const refreshed = (await routes.post('/oauth/token', form, basic(clientId, 'secret'))).json()
    expect((await ask(refreshed.access_token)).json()).toEqual(userinfo)
    expect(decodeJwt(refreshed.id_token)).toMatchObject({ phone_number, email })
  })

  test('what is unticked, or was not asked for, is not given', async () => {
    await register()
    const page = await consentPage({ claims: asked({ name: null, email: null }) })
    const { userinfo } = await told(await submit(page, ['email', 'phone_number', 'address', 'constructor']))
    expect(userinfo).toEqual({ sub: expect.any(String), email: known.email })
  })

  test('with a scope that opens it a claim is the scope’s, and goes with it', async () => {
    await register()
    const page = await consentPage({ scope: 'openid email', claims: asked({ email: null, name: null }) })
    expect(choices(page)).toEqual([['claim', 'name']])
    const { action, fields } = formOf(page)
    const without = fields.filter(([name, value]) => name !== 'scope' || value === 'openid')
    const answer = await agent.post(action.pathname + action.search, [...without, ['decision', 'approve']])
    expect((await told(answer)).userinfo).toEqual({ sub: expect.any(String), name: known.name })
  })

  test('names nothing that no scope of the client could open, nor what nobody knows', async () => {
    await register()
    const claims = asked({ address: null, favourite_colour: null, 'name#ko': null, sub: null, acr: null })
    const page = await consentPage({ claims })
    expect(choices(page)).toEqual([])
    const { userinfo } = await told(await submit(page, ['address', 'favourite_colour']))
    expect(userinfo).toEqual({ sub: expect.any(String) })
  })

  test('claims without openid are nothing to ask for', async () => {
    await register()
    expect(choices(await consentPage({ scope: 'email', claims: asked({ name: null }) }))).toEqual([])
  })
})

describe('what was approved', () => {
  test('is remembered claim by claim: another one is asked for, and consent_required with prompt none', async () => {
    await register()
    await agent.submit(await consentPage({ claims: asked({ name: null }) }), { decision: 'approve' })
    const again = await agent.get(request({ claims: asked({ name: null }), prompt: 'none' }))
    expect((await told(again)).userinfo).toEqual({ sub: expect.any(String), name: known.name })
    const more = { claims: asked({ name: null, email: null }) }
    const refused = await agent.get(request({ ...more, prompt: 'none' }))
    expect(locationOf(refused).searchParams.get('error')).toBe('consent_required')
    expect(choices(await consentPage(more))).toHaveLength(2)
  })

  test('for one request counts for no other: scopes alone open no more than before', async () => {
    await register()
    await agent.submit(await consentPage({ claims: asked({ name: null }) }), { decision: 'approve' })
    expect((await told(await agent.get(request()))).userinfo).toEqual({ sub: expect.any(String) })
  })

  test('by the administrator with a scope is approved for the claims that it opens', async () => {
    await register({ autoApproves: ['openid', 'email'] })
    const page = await agent.open(request({ claims: asked({ email: null }) }))
    const answer = await agent.follow(await agent.submit(page, { username: 'alice', password }))
    expect((await told(answer)).userinfo).toEqual({ sub: expect.any(String), email: known.email })
    expect(choices(await consentPage({ claims: asked({ email: null, name: null }) }))).toHaveLength(2)
  })

  test('stands in the ledger by name, without its value', async () => {
    await register()
    await agent.submit(await consentPage({ claims: asked({ email: null }) }), { decision: 'approve' })
    const subject = routes.context.models.subjectOf('alice')!
    const { state } = routes.context.models.load('consent', `consent:${subject}:${clientId}`)
    expect(state).toMatchObject({ scopes: ['openid'], claims: ['email'] })
  })
})

describe('what a client is registered for', () => {
  const idTokenOf = async (changes: Record<string, string>) =>
    told(await agent.submit(await consentPage(changes), { decision: 'approve' }))

  test('claimsInIdToken: what scopes open stands in the ID token too; without it only what is asked for', async () => {
    await register({ claimsInIdToken: true })
    const { idToken, userinfo } = await idTokenOf({
      scope: 'openid email',
      claims: asked({ name: null }),
    })
    expect(idToken).toMatchObject({ email: known.email })
    expect(idToken).not.toHaveProperty('name')
    expect(userinfo).toMatchObject({ email: known.email, name: known.name })
    clientId = `${clientId}-not`
    await register()
    expect((await idTokenOf({ scope: 'openid email' })).idToken).not.toHaveProperty('email')
  })

  test('userinfo_signed_response_alg: section 5.3.2, a JWT with iss and aud', async () => {
    await register({ userinfo_signed_response_alg: 'EdDSA' })
    const page = await consentPage({ scope: 'openid email' })
    const code = locationOf(await agent.submit(page, { decision: 'approve' })).searchParams.get('code')!
    const form = { grant_type: 'authorization_code', code, redirect_uri: callback }
    const tokens = (await routes.post('/oauth/token', form, basic(clientId, 'secret'))).json()
    const answer = await ask(tokens.access_token)
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/jwt'])
    expect(decodeProtectedHeader(answer.body).alg).toBe('EdDSA')
    expect((await routes.context.keys.verify(answer.body))?.payload).toEqual({
      iss: issuer,
      aud: clientId,
      sub: decodeJwt(tokens.id_token).sub,
      email: known.email,
    })
    await expect(register({ userinfo_signed_response_alg: 'HS256' })).rejects.toThrow(
      /userinfo_signed_response_alg: one of/,
    )
  })
})
