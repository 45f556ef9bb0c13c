/** OpenID Connect Core section 3.1.2.1: prompt, max_age, hints, acr, claims. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../../src/admin/administration.ts'
import { hashToken } from '../../../src/oauth/token-format.ts'
import { type HttpRoutes, issuer, type Response } from '../../support/http-routes.ts'
import { InjectAgent } from '../../support/inject-agent.ts'
import {
  authorizeUrl,
  callback,
  closeWithoutComplaint,
  locationOf,
  openRegistered,
  password,
  signOn,
} from '../../support/registrations.ts'

let routes: HttpRoutes
beforeAll(async () => {
  routes = await openRegistered()
  await registerUser(routes.administrator, { username: 'bob', password, authorities: ['USER'] })
  await registerClient(routes.administrator, {
    client_id: 'rp',
    client_secret: 'secret',
    redirect_uris: [callback],
    scope: 'openid read',
    autoApproves: ['openid', 'read'],
  })
  await registerClient(routes.administrator, {
    client_id: 'aged',
    client_secret: 'secret',
    redirect_uris: [callback],
    scope: 'openid',
    autoApproves: ['openid'],
    default_max_age: 60,
  })
  await registerClient(routes.administrator, {
    client_id: 'always',
    client_secret: 'secret',
    redirect_uris: [callback],
    scope: 'openid',
    autoApproves: ['openid'],
    default_max_age: 0,
  })
})
afterAll(() => closeWithoutComplaint(routes))

const requestUrl = (changes: Record<string, string> = {}) =>
  authorizeUrl({
    response_type: 'code',
    client_id: 'rp',
    redirect_uri: callback,
    scope: 'openid',
    ...changes,
  })

async function signedOn(): Promise<InjectAgent> {
  const agent = new InjectAgent(routes.http)
  await signOn(agent, requestUrl())
  return agent
}
const logIn = async (agent: InjectAgent, page: Response, username = 'alice') =>
  agent.follow(await agent.submit(page, { username, password }))
const isLogin = (page: Response) => page.body.includes('name="password"')
const answerOf = (response: Response) => Object.fromEntries(locationOf(response).searchParams)
/** The grant that a code stands for, as it is in the ledger. */
function grantOf(response: Response) {
  const stream = routes.context.models.streamOf(hashToken(answerOf(response).code!))!
  return routes.context.models.load('grant', stream).state!
}
const subjectOf = (username: string) => routes.context.models.subjectOf(username)!
const hint = (claims: Readonly<Record<string, unknown>>, typ = 'JWT') =>
  routes.context.keys.sign(typ, { aud: 'web', ...claims })

