/**
 * `POST /ledger/receipts`: the receipt of a token for its own client. The token comes in the body, never in an
 * address, which would stand in logs; it need not be live.
 */
import type { FastifyInstance } from 'fastify'
import type { AuthorizationContext } from '../../authorization-server/context.ts'
import type { Client } from '../../oauth/client.ts'
import { OAuthError } from '../../oauth/errors.ts'
import { authenticateCaller, requiredToken } from '../authenticate-caller.ts'
import { parameters } from '../parameters.ts'

export interface ReceiptSource {
  /**
   * The receipt as JSON text; `unknown` for a token of another client just as for none at all.
   *
   * @throws LedgerError damaged or unavailable
   */
  receiptOf(token: string, client: Client): Promise<{ receipt: string } | 'unknown' | 'not_anchored'>
}

/** Blocks of public chains take minutes: asking more often than this helps nobody. */
const askAgainAfterSeconds = 30

export function receiptsRoute(
  app: FastifyInstance,
  context: AuthorizationContext,
  receipts: ReceiptSource,
): void {
  app.post('/ledger/receipts', async (request, reply) => {
    const form = parameters(request.body)
    const client = await authenticateCaller(context, request, form)
    const answer = await receipts.receiptOf(requiredToken(form), client)
    if (answer === 'unknown')
      throw new OAuthError('invalid_request', 'no token of this client is known by that value', 404)
    if (answer === 'not_anchored') {
      reply.header('retry-after', String(askAgainAfterSeconds))
      throw new OAuthError('temporarily_unavailable', 'the token is not yet anchored', 409)
    }
    return reply.type('application/json; charset=utf-8').send(answer.receipt)
  })
}
