/** Requests that never end hold no connection: CWE-400, RFC 9110 section 15.5.9. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HttpRoutes, openRoutes } from '../support/http-routes.ts'

const timeouts = { headersMs: 150, requestMs: 300, keepAliveMs: 150, checkMs: 25 }

let routes: HttpRoutes
let port: number
beforeAll(async () => {
  routes = await openRoutes({ timeouts })
  port = Number(new URL(await routes.http.listen({ host: '127.0.0.1', port: 0 })).port)
})
afterAll(() => routes.close())

/** Sends this and then nothing more; resolves with all that came when the server has hung up. */
function sendAndWait(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(text))
    socket.setEncoding('utf8')
    socket.on('data', (more) => {
      received += more
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(received))
  })
}

describe('the server hangs up on', () => {
  test.each([
    ['a connection that says nothing', ''],
    ['half a line', 'POST /oauth/tok'],
    ['a header that does not end', 'POST /oauth/token HTTP/1.1\r\nHost: signon.example\r\nX-Wait: '],
    [
      'a body that does not come',
      'POST /oauth/token HTTP/1.1\r\nHost: signon.example\r\nContent-Length: 100\r\n' +
        'Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type=',
    ],
    [
      'a chunk that does not come',
      'POST /oauth/token HTTP/1.1\r\nHost: signon.example\r\nTransfer-Encoding: chunked\r\n' +
        'Content-Type: application/x-www-form-urlencoded\r\n\r\nb\r\ngrant_type=\r\n',
    ],
  ])('%s', async (_, text) => {
    const received = await sendAndWait(text)
    expect(received).toMatch(/^HTTP\/1\.1 408 |^$/)
    expect(received).not.toContain('\r\n\r\n{"access_token')
  })

  test('a connection that is done', async () => {
    const received = await sendAndWait('GET /health/live HTTP/1.1\r\nHost: signon.example\r\n\r\n')
    expect(received).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('what two servers in a row could read differently is refused (RFC 9112 section 11.2)', () => {
  test.each([
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n'],
    ['length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'],
    ['a coding that nobody knows', 'Transfer-Encoding: xchunked\r\n'],
    ['a space before the colon', 'Content-Length : 5\r\n'],
    ['a line that is folded', 'X-Folded: a\r\n b: c\r\nContent-Length\r\n'],
  ])('%s', async (_, fields) => {
    const received = await sendAndWait(
      `POST /oauth/token HTTP/1.1\r\nHost: signon.example\r\n${fields}\r\n0\r\n\r\nGET /health/live HTTP/1.1\r\n\r\n`,
    )
    expect(received).toMatch(/^HTTP\/1\.1 400 /)
    expect(received).not.toContain('HTTP/1.1 200 ')
  })

  test('header fields without end: 431', async () => {
    const fields = Array.from({ length: 2000 }, (_, n) => `X-${n}: ${'a'.repeat(20)}\r\n`).join('')
    expect(await sendAndWait(`GET /health/live HTTP/1.1\r\n${fields}\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
  })
})

test('the limits of a server that nobody told others', async () => {
  const usual = await openRoutes()
  const { requestTimeout, headersTimeout, keepAliveTimeout } = usual.http.server
  await usual.close()
  expect({ requestTimeout, headersTimeout, keepAliveTimeout }).toEqual({
    requestTimeout: 20_000,
    headersTimeout: 10_000,
    keepAliveTimeout: 72_000,
  })
})
