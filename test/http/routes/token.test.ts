import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { basic, type Form, type HttpRoutes, type Response } from '../../support/http-routes.ts'
import {
  asOther,
  asResource,
  asWeb,
  callback,
  closeWithoutComplaint,
  isActive,
  native,
  newCode,
  newTokens,
  openRegistered,
  pkce,
  web,
} from '../../support/registrations.ts'

let routes: HttpRoutes

beforeAll(async () => {
  routes = await openRegistered()
})
afterAll(() => closeWithoutComplaint(routes))

const ask = (form: Form, headers: Record<string, string> = asWeb) =>
  routes.post('/oauth/token', form, headers)

/** RFC 6749 section 5.2: the shape of every refusal. */
function expectRefusal(response: Response, error: string, status = 400): void {
  expect([response.statusCode, response.json().error], response.body).toEqual([status, error])
  expect(Object.keys(response.json())).toEqual(['error', 'error_description'])
  expect(response.json().error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  expect(response.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(response.headers['cache-control']).toBe('no-store')
}

describe('RFC 6749 section 5.1: the answer', () => {
  test('has exactly the members of the section and is not to be stored', async () => {
    const response = await ask({ grant_type: 'client_credentials', scope: 'read' })
    expect(response.statusCode).toBe(200)
    expect(response.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      pragma: 'no-cache',
    })
    expect(response.json()).toEqual({
      access_token: expect.stringMatching(/^cs_at_[\w-]{43}$/),
      token_type: 'bearer',
      expires_in: 600,
      scope: 'read',
    })
  })
})

describe('RFC 6749 section 5.2: refusals', () => {
  const cases: [string, Form, Record<string, string>, string][] = [
    ['no grant_type', {}, asWeb, 'invalid_request'],
    ['an empty grant_type is none (section 3.2)', { grant_type: '' }, asWeb, 'invalid_request'],
    ['an unknown grant type', { grant_type: 'saml2' }, asWeb, 'unsupported_grant_type'],
    ['the password grant', { grant_type: 'password' }, asWeb, 'unauthorized_client'],
    ['the name of a prototype', { grant_type: 'constructor' }, asWeb, 'unsupported_grant_type'],
    ['a grant type in capitals', { grant_type: 'Client_Credentials' }, asWeb, 'unsupported_grant_type'],
    [
      'a grant type that the client may not use',
      { grant_type: 'client_credentials' },
      asOther,
      'unauthorized_client',
    ],
    [
      'a scope that the client has not',
      { grant_type: 'client_credentials', scope: 'admin' },
      asWeb,
      'invalid_scope',
    ],
    [
      'a scope named like a prototype',
      { grant_type: 'client_credentials', scope: '__proto__ constructor' },
      asWeb,
      'invalid_scope',
    ],
    [
      'a malformed scope (section 3.3)',
      { grant_type: 'client_credentials', scope: 'read  write' },
      asWeb,
      'invalid_scope',
    ],
    ['no code', { grant_type: 'authorization_code' }, asWeb, 'invalid_request'],
    [
      'an unknown code',
      { grant_type: 'authorization_code', code: `cs_ac_${'A'.repeat(43)}` },
      asWeb,
      'invalid_grant',
    ],
    ['no code at all', { grant_type: 'authorization_code', code: '__proto__' }, asWeb, 'invalid_grant'],
    ['no refresh token', { grant_type: 'refresh_token' }, asWeb, 'invalid_request'],
    [
      'an unknown refresh token',
      { grant_type: 'refresh_token', refresh_token: `cs_rt_${'A'.repeat(43)}` },
      asWeb,
      'invalid_grant',
    ],
    [
      'a refresh token that is none',
      { grant_type: 'refresh_token', refresh_token: 'constructor' },
      asWeb,
      'invalid_grant',
    ],
  ]
  test.each(cases)('%s', async (_name, form, headers, error) => {
    expectRefusal(await ask(form, headers), error)
  })

  test('a parameter given twice, equal or not, empty or not (section 3.2)', async () => {
    const good: [string, string][] = [
      ['grant_type', 'client_credentials'],
      ['scope', 'read'],
    ]
    expect((await ask(good)).statusCode).toBe(200)
    for (const again of [
      ['scope', 'read'],
      ['scope', 'write'],
      ['scope', ''],
      ['grant_type', 'client_credentials'],
    ] as [string, string][])
      expectRefusal(await ask([...good, again]), 'invalid_request')
  })

  test('an empty scope is one left out: all of the client (section 3.3)', async () => {
    const response = await ask({ grant_type: 'client_credentials', scope: '' })
    expect(response.json().scope).toBe('read write')
  })

  test('unknown parameters are ignored (section 3.2)', async () => {
    const response = await ask({ grant_type: 'client_credentials', __proto__x: '1', toString: '2', foo: '3' })
    expect(response.statusCode).toBe(200)
  })
})

describe('RFC 6749 section 2.3: client authentication', () => {
  const grant = { grant_type: 'client_credentials' }
  const inForm = { client_id: web.clientId, client_secret: web.clientSecret }
  const raw = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })

  test('by HTTP Basic and by form, with a secret that form-encoding changes', async () => {
    expect((await ask(grant)).statusCode).toBe(200)
    expect((await ask({ ...grant, ...inForm }, {})).statusCode).toBe(200)
  })

  test('the scheme is not case-sensitive (RFC 9110 section 11.1), and client_id may stand beside it', async () => {
    const { authorization } = asWeb
    expect((await ask(grant, { authorization: authorization.replace('Basic', 'bAsIc') })).statusCode).toBe(
      200,
    )
    expect((await ask({ ...grant, client_id: web.clientId })).statusCode).toBe(200)
  })

  const wrong: [string, Form, Record<string, string>][] = [
    ['nothing', grant, {}],
    ['an empty client_id', { ...grant, client_id: '' }, {}],
    ['only a name where a secret is needed', { ...grant, client_id: web.clientId }, {}],
    ['an empty secret', { ...grant, client_id: web.clientId, client_secret: '' }, {}],
    ['a wrong secret', { ...grant, client_id: web.clientId, client_secret: 'wrong' }, {}],
    ['a wrong secret by Basic', grant, basic(web.clientId, 'wrong')],
    ['an unknown client', grant, basic('nobody', 'secret')],
    ['the name of a prototype', grant, basic('__proto__', 'secret')],
    ['the name of a prototype in the form', { ...grant, client_id: 'constructor' }, {}],
    ['a client id of 60,000 characters', { ...grant, client_id: 'x'.repeat(60_000) }, {}],
    ['a client id with the separators of the store', { ...grant, client_id: 'web\0:\xff' }, {}],
    ['a secret of a public client', grant, basic(native.clientId, 'secret')],
    ['another scheme', grant, { authorization: 'Bearer abc' }],
    ['no base64', grant, { authorization: 'Basic ???' }],
    ['no colon', grant, raw('web')],
    ['no name', grant, raw(':secret')],
    ['no form-encoding', grant, raw('web:100%')],
    ['bytes that are no UTF-8', grant, raw('web:%FF')],
  ]
  test.each(wrong)(
    '%s: invalid_client, 401, WWW-Authenticate (section 5.2)',
    async (_name, form, headers) => {
      const response = await ask(form, headers)
      expectRefusal(response, 'invalid_client', 401)
      expect(response.headers['www-authenticate']).toMatch(/^Basic realm="[^"]+"/)
    },
  )

  test('a wrong secret and an unknown client are refused with the same words', async () => {
    const known = await ask(grant, basic(web.clientId, 'wrong'))
    const unknown = await ask(grant, basic('nobody', 'wrong'))
    expect(known.body).toBe(unknown.body)
    expect((await ask(grant, basic(native.clientId, 'wrong'))).body).toBe(unknown.body)
  })

  test('"MUST NOT use more than one authentication method in each request"', async () => {
    expectRefusal(await ask({ ...grant, ...inForm }), 'invalid_request')
    expectRefusal(await ask({ ...grant, client_id: 'other' }), 'invalid_request')
  })

  test('credentials in the query do not count', async () => {
    const query = new URLSearchParams({ ...grant, ...inForm })
    const response = await routes.post(`/oauth/token?${query}`, {}, {})
    expectRefusal(response, 'invalid_client', 401)
  })
})

