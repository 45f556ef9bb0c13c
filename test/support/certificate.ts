/** A certificate for this machine, made for one test run, and a `fetch` that trusts it. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Certificate {
  certificateFile: string
  privateKeyFile: string
  pem: Buffer
}

/** Self-signed, for localhost; undefined, with the reason printed, where there is no openssl to make it. */
export async function makeCertificate(folder: string): Promise<Certificate | undefined> {
  const certificateFile = join(folder, 'server.crt')
  const privateKeyFile = join(folder, 'server.key')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', privateKeyFile]
  try {
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-days', '2', '-out', certificateFile],
      ...key,
      ...subject,
    ])
  } catch (error) {
    const [reason] = (error as Error).message.split('\n', 1)
    process.stderr.write(`no certificate can be made here (openssl: ${reason}); tests over TLS are skipped\n`)
    return undefined
  }
  return { certificateFile, privateKeyFile, pem: await readFile(certificateFile) }
}

/** `fetch` for servers with this certificate; follows no redirects. */
export const fetchTrusting =
  ({ pem }: Certificate): typeof fetch =>
  async (input, init) => {
    const asked = new Request(input, init)
    const body = Buffer.from(await asked.arrayBuffer())
    return new Promise((resolve, reject) => {
      const sent = request(
        asked.url,
        {
          method: asked.method,
          headers: { ...Object.fromEntries(asked.headers), 'content-length': body.length },
          ca: pem,
          agent: false,
        },
        (answer) => {
          const chunks: Buffer[] = []
          const headers = new Headers()
          for (let at = 0; at < answer.rawHeaders.length; at += 2)
            headers.append(answer.rawHeaders[at]!, answer.rawHeaders[at + 1]!)
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('error', reject)
          answer.on('end', () =>
            resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode!, headers })),
          )
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }
