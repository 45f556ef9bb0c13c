/** RFC 8707: resource indicators at the authorization and token endpoints. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../../src/admin/administration.ts'
import { basic, type HttpRoutes } from '../../support/http-routes.ts'
import { InjectAgent } from '../../support/inject-agent.ts'
import {
  asResource,
  authorizeUrl,
  callback,
  locationOf,
  openRegistered,
  signOn,
} from '../../support/registrations.ts'

const cal = 'https://cal.example/'
const contacts = 'https://contacts.example/app'
const asClient = basic('indicating', 'secret')
let routes: HttpRoutes
let agent: InjectAgent
beforeAll(async () => {
  routes = await openRegistered()
  await registerClient(routes.administrator, {
    clientId: 'indicating',
    clientSecret: 'secret',
    authorizedGrantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
    scopes: ['read'],
    registeredRedirectUris: [callback],
    autoApproves: ['read'],
    resourceIds: [cal, contacts, 'accounts'],
  })
  agent = new InjectAgent(routes.http)
  await signOn(agent, requestUrl([]))
})
afterAll(() => routes.close())

const base = { response_type: 'code', client_id: 'indicating', redirect_uri: callback }
const several = (resources: string[]) =>
  new URLSearchParams(resources.map((one): [string, string] => ['resource', one]))
const requestUrl = (resources: string[]) => `${authorizeUrl(base)}&${several(resources)}`
const ask = (form: Record<string, string>, resources: string[] = []) =>
  routes.post(
    '/oauth/token',
    [...Object.entries(form), ...resources.map((one): [string, string] => ['resource', one])],
    asClient,
  )
async function redeem(asked: string[], wanted: string[] = []) {
  const code = locationOf(await agent.get(requestUrl(asked))).searchParams.get('code')!
  return ask({ grant_type: 'authorization_code', code, redirect_uri: callback }, wanted)
}
const audienceOf = async (token: string) =>
  (await routes.post('/oauth/introspect', { token }, asResource)).json().aud

describe('section 2.1: the authorization request', () => {
  test.each([
    ['https://evil.example/'],
    ['accounts'],
    ['/relative'],
    [`${cal}#fragment`],
    ['https://cal.example'],
  ])('%s: invalid_target', async (resource) => {
    const answer = locationOf(await agent.get(requestUrl([resource]))).searchParams
    expect(answer.get('error')).toBe('invalid_target')
  })

  test('one that is right does not excuse another', async () => {
    const answer = locationOf(await agent.get(requestUrl([cal, 'https://evil.example/']))).searchParams
    expect(answer.get('error')).toBe('invalid_target')
  })
})

describe('section 2.2: the token request', () => {
  test('the token is for what was asked for, and no other', async () => {
    const both = (await redeem([cal, contacts])).json()
    expect(await audienceOf(both.access_token)).toEqual([cal, contacts])
    const one = (await redeem([cal, contacts], [contacts])).json()
    expect(await audienceOf(one.access_token)).toEqual([contacts])
  })

  test('what was not granted is invalid_target, and a refresh may go back to all that was', async () => {
    const refused = await redeem([cal], [contacts])
    expect([refused.statusCode, refused.json().error]).toEqual([400, 'invalid_target'])
    const { refresh_token } = (await redeem([cal, contacts], [contacts])).json()
    const refreshed = (await ask({ grant_type: 'refresh_token', refresh_token }, [cal])).json()
    expect(await audienceOf(refreshed.access_token)).toEqual([cal])
    const next = { grant_type: 'refresh_token', refresh_token: refreshed.refresh_token }
    expect((await ask(next, ['https://evil.example/'])).json().error).toBe('invalid_target')
    expect(await audienceOf((await ask(next)).json().access_token)).toEqual([cal, contacts])
  })

  test('without a wish the client’s own stand; of them one may be chosen at the token endpoint', async () => {
    expect(await audienceOf((await redeem([])).json().access_token)).toEqual([cal, contacts, 'accounts'])
    expect(await audienceOf((await redeem([], [cal])).json().access_token)).toEqual([cal])
  })

  test('client credentials: only what is registered', async () => {
    const grant = { grant_type: 'client_credentials' }
    const { access_token } = (await ask(grant, [contacts])).json()
    expect(await audienceOf(access_token)).toEqual([contacts])
    const checked = await routes.post('/oauth/check_token', { token: access_token }, asResource)
    expect(checked.json().aud).toEqual([contacts])
    expect((await ask(grant, ['https://evil.example/'])).json().error).toBe('invalid_target')
  })
})
