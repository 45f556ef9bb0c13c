/** Bodies as JSON, where the operator allows them (signon.server.json-requests), under attack: CWE-20, CWE-400, CWE-1321. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HttpRoutes, openRoutes } from '../support/http-routes.ts'
import {
  asResource,
  asWeb,
  callback,
  closeWithoutComplaint,
  newTokens,
  registerAll,
} from '../support/registrations.ts'

let routes: HttpRoutes
beforeAll(async () => {
  routes = await openRoutes({ environment: { SIGNON_SERVER_JSON_REQUESTS: 'true' } })
  await registerAll(routes)
})
afterAll(() => closeWithoutComplaint(routes))

const send = (url: string, payload: string | Buffer, headers: Record<string, string> = asWeb) =>
  routes.http.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json', ...headers },
    payload,
  })
const endpoints = [
  '/oauth/token',
  '/oauth/par',
  '/oauth/introspect',
  '/oauth/check_token',
  '/oauth/revoke',
  '/oauth/device_authorization',
  '/oauth/userinfo',
]
const right = '"grant_type":"client_credentials","token":"x","response_type":"code"'

const hostile: Readonly<Record<string, string | Buffer>> = {
  'lists in lists': '['.repeat(30_000) + ']'.repeat(30_000),
  'lists in lists in a parameter': `{${right},"scope":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  'objects in objects': `{"scope":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`,
  'lists that do not end': '['.repeat(60_000),
  'a list of parameters': '[{"grant_type":"client_credentials"}]',
  'a number': `{${right},"scope":1}`,
  'a number beyond all numbers': `{${right},"scope":1e999}`,
  true: `{${right},"scope":true}`,
  null: `{${right},"scope":null}`,
  'an object': `{${right},"scope":{"toString":"read"}}`,
  'a list with an object': `{${right},"resource":["accounts",{}]}`,
  'a name twice': `{${right},"scope":"read","scope":"write"}`,
  'a name twice, once in escapes': `{${right},"scope":"read","\\u0073cope":"write"}`,
  'a prototype': `{${right},"__proto__":{"scope":"write"}}`,
  'a constructor': `{${right},"constructor":{"prototype":{"scope":"write"}}}`,
  'a comment': `{/* */${right}}`,
  'a comma too many': `{${right},}`,
  'two texts': `{${right}}{${right}}`,
  'a byte order mark in the middle': `{\ufeff${right}}`,
  'bytes that are not UTF-8': Buffer.concat([
    Buffer.from(`{${right},"scope":"`),
    Buffer.from([0xc3, 0x28, 0x22]),
    Buffer.from(',}'),
  ]),
  'a form': 'grant_type=client_credentials',
  nothing: '',
}

describe.each(endpoints)('%s refuses, as the sender’s mistake,', (url) => {
  test.each(Object.entries(hostile))('%s', async (_, body) => {
    const before = routes.context.ledger.size
    const answer = await send(url, body, url === '/oauth/introspect' ? asResource : asWeb)
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])
    expect(answer.body.length).toBeLessThan(300)
    expect(routes.context.ledger.size).toBe(before)
    expect(Object.prototype).not.toHaveProperty('scope')
  })

  test('more than 64 KiB: 413', async () => {
    expect((await send(url, `{${right},"scope":"${'x'.repeat(70_000)}"}`)).statusCode).toBe(413)
  })
})

test('names that objects have by themselves are parameters as any other: they mean nothing', async () => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__']) {
    const answer = await send(
      '/oauth/token',
      `{"grant_type":"client_credentials","scope":"read",${JSON.stringify(name)}:"write"}`,
    )
    expect([name, answer.statusCode, answer.json().scope]).toEqual([name, 200, 'read'])
  }
  for (const name of ['constructor', '__proto__'])
    expect((await send('/oauth/token', JSON.stringify({ grant_type: name }))).json().error).toBe(
      'unsupported_grant_type',
    )
})

test('a media type that only looks like JSON, or another charset, is none', async () => {
  const body = '{"grant_type":"client_credentials"}'
  for (const type of [
    'application/json-seq',
    'application/jsonx',
    'text/json',
    'application/xml, application/json',
  ])
    expect([type, (await send('/oauth/token', body, { ...asWeb, 'content-type': type })).statusCode]).toEqual(
      [type, 400],
    )
})

test('pages take no JSON, whatever the setting: no form of another site can be sent as one', async () => {
  const { access_token } = await newTokens(routes)
  const bodies: [string, object][] = [
    ['/login', { username: 'alice', password: 'x' }],
    ['/oauth/confirm_access', { decision: 'approve' }],
    ['/oauth/logout', { access_token, redirect_uri: callback }],
    ['/oauth/end_session', {}],
    ['/device', { user_code: 'BCDF-GHJK' }],
    ['/oauth/authorize', { client_id: 'web', response_type: 'code' }],
  ]
  const before = routes.context.ledger.size
  for (const [url, body] of bodies) {
    const answer = await send(url, JSON.stringify(body), {})
    expect([url, answer.statusCode, answer.headers['content-type']]).toEqual([
      url,
      400,
      'text/html; charset=utf-8',
    ])
  }
  expect(routes.context.ledger.size).toBe(before)
})
