/** Issued tokens in the form in which they leave the server. */
import type { Client } from '../oauth/client.ts'
import { type IssuedTokens, type TokenAnswer, tokenAnswer } from '../oauth/grants/token-answer.ts'
import type { AuthorizationContext } from './context.ts'

export function presentTokens(
  _context: AuthorizationContext,
  _client: Client,
  issued: IssuedTokens,
): TokenAnswer | Promise<TokenAnswer> {
  return tokenAnswer(issued)
}
