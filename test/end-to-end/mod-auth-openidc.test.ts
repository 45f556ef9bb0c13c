/** Apache with mod_auth_openidc: two sites with one sign-on, and two APIs that take access tokens. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { launchBrowser } from '../support/browser.ts'
import { type Certificate, fetchTrusting, makeCertificate } from '../support/certificate.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'
import { basic } from '../support/http-routes.ts'
import { freePorts, isInstalled, type SystemServer, startServer } from '../support/system-program.ts'
import { person, registeredPerson } from '../support/visitor.ts'

const apache = '/usr/sbin/apache2'
const modules = '/usr/lib/apache2/modules'
const isThere = isInstalled('Apache with mod_auth_openidc', [apache, `${modules}/mod_auth_openidc.so`])
const folder = await mkdtemp(join(tmpdir(), 'signon-apache-'))
afterAll(() => rm(folder, { recursive: true, force: true }))
/** mod_auth_openidc calls https addresses only. */
const certificate = isThere ? await makeCertificate(folder) : undefined
const browser = certificate ? await launchBrowser() : undefined

const modulesUsed = [
  'mpm_event',
  'authn_core',
  'authz_core',
  'authz_user',
  'mime',
  'dir',
  'filter',
  'include',
]

interface Ports {
  a: number
  b: number
  introspecting: number
  verifying: number
}

const site = (name: string, port: number, issuer: string) => `
Listen 127.0.0.1:${port}
<VirtualHost 127.0.0.1:${port}>
  OIDCProviderMetadataURL ${issuer}/.well-known/openid-configuration
  OIDCClientID apache-${name}
  OIDCClientSecret "secret of ${name}"
  OIDCRedirectURI http://127.0.0.1:${port}/callback
  OIDCCryptoPassphrase "passphrase of ${name}"
  OIDCScope "openid profile email"
  OIDCPKCEMethod S256
  OIDCCookie site_${name}
  OIDCStateCookiePrefix state_${name}_
  OIDCRemoteUserClaim preferred_username
  <Location />
    AuthType openid-connect
    Require valid-user
  </Location>
  <Location /admin>
    AuthType openid-connect
    Require claim email:admin@example.com
  </Location>
</VirtualHost>
`

const api = (port: number, check: string) => `
Listen 127.0.0.1:${port}
<VirtualHost 127.0.0.1:${port}>
  ${check}
  <Location />
    AuthType oauth20
    Require claim scope:read
  </Location>
</VirtualHost>
`

/** Apache started by root gives itself away to another user. */
const identity = process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''

const configuration = (ports: Ports, issuer: string, { caFile }: Certificate) => `
ServerRoot ${folder}
ServerName 127.0.0.1
PidFile ${folder}/pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
${identity}
OIDCCABundlePath ${caFile}
${modulesUsed.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n')}
LoadModule auth_openidc_module ${modules}/mod_auth_openidc.so
DocumentRoot ${folder}/www
DirectoryIndex index.shtml
TypesConfig /dev/null
AddType text/html .shtml
AddOutputFilter INCLUDES .shtml
ThreadsPerChild 8
MaxRequestWorkers 8
StartServers 1
<Directory ${folder}/www>
  Options +Includes
  Require all granted
</Directory>
${site('a', ports.a, issuer)}
${site('b', ports.b, issuer)}
${api(
  ports.introspecting,
  `OIDCOAuthIntrospectionEndpoint ${issuer}/oauth/introspect
  OIDCOAuthClientID apache-api
  OIDCOAuthClientSecret "secret of the api"
  OIDCOAuthTokenExpiryClaim exp absolute
  OIDCOAuthTokenIntrospectionInterval -1
  OIDCOAuthRemoteUserClaim client_id`,
)}
${api(
  ports.verifying,
  `OIDCOAuthVerifyJwksUri ${issuer}/oauth/jwks
  OIDCOAuthRemoteUserClaim client_id`,
)}
`

let served: HttpApp
let server: SystemServer
let get: typeof fetch
let ports: Ports

