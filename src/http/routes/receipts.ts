/**
 * Receipts over HTTP. `POST /ledger/receipts`: of a token, for its own client; the token comes in the body, never in
 * an address, which would stand in logs; it need not be live. `GET /ledger/receipts/<hash>`: the same by the token's
 * hash, of a JWT that of its `jti`, which is no secret; `GET /ledger/receipts/<position>`: of any event. The
 * administrator may ask for both, with a signed request.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import { presentedHash } from '../../authorization-server/presented-token.ts'
import type { Client } from '../../oauth/client.ts'
import { OAuthError } from '../../oauth/errors.ts'
import { isJwtText } from '../../oauth/jwt.ts'
import { hashToken } from '../../oauth/token-format.ts'
import { AdministratorRequests } from '../administrator-requests.ts'
import { authenticateCaller, requiredToken } from '../authenticate-caller.ts'
import { parameters } from '../parameters.ts'

/** A token, by SHA-256 of its text in base64url, or any event. */
export type ReceiptReference = { hash: string } | { position: number }
/** A client gets receipts of its own tokens only. */
export type ReceiptReader = Client | 'administrator'

export interface ReceiptSource {
  /**
   * The receipt as JSON text; `unknown` for what is not the reader's just as for what is not there.
   *
   * @throws LedgerError damaged or unavailable
   */
  receiptOf(
    reference: ReceiptReference,
    reader: ReceiptReader,
  ): Promise<{ receipt: string } | 'unknown' | 'not_anchored' | 'dropped'>
}

/** Blocks of public chains take minutes: asking more often than this helps nobody. */
const askAgainAfterSeconds = 30

export function receiptsRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  receipts: ReceiptSource,
): void {
  const administrator = new AdministratorRequests(context)
  const answer = async (reply: FastifyReply, reference: ReceiptReference, reader: ReceiptReader) => {
    const found = await receipts.receiptOf(reference, reader)
    const what = 'hash' in reference ? 'token' : 'event'
    if (found === 'unknown') throw unknown(what, reader)
    if (found === 'dropped')
      throw new OAuthError('invalid_request', `the ${what} was dropped by the retention policy`, 410)
    if (found === 'not_anchored') {
      reply.header('retry-after', String(askAgainAfterSeconds))
      throw new OAuthError('temporarily_unavailable', `the ${what} is not yet anchored`, 409)
    }
    return reply.type('application/json; charset=utf-8').send(found.receipt)
  }
  app.post('/ledger/receipts', async (request, reply) => {
    const form = parameters(request.body)
    const client = await authenticateCaller(context, request, form)
    const token = requiredToken(form)
    const hash = isJwtText(token) ? await presentedHash(context, token) : hashToken(token)
    if (hash === undefined) throw unknown('token', client)
    return answer(reply, { hash }, client)
  })
  app.get<{ Params: { reference: string } }>('/ledger/receipts/:reference', async (request, reply) => {
    const reader = administrator.admits(request)
      ? 'administrator'
      : await authenticateCaller(context, request, {})
    return answer(reply, referenceOf(request.params.reference), reader)
  })
}

const unknown = (what: string, reader: ReceiptReader): OAuthError =>
  new OAuthError(
    'invalid_request',
    reader === 'administrator'
      ? `there is no such ${what}`
      : 'no token of this client is known by that value',
    404,
  )

/** @throws OAuthError invalid_request */
function referenceOf(text: string): ReceiptReference {
  if (/^[\w-]{43}$/.test(text)) return { hash: text }
  const position = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(position)) return { position }
  throw new OAuthError(
    'invalid_request',
    'a position, or the SHA-256 of a token in base64url, is expected',
    404,
  )
}
