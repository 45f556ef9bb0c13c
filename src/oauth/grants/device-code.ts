/** Device authorization grant: RFC 8628. The user code is typed, or seen, in a browser of the resource owner. */
import { type Client, mayUse } from '../client.ts'
import { type Decision, refuse } from '../errors.ts'
import type { Event } from '../events.ts'
import { type Authentication, type Grant, isOwnerGone, ownerFacts } from '../grant.ts'
import { resourcesWithin } from '../resource.ts'
import type { User } from '../user.ts'
import { refuseCode } from './code-once.ts'
import { issueTokens } from './issue-tokens.ts'
import type { FreshTokens, IssuedTokens, TokenLifetimes } from './token-answer.ts'

/** Section 6.1: twenty letters that are no vowels and not easily mistaken; eight of them are 34 bits. */
export const userCodeLetters = 'BCDFGHJKLMNPQRSTVWXZ'
export const userCodeLength = 8

/** What people may type: any case, with whatever stands between the letters (section 6.1). Undefined for no code. */
export function normaliseUserCode(text: string): string | undefined {
  const code = text.toUpperCase().replace(/[\s\p{P}]/gu, '')
  return code.length === userCodeLength && [...code].every((letter) => userCodeLetters.includes(letter))
    ? code
    : undefined
}

/** As it is shown: in two halves. */
export const showUserCode = (code: string): string =>
  `${code.slice(0, userCodeLength / 2)}-${code.slice(userCodeLength / 2)}`

export interface DeviceApproval {
  subject: string
  session: string
  scopes: string[]
  authentication: Authentication
}

/** Whether the resource owner may still decide; a code is decided on once. */
export const isDeviceCodeOpen = (grant: Grant, nowMs: number): boolean =>
  grant.device?.status === 'pending' && grant.ended === null && nowMs < grant.device.expiresAtSeconds * 1000

/** The resource owner's answer; without one they denied (section 3.3). */
export function decideDeviceCode(
  grant: Grant | undefined,
  approval: DeviceApproval | undefined,
  nowMs: number,
): Decision<void, Event> {
  if (!grant || !isDeviceCodeOpen(grant, nowMs)) return refuse('expired_token', 'the code has expired')
  if (!approval) return { events: [{ type: 'device_code.denied' }], answer: undefined }
  const { subject, session, scopes, authentication } = approval
  const { atSeconds, acr, amr } = authentication
  return {
    events: [
      {
        type: 'device_code.approved',
        subject,
        session,
        scopes,
        authenticatedAtSeconds: atSeconds,
        ...(acr !== undefined && { acr }),
        ...(amr !== undefined && { amr }),
      },
    ],
    answer: undefined,
  }
}

export interface RedeemDeviceRequest {
  deviceCodeHash: string
  resources: readonly string[] | undefined
  jkt: string | undefined
}

/**
 * One poll of the device (section 3.4).
 *
 * @param isTooSoon whether the device asks more often than it was told
 * @throws OAuthError invalid_target
 */
export function redeemDeviceCode(
  grant: Grant | undefined,
  request: RedeemDeviceRequest,
  client: Client,
  owner: User | undefined,
  tokens: FreshTokens,
  lifetimes: TokenLifetimes,
  isTooSoon: boolean,
  nowMs: number,
): Decision<IssuedTokens, Event> {
  const device = grant?.device
  if (!grant || !device || device.hash !== request.deviceCodeHash)
    return refuse('invalid_grant', 'the device code is not known')
  const refused = refuseCode(grant, client, 'device code', grant.access !== null)
  if (refused) return refused
  if (nowMs >= device.expiresAtSeconds * 1000) return refuse('expired_token', 'the device code has expired')
  if (device.status === 'denied') return refuse('access_denied', 'the resource owner denied the request')
  if (isTooSoon)
    return refuse('slow_down', 'the device asks too often: five seconds more between two requests')
  if (device.status === 'pending')
    return refuse('authorization_pending', 'the resource owner has not decided yet')
  if (isOwnerGone(grant, owner)) return refuse('invalid_grant', 'the resource owner is no longer known')
  const { event, answer } = issueTokens(
    {
      grantType: 'device_code',
      client,
      scopes: grant.scopes,
      access: tokens.access,
      refresh: mayUse(client, 'refresh_token') ? tokens.refresh : undefined,
      lifetimes,
      nowMs,
      ...ownerFacts(grant),
      resources: resourcesWithin(request.resources, device.resources, client),
      jkt: request.jkt,
    },
    true,
  )
  return { events: [event], answer }
}