beforeAll(async () => {
  if (!certificate) return
  get = fetchTrusting(certificate)
  const [a, b, introspecting, verifying] = (await freePorts(4)) as [number, number, number, number]
  ports = { a, b, introspecting, verifying }
  served = await openHttpApp({
    SIGNON_SERVER_TLS_CERTIFICATE: certificate.certificateFile,
    SIGNON_SERVER_TLS_PRIVATEKEY: certificate.privateKeyFile,
  })
  for (const name of ['a', 'b'] as const)
    await registerClient(served.administrator, {
      client_id: `apache-${name}`,
      client_secret: `secret of ${name}`,
      redirect_uris: [`http://127.0.0.1:${ports[name]}/callback`],
      scope: 'openid profile email',
      // The second site needs no consent.
      autoApproves: name === 'b' ? ['openid', 'profile', 'email'] : [],
    })
  await registerClient(served.administrator, {
    client_id: 'apache-api',
    client_secret: 'secret of the api',
    grant_types: [],
    scope: 'read',
  })
  for (const form of ['opaque', 'jwt'])
    await registerClient(served.administrator, {
      client_id: form,
      client_secret: 'secret of the client',
      grant_types: ['client_credentials'],
      scope: 'read write',
      accessTokenFormat: form,
    })
  await registerUser(served.administrator, registeredPerson)
  await mkdir(join(folder, 'www'))
  await writeFile(
    join(folder, 'www', 'index.shtml'),
    '<!doctype html><title>Apache</title><h1>Hello <!--#echo var="REMOTE_USER" --></h1><p><!--#echo var="OIDC_CLAIM_name" -->, <!--#echo var="OIDC_CLAIM_email" --></p>',
  )
  await writeFile(join(folder, 'apache.conf'), configuration(ports, served.issuer, certificate))
  await chmod(folder, 0o755)
  server = await startServer(apache, ['-X', '-f', join(folder, 'apache.conf')], a)
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
  await served?.close()
})

const heading = (page: Page, text: string) => page.getByRole('heading', { name: text, level: 1 }).waitFor()

describe.skipIf(!browser)('mod_auth_openidc as relying party', () => {
  test('two sites, one sign-on; the claims are there', async () => {
    const context = await (browser as Browser).newContext({ ignoreHTTPSErrors: true })
    context.setDefaultTimeout(15_000)
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${ports.a}/`)
    await heading(page, 'Sign in')
    await page.getByLabel('Username').fill(person.username)
    await page.getByLabel('Password').fill(person.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await heading(page, 'Allow access?')
    await page.getByRole('button', { name: 'Allow' }).click()
    await heading(page, 'Hello alice')
    expect(await page.locator('p').textContent()).toBe('Alice Archer, alice@example.com')

    const visited: string[] = []
    page.on('framenavigated', (frame) => visited.push(frame.url()))
    await page.goto(`http://127.0.0.1:${ports.b}/`)
    await heading(page, 'Hello alice')
    expect(visited).toEqual([`http://127.0.0.1:${ports.b}/`])

    const admin = await page.goto(`http://127.0.0.1:${ports.b}/admin`)
    expect(admin!.status()).toBe(401)
    await context.close()
  })
})

async function post(clientId: string, path: string, form: Record<string, string>) {
  const answer = await get(`${served.issuer}${path}`, {
    method: 'POST',
    headers: basic(clientId, 'secret of the client'),
    body: new URLSearchParams(form),
  })
  return (await answer.json()) as { access_token: string }
}
const newToken = async (clientId: string, scope: string) =>
  (await post(clientId, '/oauth/token', { grant_type: 'client_credentials', scope })).access_token

async function ask(port: number, token: string): Promise<[number, string | undefined]> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { authorization: `Bearer ${token}` } })
  return [answer.status, /Hello ([\w-]+)</.exec(await answer.text())?.[1]]
}

describe.skipIf(!certificate)('mod_auth_openidc as resource server', () => {
  test.each(['opaque', 'jwt'])('asks about every token (RFC 7662): %s', async (form) => {
    const token = await newToken(form, 'read')
    expect(await ask(ports.introspecting, token)).toEqual([200, form])
    await post(form, '/oauth/revoke', { token })
    expect((await ask(ports.introspecting, token))[0]).toBe(401)
    expect((await ask(ports.introspecting, await newToken(form, 'write')))[0]).toBe(401)
  })

  test('takes JWT access tokens by the published keys (RFC 9068), and none that is forged', async () => {
    const token = await newToken('jwt', 'read')
    expect(await ask(ports.verifying, token)).toEqual([200, 'jwt'])
    const [header, payload, signature] = token.split('.') as [string, string, string]
    const forged = Buffer.from(payload, 'base64url')
      .toString()
      .replace('"client_id":"jwt"', '"client_id":"own"')
    const others = `${header}.${Buffer.from(forged).toString('base64url')}.${signature}`
    expect((await ask(ports.verifying, others))[0]).toBe(401)
    expect((await ask(ports.verifying, await newToken('jwt', 'write')))[0]).toBe(401)
  })
})
