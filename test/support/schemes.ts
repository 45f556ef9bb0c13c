/** The ways to reach a server: in the clear, and over TLS with a certificate of an authority that clients are told of. */
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, vi } from 'vitest'
import { type Certificate, fetchTrusting, makeCertificate } from './certificate.ts'
import { type HttpApp, openHttpApp } from './http-app.ts'

export interface Scheme {
  name: 'http' | 'https'
  /** Settings of the server. */
  environment: Record<string, string>
  /** What clients trust, over https. */
  certificate?: Certificate
  /** Trusts it. */
  fetch: typeof fetch
}

/** Both; where there is nothing to make a certificate with, http alone. */
export async function bothSchemes(): Promise<Scheme[]> {
  const folder = mkdtempSync(join(tmpdir(), 'signon-tls-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  const plain: Scheme = { name: 'http', environment: {}, fetch: globalThis.fetch }
  const certificate = await makeCertificate(folder)
  if (!certificate) return [plain]
  const environment = {
    SIGNON_SERVER_TLS_CERTIFICATE: certificate.certificateFile,
    SIGNON_SERVER_TLS_PRIVATEKEY: certificate.privateKeyFile,
  }
  return [plain, { name: 'https', environment, certificate, fetch: fetchTrusting(certificate) }]
}

/** A server that is reached this way. Until it is closed, `fetch` trusts it. */
export async function openOver(
  { environment, fetch }: Scheme,
  more: Record<string, string> = {},
): Promise<HttpApp> {
  vi.stubGlobal('fetch', fetch)
  const served = await openHttpApp({ ...environment, ...more })
  return {
    ...served,
    async close() {
      await served.close()
      vi.unstubAllGlobals()
    },
  }
}