describe('the body', () => {
  const post = (payload: string | Buffer, contentType?: string) =>
    routes.http.inject({
      method: 'POST',
      url: '/oauth/token',
      headers: { ...asWeb, ...(contentType && { 'content-type': contentType }) },
      payload,
    })
  const form = 'application/x-www-form-urlencoded'

  test('the content type may have parameters', async () => {
    for (const type of [`${form};charset=UTF-8`, `${form}; charset=utf-8`, form.toUpperCase()])
      expect((await post('grant_type=client_credentials', type)).statusCode, type).toBe(200)
  })

  test('another content type is not read', async () => {
    const json = JSON.stringify({ grant_type: 'client_credentials' })
    for (const [body, type] of [
      [json, 'application/json'],
      ['grant_type=client_credentials', 'text/plain'],
      ['grant_type=client_credentials', 'multipart/form-data; boundary=x'],
      ['grant_type=client_credentials', 'nonsense'],
      ['grant_type=client_credentials', undefined],
    ] as const)
      expectRefusal(await post(body, type), 'invalid_request')
  })

  test('a body over the limit: 413', async () => {
    const response = await post(`grant_type=client_credentials&scope=${'x'.repeat(70_000)}`, form)
    expectRefusal(response, 'invalid_request', 413)
  })

  test('a thousand parameters and more', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => `p${index}=1`).join('&')
    expect((await post(`${many}&grant_type=client_credentials`, form)).statusCode).toBe(200)
  })

  test.each([
    '%',
    '%zz',
    '%ff%fe',
    '=&=&&&',
    'grant_type',
    'grant_type[]=client_credentials',
    '\0\x01',
    '__proto__[x]=1',
  ])('malformed: %j', async (body) => {
    expectRefusal(await post(body, form), 'invalid_request')
  })

  test('malformed encoding in a value that is read', async () => {
    expectRefusal(await post('grant_type=client_credentials&scope=%ff', form), 'invalid_scope')
    expectRefusal(
      await post(Buffer.from('grant_type=client_credentials&scope=\xff', 'latin1'), form),
      'invalid_scope',
    )
  })
})

