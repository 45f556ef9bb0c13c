/** Client credentials grant (RFC 6749 section 4.4): each token is a grant of its own. */
import { streamOf } from '../oauth/events.ts'
import { issueToClient } from '../oauth/grants/client-credentials.ts'
import { lifetimesOf } from './lifetimes.ts'
import type { TokenUseCase } from './token.ts'

export const issue: TokenUseCase = async ({ ledger, secrets, settings, now }, client, form) => {
  const nowMs = now()
  const tokens = { access: secrets.create('access') }
  const { events, answer } = issueToClient(client, form.scope, tokens, lifetimesOf(client, settings), nowMs)
  // The stream is new and its name random: there is no state to load and no race to lose.
  await ledger.append(streamOf.grant(secrets.identifier()), 0, events, nowMs)
  return answer
}
