/** What scanners look for in every answer, whatever was asked: headers, no name of the software, no cache, no frame. */
import type { InjectOptions } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HttpRoutes, openRoutes } from '../support/http-routes.ts'
import { asWeb, registerAll } from '../support/registrations.ts'

const form = { 'content-type': 'application/x-www-form-urlencoded' }

const asked: Readonly<Record<string, [status: number, InjectOptions]>> = {
  'an address that is not there': [404, { url: '/nothing' }],
  'an address that is not there, to a browser': [404, { url: '/nothing', headers: { accept: 'text/html' } }],
  'a browser at an address for programs': [
    405,
    { url: '/oauth/introspect', headers: { accept: 'text/html' } },
  ],
  'the root': [302, { url: '/' }],
  'a path with a traversal': [404, { url: '/assets/../../etc/passwd' }],
  'a path with an encoded traversal': [404, { url: '/ledger/tile/..%2f..%2fdata%2fkeys' }],
  'a percent sign that encodes nothing': [400, { url: '/oauth/%' }],
  'bytes that are not UTF-8': [400, { url: '/oauth/%ff' }],
  'a method that is not served': [405, { method: 'DELETE', url: '/oauth/token' }],
  TRACE: [405, { method: 'TRACE', url: '/login' }],
  'a preflight where none is answered': [405, { method: 'OPTIONS', url: '/login' }],
  'a token request without anything': [401, { method: 'POST', url: '/oauth/token' }],
  'a body that is too large': [
    413,
    { method: 'POST', url: '/oauth/token', headers: form, payload: 'x'.repeat(70_000) },
  ],
  'a body of another type': [
    400,
    { method: 'POST', url: '/oauth/token', headers: { 'content-type': 'text/xml' }, payload: '<a/>' },
  ],
  'a form page with a body that is too large': [
    413,
    { method: 'POST', url: '/login', headers: form, payload: 'x'.repeat(70_000) },
  ],
  'a parameter twice': [400, { url: '/oauth/end_session?state=a&state=b' }],
  'wrong credentials': [401, { method: 'POST', url: '/oauth/introspect', headers: form, payload: 'token=x' }],
  'no token at UserInfo': [401, { url: '/oauth/userinfo' }],
  'a page': [200, { url: '/login' }],
  'a page that is not for this visitor': [302, { url: '/welcome.html' }],
  'an authorization request of nobody': [400, { url: '/oauth/authorize' }],
  metadata: [200, { url: '/.well-known/openid-configuration' }],
  'the keys': [200, { url: '/oauth/jwks' }],
  health: [200, { url: '/health/ready' }],
  'a checkpoint that is not there yet': [404, { url: '/ledger/checkpoint' }],
  tokens: [
    200,
    {
      method: 'POST',
      url: '/oauth/token',
      headers: { ...form, ...asWeb },
      payload: 'grant_type=client_credentials',
    },
  ],
}

describe.each([
  ['http', false],
  ['https', true],
] as const)('over %s', (_, isSecure) => {
  let routes: HttpRoutes
  beforeAll(async () => {
    routes = await openRoutes({ isSecure })
    await registerAll(routes)
  })
  afterAll(async () => {
    await routes.close()
    expect(routes.complaints).toEqual([])
  })

  test.each(Object.entries(asked))('%s', async (_name, [status, request]) => {
    const answer = await routes.http.inject(request)
    expect(answer.statusCode).toBe(status)
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
    expect(answer.headers['cache-control']).toMatch(/^(no-store|public, max-age=300)$/)
    expect(answer.headers['strict-transport-security']).toBe(isSecure ? 'max-age=31536000' : undefined)
    for (const name of ['server', 'x-powered-by', 'via']) expect(answer.headers).not.toHaveProperty(name)
    expect(JSON.stringify(answer.headers) + answer.body).not.toMatch(
      /fastify|node\.js|express|\bat .*:\d+:\d+/i,
    )
    if (status === 405) expect(answer.headers.allow).toMatch(/^[A-Z]+(, [A-Z]+)*$/)
    const type = String(answer.headers['content-type'] ?? '')
    if (answer.body !== '') expect(type).toMatch(/^(application\/(jwk-set\+)?json|text\/html)/)
    if (type.startsWith('text/html')) {
      expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none';/)
      expect(answer.headers['x-frame-options']).toBe('DENY')
    }
  })
})
