/**
 * The modules of the conformance suite's plans oidcc-rp-initiated-logout-certification and
 * oidcc-backchannel-rp-initiated-logout-certification, by their names, against the built program.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FormBrowser } from '../../src/admin/form-browser.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { eventually } from '../support/server.ts'
import { newBrowser, openProvider, type Provider, RelyingParty } from './relying-party.ts'

const postLogoutUri = 'https://rp.example/post_logout_redirect'
/** Longer than most, and with what an address must not garble. */
const state = `${'x'.repeat(120)} +/=&%`

let provider: Provider
let rp: RelyingParty
/** What came to the back-channel logout URI. */
const notices: { method: string; type: string; form: URLSearchParams }[] = []
let listener: Server
beforeAll(async () => {
  listener = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    const { method = '', headers } = request
    notices.push({ method, type: headers['content-type'] ?? '', form: new URLSearchParams(body) })
    response.writeHead(200, { 'cache-control': 'no-store' }).end()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  provider = await openProvider({ SIGNON_OUTBOUND_ALLOW: '127.0.0.1' })
  rp = await RelyingParty.register(provider.metadata, {
    post_logout_redirect_uris: [postLogoutUri],
    backchannel_logout_uri: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/logout`,
    backchannel_logout_session_required: true,
  })
})
afterAll(() => void listener.close())

/** Signs on, asks for the logout with these parameters, and answers the question where there is one. */
async function logOut(parameters: (idToken: string) => Readonly<Record<string, string>>) {
  const browser = newBrowser()
  const { tokens, idToken } = await rp.signOn(browser)
  const url = new URL(provider.metadata.end_session_endpoint)
  url.search = String(new URLSearchParams(parameters(tokens.id_token!)))
  let at = await browser.open(url)
  const isAsked = at instanceof LoadedPage && at.html.includes('name="confirmed"')
  if (isAsked) at = await browser.submit(at as LoadedPage, {})
  return { browser, at, isAsked, idToken }
}
const isLoggedOut = async (browser: FormBrowser) =>
  (await rp.errorOf(browser, { prompt: 'none' })) === 'login_required'

test('oidcc-rp-initiated-logout-discovery-endpoint-verification, oidcc-backchannel-logout-discovery…', () => {
  expect(provider.metadata.end_session_endpoint).toBe(`${provider.url}/oauth/end_session`)
  expect(provider.metadata).toMatchObject({
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  })
})

test('oidcc-rp-initiated-logout: nothing is asked, and state comes back as it was', async () => {
  const { at, isAsked, browser } = await logOut((hint) => ({
    id_token_hint: hint,
    post_logout_redirect_uri: postLogoutUri,
    state,
  }))
  expect([isAsked, at instanceof URL && [at.origin + at.pathname, [...at.searchParams]]]).toEqual([
    false,
    [postLogoutUri, [['state', state]]],
  ])
  expect(await isLoggedOut(browser)).toBe(true)
})

test('oidcc-rp-initiated-logout-no-state', async () => {
  const { at, browser } = await logOut((hint) => ({
    id_token_hint: hint,
    post_logout_redirect_uri: postLogoutUri,
  }))
  expect(String(at)).toBe(postLogoutUri)
  expect(await isLoggedOut(browser)).toBe(true)
})

describe('a page of the server’s, and no redirect', () => {
  const tampered = (jwt: string) => `${jwt.slice(0, -4)}AAAA`
  test.each<[string, (hint: string) => Readonly<Record<string, string>>, loggedOut: boolean]>([
    [
      'oidcc-rp-initiated-logout-bad-post-logout-redirect-uri',
      (hint) => ({ id_token_hint: hint, post_logout_redirect_uri: `${postLogoutUri}bad`, state }),
      false,
    ],
    [
      'oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri',
      (hint) => ({ id_token_hint: hint, post_logout_redirect_uri: `${postLogoutUri}?foo=bar`, state }),
      false,
    ],
    [
      'oidcc-rp-initiated-logout-modified-id-token-hint',
      (hint) => ({ id_token_hint: tampered(hint), post_logout_redirect_uri: postLogoutUri, state }),
      false,
    ],
    [
      'oidcc-rp-initiated-logout-bad-id-token-hint',
      () => ({ id_token_hint: 'not a token', post_logout_redirect_uri: postLogoutUri, state }),
      false,
    ],
    [
      'oidcc-rp-initiated-logout-no-id-token-hint',
      () => ({ post_logout_redirect_uri: postLogoutUri, state }),
      false,
    ],
    [
      'oidcc-rp-initiated-logout-no-post-logout-redirect-uri',
      (hint) => ({ id_token_hint: hint, state }),
      true,
    ],
    ['oidcc-rp-initiated-logout-only-state', () => ({ state }), true],
    ['oidcc-rp-initiated-logout-no-params', () => ({}), true],
  ])('%s', async (_, parameters, expected) => {
    const { at, browser } = await logOut(parameters)
    expect(at).toBeInstanceOf(LoadedPage)
    expect((at as LoadedPage).status).toBe(expected ? 200 : 400)
    if (expected) expect(await isLoggedOut(browser)).toBe(true)
  })
})

test('oidcc-backchannel-rp-initiated-logout: the logout token (Back-Channel Logout section 2.4)', async () => {
  const { idToken } = await logOut((hint) => ({
    id_token_hint: hint,
    post_logout_redirect_uri: postLogoutUri,
  }))
  const sessionOf = ({ form }: (typeof notices)[number]) => decodeJwt(form.get('logout_token') ?? '').sid
  const notice = await eventually('the client is told', () =>
    notices.find((one) => sessionOf(one) === idToken.sid),
  )
  expect([notice.method, notice.type]).toEqual(['POST', 'application/x-www-form-urlencoded'])
  expect([...notice.form.keys()]).toEqual(['logout_token'])
  const jwt = notice.form.get('logout_token')!
  const { payload } = await rp.verify(jwt)
  expect(payload).toMatchObject({
    sub: idToken.sub,
    sid: idToken.sid,
    iat: expect.any(Number),
    exp: expect.any(Number),
    jti: expect.any(String),
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  })
  expect(payload).not.toHaveProperty('nonce')
  expect(decodeProtectedHeader(jwt)).toMatchObject({ alg: 'RS256', typ: 'logout+jwt' })
})
