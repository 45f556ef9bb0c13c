/** nginx as a gate before a resource: `auth_request` asks this server about every token. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient } from '../../src/admin/administration.ts'
import { makeCertificate } from '../support/certificate.ts'
import type { HttpApp } from '../support/http-app.ts'
import { basic } from '../support/http-routes.ts'
import { bothSchemes, openOver } from '../support/schemes.ts'
import { freePorts, isInstalled, type SystemServer, startServer } from '../support/system-program.ts'

const nginx = '/usr/sbin/nginx'
const njsModule = '/usr/lib/nginx/modules/ngx_http_js_module.so'
const isThere = isInstalled('nginx with njs', [nginx, njsModule])

/** Asks about the bearer token of a request: 204 lets it through. */
const introspectScript = `
async function introspect(request) {
  const token = /^Bearer +([\\w.~+/=-]+)$/i.exec(request.headersIn.Authorization || '')
  if (!token) return request.return(401)
  const answer = await request.subrequest('/_signon', { method: 'POST', body: 'token=' + encodeURIComponent(token[1]) })
  if (answer.status !== 200) return request.return(500)
  const found = JSON.parse(answer.responseText)
  if (!found.active) return request.return(401)
  if (!found.scope.split(' ').includes('read')) return request.return(403)
  request.headersOut['X-Client'] = found.client_id
  request.return(204)
}
export default { introspect }
`

/** The certificate of the server behind must be one of this authority, for this name. */
const verifying = (caFile: string) => `
      proxy_ssl_trusted_certificate ${caFile};
      proxy_ssl_verify on;
      proxy_ssl_name localhost;`

interface GateSettings {
  folder: string
  port: number
  issuer: string
  credentials: string
  caFile: string | undefined
}

const configuration = ({ folder, port, issuer, credentials, caFile }: GateSettings) => `
load_module ${njsModule};
daemon off;
master_process off;
worker_processes 1;
pid ${folder}/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  js_path ${folder};
  js_import gate from gate.js;
  server {
    listen 127.0.0.1:${port};
    location / {
      auth_request /_introspect;
      auth_request_set $client $sent_http_x_client;
      add_header WWW-Authenticate $challenge always;
      add_header X-Seen-Client $client;
      root ${folder}/www;
    }
    location = /_introspect {
      internal;
      js_content gate.introspect;
    }
    location = /_signon {
      internal;
      proxy_pass ${issuer.replace('localhost', '127.0.0.1')}/oauth/introspect;${caFile === undefined ? '' : verifying(caFile)}
      proxy_pass_request_headers off;
      proxy_set_header Content-Type application/x-www-form-urlencoded;
      proxy_set_header Authorization "${credentials}";
    }
  }
  map $status $challenge {
    401 'Bearer realm="resource"';
    403 'Bearer realm="resource", error="insufficient_scope", scope="read"';
  }
}
`

/** nginx in a folder of its own, before a resource. */
async function openGate(issuer: string, caFile: string | undefined) {
  const folder = await mkdtemp(join(tmpdir(), 'signon-nginx-'))
  const [port] = (await freePorts(1)) as [number]
  const { authorization: credentials } = basic('gate', 'gate secret')
  await writeFile(join(folder, 'gate.js'), introspectScript)
  await mkdir(join(folder, 'www'))
  await writeFile(join(folder, 'www', 'index.html'), 'the resource\n')
  await writeFile(join(folder, 'nginx.conf'), configuration({ folder, port, issuer, credentials, caFile }))
  await chmod(folder, 0o755)
  const server: SystemServer = await startServer(
    nginx,
    ['-p', folder, '-c', join(folder, 'nginx.conf')],
    port,
  )
  return {
    ask: (token?: string) =>
      fetch(`http://127.0.0.1:${port}/index.html`, {
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      }),
    async close() {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const schemes = await bothSchemes()

describe.skipIf(!isThere).each(schemes)('nginx, over $name', (scheme) => {
  let served: HttpApp | undefined
  let gate: Awaited<ReturnType<typeof openGate>>

  beforeAll(async () => {
    served = await openOver(scheme)
    await registerClient(served.administrator, {
      client_id: 'gate',
      client_secret: 'gate secret',
      grant_types: [],
      scope: 'read',
    })
    await registerClient(served.administrator, {
      client_id: 'machine',
      client_secret: 'machine secret',
      grant_types: ['client_credentials'],
      scope: 'read write',
    })
    gate = await openGate(served.issuer, scheme.certificate?.caFile)
  })
  afterAll(async () => {
    await gate.close()
    await served?.close()
  })

  async function post(path: string, form: Record<string, string>) {
    const answer = await fetch(`${served!.issuer}${path}`, {
      method: 'POST',
      headers: basic('machine', 'machine secret'),
      body: new URLSearchParams(form),
    })
    return (await answer.json()) as { access_token: string }
  }
  const newToken = async (scope: string) =>
    (await post('/oauth/token', { grant_type: 'client_credentials', scope })).access_token

  test('lets a live token through, and refuses it at once when it is revoked', async () => {
    const token = await newToken('read')
    for (let times = 0; times < 2; times++) {
      const answer = await gate.ask(token)
      expect([answer.status, answer.headers.get('x-seen-client'), await answer.text()]).toEqual([
        200,
        'machine',
        'the resource\n',
      ])
    }
    await post('/oauth/revoke', { token })
    const refused = await gate.ask(token)
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="resource"',
    ])
  })

  test('refuses no token, a made-up token, and a token for something else', async () => {
    expect((await gate.ask()).status).toBe(401)
    expect((await gate.ask('cs_at_made_up')).status).toBe(401)
    const writer = await gate.ask(await newToken('write'))
    expect([writer.status, writer.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer realm="resource", error="insufficient_scope", scope="read"',
    ])
  })

  if (scheme.name === 'https')
    test('a server of another authority lets nobody through', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'signon-nginx-'))
      const other = (await makeCertificate(folder))!
      const doubting = await openGate(served!.issuer, other.caFile)
      try {
        expect((await doubting.ask(await newToken('read'))).status).toBe(500)
      } finally {
        await doubting.close()
        await rm(folder, { recursive: true, force: true })
      }
    })

  test('a server that fails lets nobody through', async () => {
    const token = await newToken('read')
    await served!.close()
    served = undefined
    expect((await gate.ask(token)).status).toBe(500)
  })
})
