/** Client credentials grant (RFC 6749 section 4.4): each token is a grant of its own. */
import { streamOf } from '../oauth/events.ts'
import { issueToClient } from '../oauth/grants/client-credentials.ts'
import { requestedResources } from '../oauth/resource.ts'
import { lifetimesOf } from './lifetimes.ts'
import { presentTokens } from './present-tokens.ts'
import type { TokenUseCase } from './token.ts'

const newStream = { isNewStream: true }

export const issue: TokenUseCase = async (context, { client, form, jkt }) => {
  const { ledger, secrets, settings, now } = context
  const nowMs = now()
  const tokens = { access: secrets.createAccess(client) }
  const resources = requestedResources(form.resource, client)
  const request = { scope: form.scope, ...(resources && { resources }), ...(jkt !== undefined && { jkt }) }
  const { events, answer } = issueToClient(client, request, tokens, lifetimesOf(client, settings), nowMs)
  // The stream is new and its name random: there is no state to load and no race to lose.
  await ledger.append(streamOf.grant(secrets.identifier()), 0, events, nowMs, newStream)
  return presentTokens(context, client, answer)
}