/** The same claims under a signature that is not this server's. */
const unsigned = (claims: object) =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2lnbmF0dXJl`

describe('prompt', () => {
  test('none: a code where there is a session and nothing to ask', async () => {
    expect(answerOf(await (await signedOn()).get(requestUrl({ prompt: 'none' })))).toHaveProperty('code')
  })

  test('section 3.1.2.6: none without a session is login_required, with a question consent_required', async () => {
    const stranger = await new InjectAgent(routes.http).get(requestUrl({ prompt: 'none', state: 's' }))
    expect(answerOf(stranger)).toMatchObject({ error: 'login_required', state: 's', iss: issuer })
    const asked = await (await signedOn()).get(
      requestUrl({ client_id: 'web', scope: 'write', prompt: 'none' }),
    )
    expect(answerOf(asked).error).toBe('consent_required')
  })

  test.each(['none login', 'login none', 'none consent', 'create', 'LOGIN', 'login  consent'])(
    '%s: invalid_request',
    async (prompt) => {
      expect(answerOf(await (await signedOn()).get(requestUrl({ prompt }))).error).toBe('invalid_request')
    },
  )

  test.each(['login', 'select_account'])('%s: the user logs in again, once', async (prompt) => {
    const agent = await signedOn()
    const before = agent.cookies.get('signon')
    const page = await agent.open(requestUrl({ prompt }))
    expect(isLogin(page)).toBe(true)
    const done = await logIn(agent, page)
    expect(answerOf(done)).toHaveProperty('code')
    expect(agent.cookies.get('signon')).not.toBe(before)
    // The request as it was leads to the login again.
    expect(isLogin(await agent.open(requestUrl({ prompt })))).toBe(true)
  })

  test('login: the address of the way back gives nothing without a new login', async () => {
    const agent = await signedOn()
    const toLogin = locationOf(await agent.get(requestUrl({ prompt: 'login' })))
    const back = toLogin.searchParams.get('continue')!
    expect(back).toContain('signon_shown=')
    expect(isLogin(await agent.open(back))).toBe(true)
    // Nor does a mark with another time, another session or another request.
    for (const forged of [
      back.replace(/signon_shown=\d+/, 'signon_shown=1'),
      back.replace(/(signon_shown=\d+\.)[\w-]*/, '$1'),
      back.replace('scope=openid', 'scope=openid+read'),
      back.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
    ]) {
      expect(forged).not.toBe(back)
      expect(isLogin(await agent.open(forged)), forged).toBe(true)
    }
  })

  test('login: the mark has its time', async () => {
    const agent = await signedOn()
    const page = await agent.open(requestUrl({ prompt: 'login' }))
    routes.clock.nowMs += 1800_000
    expect(isLogin(await logIn(agent, page))).toBe(true)
  })

  test('login with consent: both, in this order', async () => {
    const agent = await signedOn()
    const consent = await logIn(agent, await agent.open(requestUrl({ prompt: 'consent login' })))
    expect(consent.body).toContain('value="approve"')
    expect(answerOf(await agent.submit(consent, { decision: 'approve' }))).toHaveProperty('code')
  })

  test('consent: asks for what was approved long ago', async () => {
    const page = await (await signedOn()).open(requestUrl({ prompt: 'consent' }))
    expect(page.body).toContain('value="approve"')
  })
})

describe('max_age', () => {
  test('a younger login is enough, an older one is not; the new one is not asked again', async () => {
    const agent = await signedOn()
    routes.clock.nowMs += 100_000
    expect(answerOf(await agent.get(requestUrl({ max_age: '100' })))).toHaveProperty('code')
    routes.clock.nowMs += 1000
    expect(answerOf(await agent.get(requestUrl({ max_age: '100', prompt: 'none' }))).error).toBe(
      'login_required',
    )
    const page = await agent.open(requestUrl({ max_age: '100' }))
    expect(isLogin(page)).toBe(true)
    expect(answerOf(await logIn(agent, page))).toHaveProperty('code')
  })

  test('0 asks for a login each time, and does not loop', async () => {
    const agent = await signedOn()
    const page = await agent.open(requestUrl({ max_age: '0' }))
    expect(isLogin(page)).toBe(true)
    expect(answerOf(await logIn(agent, page))).toHaveProperty('code')
  })

  test('Registration section 2: default_max_age, unless the request says otherwise', async () => {
    const agent = await signedOn()
    routes.clock.nowMs += 61_000
    expect(isLogin(await agent.open(requestUrl({ client_id: 'aged' })))).toBe(true)
    expect(answerOf(await agent.get(requestUrl({ client_id: 'aged', max_age: '90' })))).toHaveProperty('code')
  })

  test('default_max_age 0: a login for every request', async () => {
    const agent = await signedOn()
    for (let n = 0; n < 2; n++) {
      const page = await agent.open(requestUrl({ client_id: 'always' }))
      expect(isLogin(page)).toBe(true)
      expect(answerOf(await logIn(agent, page))).toHaveProperty('code')
    }
    const silent = await agent.get(requestUrl({ client_id: 'always', prompt: 'none' }))
    expect(answerOf(silent).error).toBe('login_required')
  })

  test.each(['-1', '1.5', 'x', '1e3', '9999999999', ' 1'])('%s: invalid_request', async (max_age) => {
    expect(answerOf(await new InjectAgent(routes.http).get(requestUrl({ max_age }))).error).toBe(
      'invalid_request',
    )
  })
})

describe('what the code says of the login', () => {
  test('auth_time, acr and amr; nonce and claims for OpenID requests only', async () => {
    const agent = await signedOn()
    const startedAtSeconds = Math.floor(routes.clock.nowMs / 1000)
    routes.clock.nowMs += 5000
    const claims = JSON.stringify({
      id_token: { auth_time: { essential: true } },
      userinfo: { email: { value: 'a@b' } },
    })
    const asked = { nonce: 'n-0S6_WzA2Mj', claims }
    const grant = grantOf(await agent.get(requestUrl(asked)))
    expect(grant.authentication).toEqual({
      atSeconds: startedAtSeconds,
      acr: 'urn:coinstack-signon:password',
      amr: ['pwd'],
    })
    expect(grant.code).toMatchObject({
      nonce: 'n-0S6_WzA2Mj',
      claims: { id_token: { auth_time: { essential: true } }, userinfo: { email: null } },
    })
    const plain = grantOf(await agent.get(requestUrl({ ...asked, scope: 'read' })))
    expect(plain.code).not.toHaveProperty('nonce')
    expect(plain.code).not.toHaveProperty('claims')
  })

  test('an essential acr that no login meets is refused at once, one that is met is not', async () => {
    const acr = (value: string) =>
      requestUrl({ claims: JSON.stringify({ id_token: { acr: { essential: true, value } } }) })
    const agent = await signedOn()
    for (const one of [agent, new InjectAgent(routes.http)])
      expect(answerOf(await one.get(acr('urn:mace:incommon:iap:silver'))).error).toBe(
        'unmet_authentication_requirements',
      )
    expect(answerOf(await agent.get(acr('urn:coinstack-signon:password')))).toHaveProperty('code')
  })

  test('acr_values and display are wishes', async () => {
    const agent = await signedOn()
    const url = requestUrl({ acr_values: 'phr silver', display: 'popup' })
    expect(answerOf(await agent.get(url))).toHaveProperty('code')
  })

  test.each([{ nonce: 'x'.repeat(513) }, { claims: '{' }, { claims: '[]' }])(
    'malformed: invalid_request',
    async (changes) => {
      const answer = answerOf(
        await new InjectAgent(routes.http).get(requestUrl(changes as Record<string, string>)),
      )
      expect(answer.error).toBe('invalid_request')
    },
  )
})

describe('who is expected', () => {
  const wanted = async (username: string): Promise<[string, Record<string, string>][]> => [
    ['id_token_hint', { id_token_hint: await hint({ iss: issuer, sub: subjectOf(username) }) }],
    ['claims', { claims: JSON.stringify({ id_token: { sub: { value: subjectOf(username) } } }) }],
  ]

  test.each([0, 1])('the one who is logged in: a code', async (way) => {
    const [, changes] = (await wanted('alice'))[way]!
    expect(answerOf(await (await signedOn()).get(requestUrl(changes)))).toHaveProperty('code')
  })

  test.each([0, 1])('another one: login_required with prompt none, else a login', async (way) => {
    const agent = await signedOn()
    const [, changes] = (await wanted('bob'))[way]!
    expect(answerOf(await agent.get(requestUrl({ ...changes, prompt: 'none' }))).error).toBe('login_required')
    const page = await agent.open(requestUrl(changes))
    expect(isLogin(page)).toBe(true)
    expect(answerOf(await logIn(agent, page, 'bob'))).toHaveProperty('code')
  })

  test('and who logs in as somebody else is login_required, not asked for ever', async () => {
    const agent = await signedOn()
    const [, changes] = (await wanted('bob'))[0]!
    expect(answerOf(await logIn(agent, await agent.open(requestUrl(changes)))).error).toBe('login_required')
  })

  test.each<[string, () => string | Promise<string>]>([
    ['of another issuer', () => hint({ iss: 'https://evil.example', sub: 'x' })],
    ['without subject', () => hint({ iss: issuer })],
    ['that is an access token', () => hint({ iss: issuer, sub: subjectOf('alice') }, 'at+jwt')],
    ['that this server did not sign', () => unsigned({ iss: issuer, sub: subjectOf('alice'), aud: 'web' })],
    ['that is none', () => 'x'],
    ['that is nothing in three parts', () => '..'],
  ])('a hint %s: invalid_request', async (_, make) => {
    const id_token_hint = await make()
    expect(answerOf(await (await signedOn()).get(requestUrl({ id_token_hint }))).error).toBe(
      'invalid_request',
    )
  })

  test('login_hint stands in the form, escaped; what is no user name does not', async () => {
    const open = (login_hint: string) => new InjectAgent(routes.http).open(requestUrl({ login_hint }))
    expect((await open('bob"><b>')).body).toContain('value="bob&quot;&gt;&lt;b&gt;"')
    expect((await open(`x${'y'.repeat(300)}`)).body).not.toMatch(/id="username"[^>]*yyy/)
  })
})
