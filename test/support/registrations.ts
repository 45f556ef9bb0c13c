/** The clients and the user that the tests of the routes stand on, and the way to their codes and tokens. */

import { expect } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { deviceGrantType } from '../../src/authorization-server/device.ts'
import { basic, type HttpRoutes, openRoutes, type Response } from './http-routes.ts'
import { InjectAgent } from './inject-agent.ts'

export const password = 'correct horse battery staple'
export const user = { username: 'alice', password, authorities: ['USER'] }

export const web = {
  clientId: 'web',
  clientSecret: 'web secret: 100% + é&',
  authorizedGrantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
  scopes: ['read', 'write'],
  registeredRedirectUris: ['https://web.example/callback', 'https://web.example/other?keep=1'],
  authorities: ['CLIENT'],
  resourceIds: ['accounts'],
}

export const other = {
  clientId: 'other',
  clientSecret: 'other secret',
  authorizedGrantTypes: ['authorization_code', 'refresh_token'],
  scopes: ['read'],
  registeredRedirectUris: ['https://other.example/callback'],
  autoApproves: ['read'],
}

/** Without a secret: a public client. */
export const native = {
  clientId: 'native',
  authorizedGrantTypes: ['authorization_code', 'refresh_token'],
  scopes: ['read'],
  registeredRedirectUris: ['http://127.0.0.1/callback', 'com.example.native:/callback'],
}

/** A resource server: may ask about tokens and get none. */
export const resource = {
  clientId: 'resource',
  clientSecret: 'resource secret',
  authorizedGrantTypes: [],
  scopes: ['read'],
}

export const asWeb = basic(web.clientId, web.clientSecret)
export const asOther = basic(other.clientId, other.clientSecret)
export const asResource = basic(resource.clientId, resource.clientSecret)

export async function registerAll({ administrator }: HttpRoutes): Promise<void> {
  for (const client of [web, other, native, resource]) await registerClient(administrator, client)
  await registerUser(administrator, user)
}

/** A device (RFC 8628), which is registered where a test asks for it. */
export const television = {
  client_id: 'television',
  token_endpoint_auth_method: 'none',
  grant_types: [deviceGrantType],
  scope: 'read',
}

/** The routes, with all of these registered, and others. */
export async function openRegistered(
  options?: Parameters<typeof openRoutes>[0],
  ...others: Parameters<typeof registerClient>[1][]
): Promise<HttpRoutes> {
  const routes = await openRoutes(options)
  await registerAll(routes)
  for (const client of others) await registerClient(routes.administrator, client)
  return routes
}

/** After the tests of a file: the server had nothing to say against anything. */
export async function closeWithoutComplaint(routes: HttpRoutes): Promise<void> {
  await routes.close()
  expect(routes.complaints).toEqual([])
}

/** RFC 7636 appendix B. */
export const pkce = {
  verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
}

export const callback = web.registeredRedirectUris[0]!

export const authorizeUrl = (query: Readonly<Record<string, string>>): string =>
  `/oauth/authorize?${new URLSearchParams(query)}`

/** An authorization request of `web`, with changes. */
export const webRequest = (changes: Readonly<Record<string, string>> = {}): string =>
  authorizeUrl({ response_type: 'code', client_id: 'web', redirect_uri: callback, ...changes })

/** Signs the user on through the pages and approves; resolves with the redirect to the client. */
export async function signOn(agent: InjectAgent, url: string): Promise<URL> {
  let page = await agent.open(url)
  if (page.body.includes('name="password"'))
    page = await agent.follow(await agent.submit(page, { username: user.username, password }))
  if (page.body.includes('value="approve"')) page = await agent.submit(page, { decision: 'approve' })
  return locationOf(page)
}

/** Where an answer leads. */
export function locationOf(response: Response): URL {
  const { location } = response.headers
  if (location === undefined) throw new Error(`no redirect: ${response.statusCode} ${response.body}`)
  return new URL(location, 'http://signon.example')
}

/** A code of `web` for the user. */
export async function newCode(routes: HttpRoutes, changes: Record<string, string> = {}): Promise<string> {
  const location = await signOn(new InjectAgent(routes.http), webRequest(changes))
  return location.searchParams.get('code')!
}

export interface Tokens {
  access_token: string
  refresh_token: string
  token_type: string
  expires_in: number
  scope: string
}

/** Tokens of `web` for the user. */
export async function newTokens(routes: HttpRoutes, changes: Record<string, string> = {}): Promise<Tokens> {
  const code = await newCode(routes, changes)
  const answer = await routes.post(
    '/oauth/token',
    { grant_type: 'authorization_code', code, redirect_uri: callback },
    asWeb,
  )
  return answer.json()
}

/** Whether a token is live, as a resource server hears it. */
export async function isActive(routes: HttpRoutes, token: string): Promise<boolean> {
  return (await routes.post('/oauth/introspect', { token }, asResource)).json().active
}