describe('RFC 6749 section 4.1.3: redeeming a code', () => {
  const redeem = (code: string, changes: Record<string, string> = {}, headers = asWeb) =>
    ask({ grant_type: 'authorization_code', code, redirect_uri: callback, ...changes }, headers)

  test('gives both tokens, once; a second use revokes what it gave (section 4.1.2)', async () => {
    const code = await newCode(routes, { scope: 'read' })
    const first = (await redeem(code)).json()
    expect(first).toMatchObject({ scope: 'read', token_type: 'bearer' })
    expect(await isActive(routes, first.access_token)).toBe(true)
    expectRefusal(await redeem(code), 'invalid_grant')
    expect(await isActive(routes, first.access_token)).toBe(false)
    expect(await isActive(routes, first.refresh_token)).toBe(false)
  })

  test('of another client: refused, and the code is still good for its own', async () => {
    const code = await newCode(routes)
    expectRefusal(await redeem(code, {}, asOther), 'invalid_grant')
    expectRefusal(await redeem(code, { client_id: 'native' }, {} as typeof asWeb), 'invalid_grant')
    expect((await redeem(code)).statusCode).toBe(200)
  })

  test('"redirect_uri REQUIRED, if the parameter was included in the authorization request"', async () => {
    const code = await newCode(routes)
    expectRefusal(await ask({ grant_type: 'authorization_code', code }), 'invalid_grant')
    for (const redirectUri of [`${callback}/`, web.registeredRedirectUris[1]!, callback.toUpperCase()])
      expectRefusal(await redeem(code, { redirect_uri: redirectUri }), 'invalid_grant')
    expect((await redeem(code)).statusCode).toBe(200)
  })

  test('a code lives for its seconds and not one longer', async () => {
    const [inTime, late] = [await newCode(routes), await newCode(routes)]
    const issuedAtMs = routes.clock.nowMs
    routes.clock.nowMs = issuedAtMs + 59_999
    expect((await redeem(inTime)).statusCode).toBe(200)
    routes.clock.nowMs = issuedAtMs + 60_000
    expectRefusal(await redeem(late), 'invalid_grant')
  })

  test('PKCE (RFC 7636 section 4.6): only with the right verifier', async () => {
    const challenge = { code_challenge: pkce.challenge, code_challenge_method: 'S256' }
    const code = await newCode(routes, challenge)
    expectRefusal(await redeem(code), 'invalid_grant')
    expectRefusal(await redeem(code, { code_verifier: pkce.challenge }), 'invalid_grant')
    expectRefusal(await redeem(code, { code_verifier: 'short' }), 'invalid_grant')
    expect((await redeem(code, { code_verifier: pkce.verifier })).statusCode).toBe(200)
  })

  test('a verifier without a challenge is a downgrade (RFC 9700 section 2.1.1)', async () => {
    expectRefusal(await redeem(await newCode(routes), { code_verifier: pkce.verifier }), 'invalid_grant')
  })
})

