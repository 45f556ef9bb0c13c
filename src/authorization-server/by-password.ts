/** Resource owner password credentials grant (RFC 6749 section 4.3). */
import { passwordAuthentication } from '../oauth/authentication-context.ts'
import { OAuthError } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import { issueForPassword } from '../oauth/grants/password.ts'
import { requestedResources } from '../oauth/resource.ts'
import { lifetimesOf } from './lifetimes.ts'
import { presentTokens } from './present-tokens.ts'
import { authenticateUser } from './session.ts'
import type { TokenUseCase } from './token.ts'

export const byPassword: TokenUseCase = async (context, { client, form, jkt, address }) => {
  const { username, password, scope } = form
  if (username === undefined || password === undefined)
    throw new OAuthError('invalid_request', 'username and password are required')
  const resources = requestedResources(form.resource, client)
  const user = await authenticateUser(context, username, password, address)
  if (!user) throw new OAuthError('invalid_grant', 'the username or the password is not right')
  const { ledger, secrets, settings, now } = context
  const nowMs = now()
  const { events, answer } = issueForPassword(
    client,
    user,
    { scope, resources, jkt },
    { atSeconds: Math.floor(nowMs / 1000), ...passwordAuthentication },
    secrets.createTokens(client),
    lifetimesOf(client, settings),
    nowMs,
  )
  await ledger.append(streamOf.grant(secrets.identifier()), 0, events, nowMs)
  return presentTokens(context, client, answer)
}
