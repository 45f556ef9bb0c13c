/** `token refresh` of the administrator: in the place of the client that holds the refresh token. */
import { streamOf } from '../oauth/events.ts'
import type { TokenAnswer } from '../oauth/grants/token-answer.ts'
import { hashToken } from '../oauth/token-format.ts'
import { type Administrator, signEvent } from './administration.ts'
import { ControlError } from './connection.ts'

/** @throws ControlError not_found for a token that is not the live refresh token of its grant */
export async function refreshToken(administrator: Administrator, token: string): Promise<TokenAnswer> {
  const { operations } = administrator.connection
  const view = await operations.token({ token })
  if (view?.kind !== 'refresh' || !view.active || !view.stream.startsWith(streamOf.grant('')))
    throw new ControlError('not_found', 'The token not found.')
  const refreshTokenHash = hashToken(token)
  const request = await signEvent(administrator, view.stream, (signedAtSeconds) => ({
    type: 'rotation.ordered',
    refreshTokenHash,
    signedAtSeconds,
    signature: '',
  }))
  return operations.rotate({ ...request, refreshToken: token })
}
