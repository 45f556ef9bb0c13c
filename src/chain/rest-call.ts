import { type Credentials, credentialHeaders } from './credentials.ts'
import { ChainError } from './errors.ts'

export type CallKind = 'read' | 'write'

export interface RestClientSettings {
  /** Base URL of the node's REST API. */
  readonly endpoint: string
  /** A request that takes longer counts as `unreachable`. */
  readonly timeoutMs: number
  readonly credentials?: Credentials
  /** Called once for each request, as it starts. */
  readonly onCall?: (kind: CallKind) => void
  /** Milliseconds since 1970, for signed requests. */
  readonly clock?: () => number
}

export interface RestAnswer {
  readonly status: number
  readonly text: string
}

export type RestCall = (path: string, body?: unknown) => Promise<RestAnswer>

/**
 * One request to the node: GET, or POST with a JSON body. Gives every answer with a status, good or bad.
 *
 * @throws ChainError `unreachable` where there was no complete answer in time.
 */
export function createRestCall(settings: RestClientSettings): RestCall {
  const { endpoint, timeoutMs, credentials, onCall, clock = Date.now } = settings
  return async (path, content) => {
    const method = content === undefined ? 'GET' : 'POST'
    const body = content === undefined ? undefined : JSON.stringify(content)
    const url = new URL(endpoint + path)
    const headers: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' }
    if (credentials) {
      const timestamp = `${new Date(clock()).toISOString().slice(0, 19)}Z`
      Object.assign(headers, credentialHeaders(credentials, { method, url, body, timestamp }))
    }
    onCall?.(method === 'GET' ? 'read' : 'write')
    try {
      const response = await fetch(url, {
        method,
        headers,
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body }),
      })
      return { status: response.status, text: await response.text() }
    } catch (cause) {
      throw new ChainError(
        'unreachable',
        `no answer from the node at ${endpoint}: ${reasonOf(cause, timeoutMs)}`,
        {
          cause,
          retry: true,
        },
      )
    }
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'unknown reason'
  if (error.name === 'TimeoutError') return `nothing within ${timeoutMs} ms`
  // fetch says "fetch failed" and keeps the system's error as its cause.
  const inner = error.cause
  if (!(inner instanceof Error)) return error.message
  return 'code' in inner && typeof inner.code === 'string' ? inner.code : inner.message
}

interface NodeError {
  readonly code: number
  readonly reason: string
  readonly retry: boolean
}

/** Code of an internal error in the node's error body. */
export const internalErrorCode = 4001

/** The error body `{error_type, error_code, error_message, retry, error_cause}`; malformed requests get `{error}`. */
export function readNodeError(answer: RestAnswer): NodeError {
  let body: Record<string, unknown> = {}
  try {
    body = (JSON.parse(answer.text) ?? {}) as Record<string, unknown>
  } catch {
    // An empty body or a proxy's page: the status alone has to say it.
  }
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
  const reason =
    text(body.error_cause) ?? text(body.error_message) ?? text(body.error) ?? `HTTP ${answer.status}`
  return {
    code: typeof body.error_code === 'number' ? body.error_code : 0,
    reason: oneLine(reason),
    retry: body.retry === true,
  }
}

/** The error of an answer that is not 200, for every request but a send. */
export function errorOfAnswer(answer: RestAnswer, path: string): ChainError {
  const { reason, retry } = readNodeError(answer)
  if (answer.status >= 500) {
    return new ChainError('unreachable', `the node cannot answer ${path} now: ${reason}`, { retry: true })
  }
  return new ChainError('refused', `the node refused ${path}: ${reason}`, { retry })
}

/** What a node says ends up in logs and on terminals: control characters are not let through. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 500)
}
