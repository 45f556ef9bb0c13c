/** No secret stands in a log line or in a file of the server, whatever the log level (CWE-532, CWE-312). */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { invite } from '../../src/admin/clients.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'
import { deviceGrantType } from '../../src/authorization-server/device.ts'
import { assertionForm, createSigningKey, goodClaims } from '../support/client-assertion.ts'
import { createProofKey } from '../support/dpop.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'
import { basic, formText } from '../support/http-routes.ts'

let server: HttpApp
/** By what they are. */
const secrets: Record<string, string> = {}
const noteAll = (of: string, answer: Record<string, unknown>) => {
  for (const name of [
    'access_token',
    'refresh_token',
    'device_code',
    'user_code',
    'request_uri',
    'client_secret',
    'registration_access_token',
  ])
    if (typeof answer[name] === 'string') secrets[`${of}: ${name}`] = answer[name]
}

const redirectUri = 'https://web.example/callback'
const password = 'pass-phrase-0f-alice-91'
const clientSecret = 'secret-0f-the-client-73'

beforeAll(async () => {
  server = await openHttpApp({ SIGNON_LOG_LEVEL: 'trace', SIGNON_REGISTRATION_MODE: 'token' })
  await registerClient(server.administrator, {
    client_id: 'web',
    client_secret: clientSecret,
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', 'password', deviceGrantType],
    redirect_uris: [redirectUri],
    scope: 'read',
  })
  await registerUser(server.administrator, { username: 'alice', password, authorities: ['USER'] })
}, 30_000)
afterAll(() => server?.close())

async function post(
  path: string,
  form: Record<string, string>,
  headers: Record<string, string> = basic('web', clientSecret),
) {
  const response = await fetch(server.issuer + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: formText(form),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json')
  const answer = isJson && text ? JSON.parse(text) : {}
  noteAll(`${path} ${form.grant_type ?? ''}`, answer)
  return { response, answer, text }
}

/** A browser that takes the steps of the pages, and notes its cookies and form tokens. */
async function browse(path: string, fields: Record<string, string>): Promise<URL> {
  const cookies = new Map<string, string>()
  let url = new URL(path, server.issuer)
  let body: string | undefined
  for (let step = 0; step < 12; step++) {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        'user-agent': 'a browser',
        ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(body !== undefined && { body }),
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie)!
      cookies.set(name, value)
      // The path to come back to is no secret, and of it only the code's redirect is told.
      if (value.length >= 20 && !name.endsWith('continue'))
        secrets[`cookie ${name} ${step}`] = decodeURIComponent(value)
    }
    const location = response.headers.get('location')
    const text = await response.text()
    body = undefined
    if (location !== null) {
      url = new URL(location, server.issuer)
      if (url.origin !== server.issuer) return url
      continue
    }
    const { action, fields: own } = new LoadedPage(url, response.status, text).form()
    const kept = own.filter(([name]) => !Object.hasOwn(fields, name))
    secrets[`form token ${step}`] = Object.fromEntries(own)._csrf!
    body = formText([...kept, ...Object.entries(fields)] as [string, string][])
    url = action
  }
  throw new Error('the pages never end')
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

test('a life with all grants, right and wrong: nothing of it can be read in log and files', async () => {
  secrets.password = password
  secrets['client secret'] = clientSecret
  secrets['wrong password'] = 'a-wrong-pass-phrase-55'
  secrets['wrong client secret'] = 'a-wrong-client-secret-66'
  const query = {
    response_type: 'code',
    client_id: 'web',
    redirect_uri: redirectUri,
    state: 'state-0f-the-client-37',
  }
  const fields = { username: 'alice', password, decision: 'approve', scope: 'read' }
  const answer = await browse(`/oauth/authorize?${new URLSearchParams(query)}`, fields)
  const code = answer.searchParams.get('code')!
  secrets.code = code
  const redeemed = await post('/oauth/token', {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
  })
  expect(redeemed.answer.access_token).toMatch(/^cs_at_/)
  const refreshed = await post('/oauth/token', {
    grant_type: 'refresh_token',
    refresh_token: redeemed.answer.refresh_token,
  })
  expect(refreshed.response.status).toBe(200)
  await post('/oauth/introspect', { token: refreshed.answer.access_token })
  await post('/oauth/check_token', { token: refreshed.answer.access_token })
  await post('/oauth/revoke', { token: refreshed.answer.refresh_token })
  await post('/oauth/token', { grant_type: 'authorization_code', code, redirect_uri: redirectUri })
  await post('/oauth/token', { grant_type: 'password', username: 'alice', password })
  await post('/oauth/token', {
    grant_type: 'password',
    username: 'alice',
    password: secrets['wrong password'],
  })
  await post(
    '/oauth/token',
    { grant_type: 'client_credentials' },
    basic('web', secrets['wrong client secret']),
  )
  await post(
    '/oauth/token',
    { grant_type: 'client_credentials', client_id: 'web', client_secret: clientSecret },
    {},
  )
  await post('/oauth/par', { ...query, login_hint: 'hint-0f-a-person-48' })
  await post('/oauth/device_authorization', {})
  await post('/oauth/token', {
    grant_type: deviceGrantType,
    device_code: secrets['/oauth/device_authorization : device_code']!,
  })
  const proofKey = await createProofKey()
  const proof = await proofKey.proof({
    method: 'POST',
    url: `${server.issuer}/oauth/token`,
    atSeconds: Math.floor(Date.now() / 1000),
  })
  secrets.proof = proof
  await post(
    '/oauth/token',
    { grant_type: 'client_credentials' },
    { ...basic('web', clientSecret), dpop: proof },
  )
  const assertion = await (await createSigningKey()).sign(goodClaims('web', server.issuer, Date.now()))
  secrets.assertion = assertion
  await post('/oauth/token', { grant_type: 'client_credentials', ...assertionForm(assertion) }, {})
  const { token } = await invite(
    server.administrator,
    { scopes: ['read'], grantTypes: ['authorization_code'], uses: null, expiresAtSeconds: null },
    false,
  )
  secrets.invitation = token!
  const registered = await fetch(`${server.issuer}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ redirect_uris: ['https://new.example/'] }),
  })
  expect(registered.status).toBe(201)
  noteAll('register', (await registered.json()) as Record<string, unknown>)
  // In addresses, where they do not belong and come all the same.
  for (const path of ['/oauth/token', '/login', '/nowhere', '/oauth/authorize', '/oauth/check_token'])
    await fetch(
      `${server.issuer}${path}?${new URLSearchParams({ password, token: redeemed.answer.access_token, code })}`,
      { redirect: 'manual' },
    ).then((response) => response.text())

  expect(Object.keys(secrets).length).toBeGreaterThan(20)
  const files = await filesBelow(server.home)
  expect(files.length).toBeGreaterThan(5)
  const texts: [string, string][] = [['the log', server.log.join('\n')]]
  for (const file of files) texts.push([file, await readFile(file, 'latin1').catch(() => '')])
  expect(texts[0]![1].length).toBeGreaterThan(100)
  const found = texts.flatMap(([where, text]) =>
    Object.entries(secrets)
      .filter(([, secret]) => text.includes(secret) || text.includes(encodeURIComponent(secret)))
      .map(([what]) => `${what} in ${where}`),
  )
  expect(found).toEqual([])
  // That the search would find something: what is meant to be there.
  expect(texts.some(([, text]) => text.includes(redirectUri))).toBe(true)
}, 60_000)
