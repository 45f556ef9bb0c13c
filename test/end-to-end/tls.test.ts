/** HTTPS as a scanner of servers sees it (RFC 9325, BCP 195). */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchTrusting, makeCertificate } from '../support/certificate.ts'
import { type HttpApp, openHttpApp } from '../support/http-app.ts'

const folder = mkdtempSync(join(tmpdir(), 'signon-tls-'))
const certificate = await makeCertificate(folder)

describe.skipIf(certificate === undefined)('over TLS', () => {
  let served: HttpApp
  beforeAll(async () => {
    served = await openHttpApp({
      SIGNON_SERVER_TLS_CERTIFICATE: certificate!.certificateFile,
      SIGNON_SERVER_TLS_PRIVATEKEY: certificate!.privateKeyFile,
    })
  })
  afterAll(async () => {
    await served.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Protocol and cipher suite of a connection, or what the server has against it. */
  async function handshake(options: ConnectionOptions): Promise<string> {
    const { port } = new URL(served.issuer)
    const socket = connect({
      host: '127.0.0.1',
      servername: 'localhost',
      port: Number(port),
      ca: certificate!.ca,
      ...options,
    })
    try {
      await once(socket, 'secureConnect')
      return `${socket.getProtocol()} ${socket.getCipher().name}`
    } catch (error) {
      return (error as { code?: string }).code ?? String(error)
    } finally {
      socket.destroy()
    }
  }
  // A client of today refuses these by itself; at level 0 it asks for them.
  const old = (ciphers: string) => `${ciphers}:@SECLEVEL=0`

  test.each(['TLSv1', 'TLSv1.1'] as const)('%s is refused', async (version) => {
    const answer = await handshake({ minVersion: version, maxVersion: version, ciphers: old('ALL') })
    expect(answer).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  })

  test.each([
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-ECDSA-AES128-CCM8',
    'ECDHE-ECDSA-NULL-SHA',
    'AECDH-AES128-SHA',
  ])('section 4.1: the cipher suite %s is refused', async (ciphers) => {
    const answer = await handshake({ maxVersion: 'TLSv1.2', ciphers: old(ciphers) })
    expect(answer).toMatch(/HANDSHAKE_FAILURE$/)
  })

  test.each([
    ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
    ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['TLSv1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ] as const)('section 4.2: %s with %s is spoken', async (version, ciphers) => {
    expect(await handshake({ maxVersion: version, ciphers })).toBe(`${version} ${ciphers}`)
  })

  test('a client that offers everything gets TLS 1.3', async () => {
    expect(await handshake({})).toMatch(/^TLSv1\.3 /)
  })

  test('HSTS on data as on pages; cookies are bound to this host', async () => {
    const fetch = fetchTrusting(certificate!)
    for (const path of ['/oauth/token', '/login', '/nothing', '/.well-known/openid-configuration']) {
      const answer = await fetch(`${served.issuer}${path}`)
      expect([path, answer.headers.get('strict-transport-security')]).toEqual([path, 'max-age=31536000'])
      for (const cookie of answer.headers.getSetCookie())
        expect(cookie).toMatch(/^__Host-[^;]*; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    }
  })
})
