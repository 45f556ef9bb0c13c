/** Errors as they leave the server; what is inside stays inside. */
import type { FastifyBaseLogger, FastifyError, FastifyReply } from 'fastify'
import { OAuthError, wireDescription } from '../oauth/errors.ts'

/** Seconds after which a client may try again when the ledger cannot be read or written. */
const unavailableSeconds = 1

/**
 * What an error is on the wire. A failing ledger is 503, never "inactive" and never a wrong password; whatever
 * nobody foresaw is 500 and goes to the log.
 */
export function wireError(error: unknown, log: FastifyBaseLogger): OAuthError {
  if (error instanceof OAuthError) return error
  const { name, code, statusCode = 500 } = error as Partial<FastifyError>
  if (name === 'LedgerError') {
    log.error({ err: error }, 'the ledger failed')
    return new OAuthError('temporarily_unavailable', 'the server cannot read or write its ledger now')
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new OAuthError('invalid_request', 'the body is too large', 413)
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new OAuthError('invalid_request', 'application/x-www-form-urlencoded is expected')
  if (statusCode >= 400 && statusCode < 500)
    return new OAuthError('invalid_request', 'the request is malformed', statusCode)
  log.error({ err: error }, 'unexpected error')
  return new OAuthError('server_error', 'the server failed')
}

/** RFC 6749 section 5.2. */
export function sendError(reply: FastifyReply, error: OAuthError): FastifyReply {
  if (error.code === 'invalid_client')
    reply.header('www-authenticate', 'Basic realm="coinstack-signon", charset="UTF-8"')
  const { retryAfterSeconds = error.status === 503 ? unavailableSeconds : undefined } = error
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  return reply.code(error.status).send({ error: error.code, error_description: wireDescription(error) })
}
