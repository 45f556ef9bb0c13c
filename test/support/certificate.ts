/** A certificate for this machine and the authority that issued it, made for one test run, and a `fetch` that trusts it. */
import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Certificate {
  certificateFile: string
  privateKeyFile: string
  /** Of the authority that issued the certificate: what a client is told to trust. */
  caFile: string
  ca: Buffer
}

const thisMachine = ['DNS:localhost', 'IP:127.0.0.1']
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** Undefined, with the reason printed, where there is no openssl to make it. */
export async function makeCertificate(
  folder: string,
  names: readonly string[] = thisMachine,
): Promise<Certificate | undefined> {
  // Servers that give up root's rights read the authority's certificate without them.
  const own = join(folder, 'certificate')
  await mkdir(own)
  const file = (name: string) => join(own, name)
  const [certificateFile, privateKeyFile, caFile] = [file('server.crt'), file('server.key'), file('ca.crt')]
  const openssl = (...words: string[]) => promisify(execFile)('openssl', words)
  const authority = ['-CA', caFile, '-CAkey', file('ca.key'), '-CAcreateserial']
  const extensions = `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`
  try {
    await writeFile(file('extensions'), extensions)
    const subject = ['-subj', '/CN=Authority of a test']
    await openssl(
      'req',
      '-x509',
      '-days',
      '2',
      ...newKey,
      ...subject,
      '-keyout',
      file('ca.key'),
      '-out',
      caFile,
    )
    const request = ['-subj', '/CN=Server of a test', '-keyout', privateKeyFile, '-out', file('request')]
    await openssl('req', ...newKey, ...request)
    const certificate = ['-days', '2', '-extfile', file('extensions'), '-out', certificateFile]
    await openssl('x509', '-req', '-in', file('request'), ...authority, ...certificate)
  } catch (error) {
    const [reason] = (error as Error).message.split('\n', 1)
    process.stderr.write(`no certificate can be made here (openssl: ${reason}); tests over TLS are skipped\n`)
    return undefined
  }
  return { certificateFile, privateKeyFile, caFile, ca: await readFile(caFile) }
}

/** `fetch` for servers with this certificate, and for all others over http; follows no redirects over TLS. */
export const fetchTrusting = ({ ca }: Certificate): typeof fetch => {
  const fetchUntrusting = globalThis.fetch
  return async (input, init) => {
    const asked = new Request(input, init)
    if (asked.url.startsWith('http:')) return fetchUntrusting(asked)
    const body = Buffer.from(await asked.arrayBuffer())
    return new Promise((resolve, reject) => {
      const sent = request(
        asked.url,
        {
          method: asked.method,
          headers: { ...Object.fromEntries(asked.headers), 'content-length': body.length },
          ca,
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
}