describe('RFC 6749 section 6: refreshing', () => {
  const refresh = (token: string, changes: Record<string, string> = {}, headers = asWeb) =>
    ask({ grant_type: 'refresh_token', refresh_token: token, ...changes }, headers)

  test('rotates: new tokens, and the former access token is dead', async () => {
    const before = await newTokens(routes)
    const after = (await refresh(before.refresh_token)).json()
    expect(after.refresh_token).not.toBe(before.refresh_token)
    expect(await isActive(routes, before.access_token)).toBe(false)
    expect(await isActive(routes, before.refresh_token)).toBe(false)
    expect(await isActive(routes, after.access_token)).toBe(true)
    expect(await isActive(routes, after.refresh_token)).toBe(true)
  })

  test('narrows the scope of the access token, and can widen it again to what was granted', async () => {
    const first = await newTokens(routes)
    const narrow = (await refresh(first.refresh_token, { scope: 'read' })).json()
    expect(narrow.scope).toBe('read')
    expect((await refresh(narrow.refresh_token)).json().scope).toBe('read write')
    const granted = await newTokens(routes, { scope: 'read' })
    expectRefusal(await refresh(granted.refresh_token, { scope: 'write' }), 'invalid_scope')
  })

  test('a retry within the grace window gets the same tokens, a use after it ends the family', async () => {
    const { refresh_token: token } = await newTokens(routes)
    const rotated = (await refresh(token)).json()
    routes.clock.nowMs += 9_999
    const again = (await refresh(token)).json()
    expect(again).toEqual({ ...rotated, expires_in: again.expires_in })
    expect(again.expires_in).toBeLessThanOrEqual(rotated.expires_in)
    routes.clock.nowMs += 1
    expectRefusal(await refresh(token), 'invalid_grant')
    expect(await isActive(routes, rotated.access_token)).toBe(false)
    expectRefusal(await refresh(rotated.refresh_token), 'invalid_grant')
  })

  test('a replaced token ends the family at once when its successor was used', async () => {
    const { refresh_token: first } = await newTokens(routes)
    const second = (await refresh(first)).json()
    const third = (await refresh(second.refresh_token)).json()
    expectRefusal(await refresh(first), 'invalid_grant')
    expect(await isActive(routes, third.access_token)).toBe(false)
  })

  test('of another client: refused, without harm to the family', async () => {
    const tokens = await newTokens(routes)
    expectRefusal(await refresh(tokens.refresh_token, {}, asOther), 'invalid_grant')
    expect(await isActive(routes, tokens.access_token)).toBe(true)
    expect((await refresh(tokens.refresh_token)).statusCode).toBe(200)
  })

  test('an access token or a code is no refresh token', async () => {
    const tokens = await newTokens(routes)
    expectRefusal(await refresh(tokens.access_token), 'invalid_grant')
    expectRefusal(await refresh(await newCode(routes)), 'invalid_grant')
  })

  test('expires', async () => {
    const { refresh_token: token } = await newTokens(routes)
    routes.clock.nowMs += 2_592_000_000
    expectRefusal(await refresh(token), 'invalid_grant')
  })
})

test('a client without grant types gets nothing', async () => {
  for (const grantType of ['authorization_code', 'client_credentials', 'refresh_token'])
    expectRefusal(await ask({ grant_type: grantType }, asResource), 'unauthorized_client')
})
