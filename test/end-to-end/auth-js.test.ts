/** A site on Express that signs its visitors on by Auth.js, which finds all it needs by discovery. */
import { customFetch, ExpressAuth, type ExpressAuthConfig, getSession } from '@auth/express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import type { HttpApp } from '../support/http-app.ts'
import { bothSchemes, openOver } from '../support/schemes.ts'
import { openSite, type Site } from '../support/site.ts'
import { pageOf, person, redirectOf, registeredPerson, visit } from '../support/visitor.ts'

const clientId = 'auth-js-site'
const clientSecret = 'secret of: the site'
/** Of the site that leaves Auth.js as it is. */
const plainId = 'auth-js-plain'
const nowhere = () => false
/** Knows the authorities of the system only. */
const untrusting = globalThis.fetch

interface AuthSite extends Site {
  /** What Auth.js had to say against. */
  complaints: Error[]
}

/** @param idToken whether Auth.js takes the user from the ID token, as it does by itself, or from UserInfo */
async function openAuthSite(issuer: string, fetchFrom: typeof fetch, idToken = false): Promise<AuthSite> {
  const complaints: Error[] = []
  const config: ExpressAuthConfig = {
    providers: [
      {
        id: 'signon',
        name: 'SignOn',
        type: 'oidc',
        issuer,
        clientId: idToken ? plainId : clientId,
        clientSecret,
        authorization: { params: { scope: 'openid profile email' } },
        checks: ['pkce', 'state', 'nonce'],
        // The name stands in UserInfo (OpenID Connect Core section 5.4); in the ID token for who registered for it.
        idToken,
        [customFetch]: fetchFrom,
      },
    ],
    secret: 'of the cookies, thirty-two bytes long',
    trustHost: true,
    logger: { error: (error) => void complaints.push(error), warn: () => {}, debug: () => {} },
  }
  const opened = await openSite((app) => {
    // A pattern, for its unnamed group: a path of Express 5 has none, and Auth.js finds its own base by it.
    app.use(/^\/auth\/(.*)/, ExpressAuth(config))
    app.get('/', async (request, response) => {
      response.json({ session: await getSession(request, config) })
    })
  })
  return { ...opened, complaints }
}

let served: HttpApp
let site: AuthSite

const sessionOf = async (browser: FormBrowser, { origin } = site) =>
  JSON.parse(pageOf(await visit(browser, `${origin}/`, person)).html).session

async function signIn(browser: FormBrowser, { origin } = site) {
  const page = pageOf(await visit(browser, `${origin}/auth/signin`, person))
  const next = await browser.submit(page, { callbackUrl: `${origin}/` })
  return next instanceof URL ? { at: next, asked: [] } : visit(browser, next, person)
}

describe.each(await bothSchemes())('Auth.js, over $name', (scheme) => {
  beforeAll(async () => {
    served = await openOver(scheme)
    site = await openAuthSite(served.issuer, scheme.fetch)
    await registerClient(served.administrator, {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [`${site.origin}/auth/callback/signon`],
      scope: 'openid profile email',
    })
    await registerUser(served.administrator, registeredPerson)
  })
  afterAll(async () => {
    await site.close()
    await served.close()
  })

  test('sign-in, the session shows the user, sign-out', async () => {
    const browser = new FormBrowser(nowhere)
    expect(await sessionOf(browser)).toBeNull()
    const arrival = await signIn(browser)
    expect(site.complaints).toEqual([])
    expect([arrival.asked, pageOf(arrival).url.href]).toEqual([['password', 'consent'], `${site.origin}/`])
    expect(await sessionOf(browser)).toEqual({
      user: { name: 'Alice Archer', email: 'alice@example.com' },
      expires: expect.any(String),
    })

    const signOut = pageOf(await visit(browser, `${site.origin}/auth/signout`, person))
    await browser.submit(signOut, { callbackUrl: `${site.origin}/` })
    expect(await sessionOf(browser)).toBeNull()
    // Signed off at the site, still signed on at the server: nothing is asked.
    expect((await signIn(browser)).asked).toEqual([])
    expect(await sessionOf(browser)).not.toBeNull()
  })

  test('as it is by itself: a client with claimsInIdToken, whose ID token says who the user is', async () => {
    const plain = await openAuthSite(served.issuer, scheme.fetch, true)
    try {
      await registerClient(served.administrator, {
        client_id: plainId,
        client_secret: clientSecret,
        redirect_uris: [`${plain.origin}/auth/callback/signon`],
        scope: 'openid profile email',
        claimsInIdToken: true,
      })
      const browser = new FormBrowser(nowhere)
      await signIn(browser, plain)
      expect(plain.complaints).toEqual([])
      const { user } = await sessionOf(browser, plain)
      expect(user).toEqual({ name: 'Alice Archer', email: 'alice@example.com' })
    } finally {
      await plain.close()
    }
  })

  test('an answer that another visitor began is not taken', async () => {
    const one = new FormBrowser((url) => url.pathname === '/auth/callback/signon')
    const callback = redirectOf(await signIn(one))
    const another = new FormBrowser(nowhere)
    const page = pageOf(await visit(another, callback, person))
    expect(page.url.pathname).toBe('/auth/error')
    expect(site.complaints.splice(0).map(({ name }) => name)).toEqual(['InvalidCheck'])
    expect(await sessionOf(another)).toBeNull()
  })

  if (scheme.name === 'https')
    test('a site that was not told of the authority asks nobody', async () => {
      const doubting = await openAuthSite(served.issuer, untrusting)
      try {
        const browser = new FormBrowser(nowhere)
        const page = pageOf(await visit(browser, `${doubting.origin}/auth/signin`, person))
        expect(await browser.submit(page, {})).toMatchObject({ url: { pathname: '/auth/error' } })
        expect(doubting.complaints).toHaveLength(1)
      } finally {
        await doubting.close()
      }
    })
})
