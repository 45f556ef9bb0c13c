/** Whether a server serves, as somebody outside sees it. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connectTo } from './connection.ts'

export interface Probed {
  state: 'booting' | 'running' | 'stopped'
  health?: {
    ledger: { position: number }
    anchors: { confirmed: number; pending: number; lagEvents: number; node: string }
  }
}

export interface ProbeOptions {
  host: string
  port: number
  isTls: boolean
  controlSocket: string
  /** Whether the process of the pid file is there. */
  isProcess: boolean
}

const longestMs = 3000

/**
 * Asks `/health/ready`. A process that does not answer yet is booting; so is one that answers 503. Where the
 * port is 0 the running server is asked for its own.
 */
export async function probe(options: ProbeOptions): Promise<Probed> {
  const { host, isTls, controlSocket, isProcess } = options
  const waiting: Probed = { state: isProcess ? 'booting' : 'stopped' }
  try {
    const port = options.port === 0 ? await portOf(controlSocket) : options.port
    if (port === undefined) return waiting
    const { status, body } = await getReady(hostToAsk(host), port, isTls)
    const health = JSON.parse(body) as NonNullable<Probed['health']>
    return { state: status === 200 ? 'running' : 'booting', health }
  } catch {
    return waiting
  }
}

const hostToAsk = (host: string) => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host)

async function portOf(controlSocket: string): Promise<number | undefined> {
  const connection = await connectTo(controlSocket)
  return connection && Number(new URL((await connection.operations.status({})).issuer).port)
}

function getReady(host: string, port: number, isTls: boolean): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    // Nothing secret is asked or told, and the certificate names the public host, not this address.
    const options = { host, port, path: '/health/ready', timeout: longestMs, rejectUnauthorized: false }
    const asked = (isTls ? httpsRequest : httpRequest)(options, (answer) => {
      let body = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        body += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }))
    })
    asked.on('timeout', () => asked.destroy(new Error('timeout')))
    asked.on('error', reject)
    asked.end()
  })
}
