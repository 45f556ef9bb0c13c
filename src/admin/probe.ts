/** Whether the server of a home serves where its settings say, as somebody outside sees it. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { ControlError, connectTo } from './connection.ts'
import type { ServerStatus } from './operations.ts'

export interface Probed {
  /** `elsewhere`: it serves, but not where the settings say that were looked at. */
  state: 'booting' | 'running' | 'elsewhere' | 'stopped'
  /** What was looked at and what was seen there, where a process is there that does not serve as it should. */
  note?: string
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
  /** Of the pid file, where it is there. */
  processId: number | undefined
}

const longestMs = 3000

/**
 * Asks the server of this home where it serves, and then `/health/ready` there: whatever else answers at the address
 * is another home's. A process that does not tell yet is booting; so is one that answers 503.
 *
 * @throws ControlError forbidden
 */
export async function probe(options: ProbeOptions): Promise<Probed> {
  const { host, isTls, controlSocket, processId } = options
  const own = await askStatus(controlSocket)
  if (own === 'unresponsive')
    return {
      state: 'booting',
      note: `process ${processId} does not answer; server stop --force would end it`,
    }
  if (!own)
    return processId === undefined
      ? { state: 'stopped' }
      : { state: 'booting', note: `process ${processId} is there, but it does not serve yet` }
  const port = options.port === 0 ? own.port : options.port
  const address = `${isTls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}/health/ready`
  if (port !== own.port)
    return {
      state: 'elsewhere',
      note: `the settings say ${address}, but the server of this home serves ${own.issuer} on port ${own.port}: name the --profile that it was started with`,
    }
  try {
    const { status, body } = await getReady(hostToAsk(host), port, isTls)
    const health = JSON.parse(body) as NonNullable<Probed['health']>
    if (status === 200) return { state: 'running', health }
    return { state: 'booting', health, note: `${address} answers ${status}; server log says why` }
  } catch (error) {
    return { state: 'booting', note: `${address}: ${(error as Error).message}` }
  }
}

const hostToAsk = (host: string) => (host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host)

async function askStatus(controlSocket: string): Promise<ServerStatus | 'unresponsive' | undefined> {
  try {
    return await (await connectTo(controlSocket))?.operations.status({})
  } catch (error) {
    if (error instanceof ControlError && error.code === 'unresponsive') return error.code
    throw error
  }
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
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${longestMs / 1000} s`)))
    asked.on('error', reject)
    asked.end()
  })
}
