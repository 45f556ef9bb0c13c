/** A site on Express that signs its visitors on by passport-oauth2, as its manual says. */
import { Agent } from 'node:https'
import type { ErrorRequestHandler } from 'express'
import session from 'express-session'
import passport from 'passport'
import { Strategy, type VerifyCallback } from 'passport-oauth2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import type { HttpApp } from '../support/http-app.ts'
import { bothSchemes, openOver } from '../support/schemes.ts'
import { openSite, type Site } from '../support/site.ts'
import { pageOf, person, registeredPerson, visit } from '../support/visitor.ts'

const clientSecret = 'secret of the site'
const nowhere = () => false

interface SiteUser {
  sub: string
  name?: string
  refreshToken: string
}

/** The profile of passport is what UserInfo says. */
class SignOnStrategy extends Strategy {
  readonly userInfoUrl: string
  constructor(clientID: string, issuer: string, callbackURL: string, ca: Buffer | undefined) {
    super(
      {
        authorizationURL: `${issuer}/oauth/authorize`,
        tokenURL: `${issuer}/oauth/token`,
        clientID,
        clientSecret,
        callbackURL,
        scope: ['openid', 'profile'],
        state: true,
        pkce: true,
      },
      (_access: string, refreshToken: string, _params: object, profile: SiteUser, done: VerifyCallback) =>
        done(null, { ...profile, refreshToken }),
    )
    this.userInfoUrl = `${issuer}/oauth/userinfo`
    this._oauth2.useAuthorizationHeaderforGET(true)
    if (ca) this._oauth2.setAgent(new Agent({ ca }))
  }
  override userProfile(accessToken: string, done: (error?: unknown, profile?: unknown) => void): void {
    this._oauth2.get(this.userInfoUrl, accessToken, (error, body) =>
      error ? done(error) : done(null, JSON.parse(String(body))),
    )
  }
}

const complain: ErrorRequestHandler = (error, _request, response, _next) =>
  void response.status(500).json({ failed: error.code ?? error.message })

describe.each(await bothSchemes())('passport-oauth2 on Express, over $name', (scheme) => {
  let served: HttpApp
  let site: Site
  const openSiteOf = (clientId: string, ca: Buffer | undefined): Promise<Site> =>
    openSite(async (app, origin) => {
      await registerClient(served.administrator, {
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: [`${origin}/callback`],
        scope: 'openid profile',
      })
      const signOn = new passport.Passport()
      signOn.use(new SignOnStrategy(clientId, served.issuer, `${origin}/callback`, ca))
      signOn.serializeUser((user, done) => done(null, user))
      signOn.deserializeUser((user: Express.User, done) => done(null, user))
      app.use(session({ secret: 'of the cookies', resave: false, saveUninitialized: false, name: 'site' }))
      app.use(signOn.session())
      app.get('/', (request, response) => {
        if (request.isAuthenticated()) response.json(request.user)
        else response.redirect('/login')
      })
      app.get('/login', signOn.authenticate('oauth2'))
      app.get('/callback', signOn.authenticate('oauth2'), (_request, response) => response.redirect('/'))
      app.use(complain)
    })
  beforeAll(async () => {
    served = await openOver(scheme)
    site = await openSiteOf('express-site', scheme.certificate?.ca)
    await registerUser(served.administrator, registeredPerson)
  })
  afterAll(async () => {
    await site.close()
    await served.close()
  })

  test('a visitor is sent to sign on and comes back known by name', async () => {
    const browser = new FormBrowser(nowhere)
    const arrival = await visit(browser, `${site.origin}/`, person)
    expect(arrival.asked).toEqual(['password', 'consent'])
    const page = pageOf(arrival)
    expect(page.url.href).toBe(`${site.origin}/`)
    expect(JSON.parse(page.html)).toEqual({
      sub: expect.any(String),
      name: 'Alice Archer',
      preferred_username: 'alice',
      refreshToken: expect.stringMatching(/^cs_rt_/),
    })
    const again = await visit(browser, `${site.origin}/`, person)
    expect([again.asked, pageOf(again).html]).toEqual([[], page.html])
    // The site forgets its visitor; the server does not, and the same consent holds.
    const anew = await visit(browser, `${site.origin}/login`, person)
    expect([anew.asked, JSON.parse(pageOf(anew).html).name]).toEqual([[], 'Alice Archer'])
  })

  test('who denies is not signed on', async () => {
    const other = { ...person, username: 'bob' }
    await registerUser(served.administrator, { ...other, authorities: ['USER'] })
    const page = pageOf(await visit(new FormBrowser(nowhere), site.origin, { ...other, decision: 'deny' }))
    expect([page.url.pathname, page.url.searchParams.get('error'), page.status]).toEqual([
      '/callback',
      'access_denied',
      401,
    ])
  })

  test('a callback that the visitor did not start is refused, a wrong code fails', async () => {
    const browser = new FormBrowser(nowhere)
    const forged = pageOf(await visit(browser, `${site.origin}/callback?code=cs_ac_forged&state=x`, person))
    expect(forged.status).toBe(403)
    const stopAtCallback = new FormBrowser((url) => url.pathname === '/callback')
    const { at } = await visit(stopAtCallback, site.origin, person)
    const callback = at as URL
    callback.searchParams.set('code', 'cs_ac_wrong')
    const wrong = pageOf(await visit(stopAtCallback, callback, person))
    expect([wrong.status, JSON.parse(wrong.html)]).toEqual([500, { failed: 'invalid_grant' }])
  })

  if (scheme.name === 'https')
    test('a site that was not told of the authority signs nobody on', async () => {
      const doubting = await openSiteOf('doubting-site', undefined)
      try {
        const page = pageOf(await visit(new FormBrowser(nowhere), `${doubting.origin}/`, person))
        expect([page.status, page.html]).toEqual([
          500,
          expect.stringContaining('Failed to obtain access token'),
        ])
      } finally {
        await doubting.close()
      }
    })
})
