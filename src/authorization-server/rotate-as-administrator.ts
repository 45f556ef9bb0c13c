/**
 * `token refresh` of the administrator: a refresh token is rotated in the client's place. The order, signed for this
 * version of the grant, and the rotation stand in one batch, so that the log tells who asked.
 */
import { LedgerError } from '../ledger/errors.ts'
import { rotateRefreshToken } from '../oauth/grants/refresh-token.ts'
import type { TokenAnswer } from '../oauth/grants/token-answer.ts'
import { hashToken } from '../oauth/token-format.ts'
import { AdministrationError, type AdministrationRequest, checkAdministration } from './administer.ts'
import { findClient } from './authenticate-client.ts'
import type { AuthorizationContext } from './context.ts'
import { lifetimesOf } from './lifetimes.ts'
import { ownerOf } from './owner.ts'
import { presentTokens } from './present-tokens.ts'

export interface OrderedRotation extends AdministrationRequest {
  refreshToken: string
}

/**
 * @throws AdministrationError
 * @throws LedgerError unavailable
 */
export async function rotateAsAdministrator(
  context: AuthorizationContext,
  request: OrderedRotation,
): Promise<TokenAnswer> {
  const { event } = checkAdministration(context, request)
  const { stream, version, refreshToken } = request
  const refreshTokenHash = hashToken(refreshToken)
  if (event.type !== 'rotation.ordered' || event.refreshTokenHash !== refreshTokenHash)
    throw new AdministrationError('malformed', 'the order is not for this refresh token')
  const { ledger, models, secrets, settings, now } = context
  const present = models.load('grant', stream)
  const grant = present.state
  const client = grant && findClient(context, grant.clientId)
  if (!grant || !client) throw new AdministrationError('not_found', 'The token not found.')
  if (present.version !== version)
    throw new AdministrationError(
      'stale',
      `signed for version ${version}, but the stream is at ${present.version}`,
    )
  const nowMs = now()
  const decision = rotateRefreshToken(
    grant,
    { refreshTokenHash, scope: undefined },
    client,
    ownerOf(context, grant),
    secrets.successorsOf(refreshToken, client),
    lifetimesOf(client, settings),
    settings.refreshGraceMs,
    nowMs,
  )
  // Only the live token: what a replaced one would bring about is between the client and whoever stole it.
  if (decision.refusal || decision.events.length === 0 || grant.refresh?.hash !== refreshTokenHash)
    throw new AdministrationError('not_found', 'The token not found.')
  try {
    await ledger.append(stream, version, [event, ...decision.events], nowMs)
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'conflict')
      throw new AdministrationError('stale', 'the stream has just moved on')
    throw error
  }
  return presentTokens(context, client, decision.answer)
}
