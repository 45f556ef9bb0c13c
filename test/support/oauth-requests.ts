/** Requests of an OAuth client and of a person at a real server, and the sample client and user they need. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import type { TestServer } from './server.ts'

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/quickstart/${name}`, import.meta.url))

export const clientsFile = fixture('clients.json')
export const usersFile = fixture('users.json')

/** Who authenticates with a secret. */
export interface ClientSecret {
  clientId: string
  clientSecret: string
}

export const [sampleClient] = JSON.parse(readFileSync(clientsFile, 'utf8')) as [
  ClientSecret & { registeredRedirectUris: string[] },
]
export const [sampleUser] = JSON.parse(readFileSync(usersFile, 'utf8')) as [
  { username: string; password: string },
]

export interface TokenAnswer {
  access_token: string
  refresh_token?: string
  token_type: string
  expires_in: number
  scope: string
}

export interface FormAnswer<T> {
  status: number
  body: T
}

/** Registers the sample client and user by the CLI. */
export async function registerSample(server: TestServer): Promise<void> {
  for (const [topic, file] of [
    ['client', clientsFile],
    ['user', usersFile],
  ] as const) {
    const words = [topic, 'create', '--privatekey-file', server.adminKeyFile, '--file', file]
    const { exitCode, stderr } = await server.cli(words)
    if (exitCode !== 0) throw new Error(`${topic} create failed: ${stderr}`)
  }
}

/** Posts a form as a client. Resolves when the answer was read to its end. */
export async function postForm<T>(
  url: string,
  path: string,
  form: Readonly<Record<string, string>>,
  { clientId, clientSecret }: ClientSecret = sampleClient,
): Promise<FormAnswer<T>> {
  const answer = await fetch(new URL(path, url), {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: new URLSearchParams(form),
  })
  const text = await answer.text()
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as T }
}

/** @throws where the answer is not 200 */
export async function requestToken(
  url: string,
  form: Readonly<Record<string, string>>,
  client: ClientSecret = sampleClient,
): Promise<TokenAnswer> {
  const { status, body } = await postForm<TokenAnswer>(url, '/oauth/token', form, client)
  if (status !== 200) throw new Error(`the token endpoint answered ${status} ${JSON.stringify(body)}`)
  return body
}

export const issueToken = (url: string, client: ClientSecret = sampleClient): Promise<TokenAnswer> =>
  requestToken(url, { grant_type: 'client_credentials' }, client)

export const refreshToken = (url: string, token: string): Promise<TokenAnswer> =>
  requestToken(url, { grant_type: 'refresh_token', refresh_token: token })

/** @throws where the answer is not 200 */
export async function isActive(
  url: string,
  token: string,
  client: ClientSecret = sampleClient,
): Promise<boolean> {
  const { status, body } = await postForm<{ active: boolean }>(url, '/oauth/introspect', { token }, client)
  if (status !== 200) throw new Error(`introspection answered ${status} ${JSON.stringify(body)}`)
  return body.active
}

/** The sample user logs in and approves; the client redeems the code. */
export async function signOn(url: string): Promise<TokenAnswer> {
  const redirectUri = sampleClient.registeredRedirectUris[1]!
  const browser = new FormBrowser((url) => url.href.startsWith(redirectUri))
  const request = new URL('/oauth/authorize', url)
  request.search = new URLSearchParams({
    response_type: 'code',
    client_id: sampleClient.clientId,
    redirect_uri: redirectUri,
    scope: 'read write',
    state: 'some state',
  }).toString()
  let page = await browser.open(request)
  if (page instanceof LoadedPage)
    page = await browser.submit(page, { username: sampleUser.username, password: sampleUser.password })
  if (page instanceof LoadedPage) page = await browser.submit(page, { decision: 'approve' })
  if (page instanceof LoadedPage) throw new Error(`no code: ${page.status} at ${page.url.pathname}`)
  const code = page.searchParams.get('code') ?? ''
  return requestToken(url, { grant_type: 'authorization_code', code, redirect_uri: redirectUri })
}
