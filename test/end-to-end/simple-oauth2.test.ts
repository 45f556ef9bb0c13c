/** simple-oauth2 takes an answer only if its content type is JSON, that of a revocation too. */

import { Agent } from 'node:https'
import {
  AuthorizationCode,
  ClientCredentials,
  type ModuleOptions,
  ResourceOwnerPassword,
} from 'simple-oauth2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import type { HttpApp } from '../support/http-app.ts'
import { basic } from '../support/http-routes.ts'
import { bothSchemes, openOver } from '../support/schemes.ts'
import { person, redirectOf, registeredPerson, visit } from '../support/visitor.ts'

const client = { id: 'simple:%+&=id', secret: ':%+ &"=?#/%41' }
const redirectUri = 'https://client.example/callback'

let served: HttpApp

async function isActive(token: unknown): Promise<boolean> {
  const answer = await fetch(`${served.issuer}/oauth/introspect`, {
    method: 'POST',
    headers: basic(client.id, client.secret),
    body: new URLSearchParams({ token: token as string }),
  })
  return ((await answer.json()) as { active: boolean }).active
}

describe.each(await bothSchemes())('over $name', (scheme) => {
  beforeAll(async () => {
    served = await openOver(scheme, { SIGNON_SERVER_JSON_REQUESTS: 'true' })
    await registerClient(served.administrator, {
      client_id: client.id,
      client_secret: client.secret,
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'password'],
      redirect_uris: [redirectUri],
      scope: 'read write',
    })
    await registerUser(served.administrator, registeredPerson)
  })
  afterAll(() => served.close())

  describe.each([
    ['header', 'form'],
    ['body', 'form'],
    ['header', 'json'],
    ['body', 'json'],
  ] as const)('simple-oauth2, credentials in the %s, bodies as %s', (authorizationMethod, bodyFormat) => {
    const configuration = (): ModuleOptions => ({
      client,
      auth: { tokenHost: served.issuer },
      ...(scheme.certificate && { http: { agent: new Agent({ ca: scheme.certificate.ca }) } }),
      options: { authorizationMethod, bodyFormat },
    })

    test('code, refresh, revocation', async () => {
      const code = new AuthorizationCode(configuration())
      const url = code.authorizeURL({ redirect_uri: redirectUri, scope: ['read', 'write'], state: 'xyz' })
      const browser = new FormBrowser((at) => at.href.startsWith(redirectUri))
      const callback = redirectOf(await visit(browser, url, person))
      expect(callback.searchParams.get('state')).toBe('xyz')
      const first = await code.getToken({
        code: callback.searchParams.get('code')!,
        redirect_uri: redirectUri,
        scope: ['read', 'write'],
      })
      expect(first.token).toMatchObject({ token_type: 'bearer', expires_in: 600, scope: 'read write' })
      expect(first.expired()).toBe(false)

      const second = await first.refresh({ scope: 'read' })
      expect([await isActive(first.token.access_token), await isActive(second.token.access_token)]).toEqual([
        false,
        true,
      ])
      await second.revokeAll()
      expect(await isActive(second.token.access_token)).toBe(false)
      await expect(second.refresh()).rejects.toMatchObject({
        output: { statusCode: 400 },
        data: { payload: { error: 'invalid_grant' } },
      })
    })

    test('client credentials', async () => {
      const { token } = await new ClientCredentials(configuration()).getToken({ scope: 'write' })
      expect(token).toMatchObject({ token_type: 'bearer', scope: 'write' })
      expect(await isActive(token.access_token)).toBe(true)
    })

    test('password', async () => {
      const password = new ResourceOwnerPassword(configuration())
      const { token } = await password.getToken({ ...person, scope: 'read' })
      expect(await isActive(token.access_token)).toBe(true)
      await expect(
        password.getToken({ ...person, password: 'another', scope: 'read' }),
      ).rejects.toMatchObject({
        output: { statusCode: 400 },
        data: { payload: { error: 'invalid_grant' } },
      })
    })

    test('a wrong secret is the error of RFC 6749 section 5.2', async () => {
      const wrong = new ClientCredentials({ ...configuration(), client: { ...client, secret: 'wrong' } })
      await expect(wrong.getToken({ scope: 'read' })).rejects.toMatchObject({
        output: { statusCode: 401 },
        data: { payload: { error: 'invalid_client' } },
      })
    })
  })

  if (scheme.name === 'https')
    test('a client that was not told of the authority sends no secret', async () => {
      const doubting = new ClientCredentials({ client, auth: { tokenHost: served.issuer } })
      await expect(doubting.getToken({ scope: 'read' })).rejects.toThrow(
        'unable to verify the first certificate',
      )
    })
})
