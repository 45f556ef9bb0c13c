import type { GrantEvents } from '../../oauth/events/grant.ts'
import { type EventOf, streamOf } from '../../oauth/events.ts'
import type { Grant } from '../../oauth/grant.ts'
import { clientOf, firstOfItsStream, type Laws, sessionOf, userOf } from './law.ts'

const isSubset = (part: readonly string[], whole: readonly string[]) =>
  part.every((item) => whole.includes(item))

const isAfterCode = ({ grantType }: EventOf<'token.issued'>): boolean =>
  grantType === 'authorization_code' || grantType === 'device_code'

function issuing(state: Grant | undefined, event: EventOf<'token.issued'>): string | undefined {
  if (!state) return isAfterCode(event) ? 'a token was issued without a code' : undefined
  if (state.ended) return 'a token was issued on a grant that had ended'
  if (state.device && state.device.status !== 'approved')
    return 'a token was issued to a device that nobody had approved'
  if (!state.device && !state.code?.redeemed) return 'a token was issued before its code was redeemed'
  if (state.access) return 'a second token was issued for one redemption'
  if (
    event.clientId !== state.clientId ||
    event.clientVersion !== state.clientVersion ||
    event.subject !== state.subject
  )
    return 'the token was issued to another client or user than the code'
  return isSubset(event.scopes, state.scopes) ? undefined : 'the token has scopes that nobody gave'
}

function decidingDevice(state: Grant | undefined): string | undefined {
  if (!state?.device) return 'there was no device code to decide upon'
  if (state.ended) return 'a device code was decided upon after its grant had ended'
  return state.device.status === 'pending' ? undefined : 'the device code was decided upon before'
}

function refreshing(state: Grant | undefined, event: EventOf<'token.refreshed'>): string | undefined {
  if (!state?.refresh) return 'there was no refresh token to rotate'
  if (state.ended) return 'a refresh token was rotated on a grant that had ended'
  if (event.refreshTokenHash === state.refresh.hash || event.refreshTokenHash === state.rotated?.fromHash)
    return 'the rotation brought back a refresh token that was used before'
  return isSubset(event.scopes, state.scopes) ? undefined : 'the token has scopes that nobody gave'
}

export const grantLaws: Laws<GrantEvents> = {
  'code.issued': {
    kind: 'grant',
    broken: firstOfItsStream,
    references: (event) => [clientOf(event), userOf(event.subject), sessionOf(event.session)],
  },
  'code.redeemed': {
    kind: 'grant',
    broken: (state) => {
      if (!state?.code) return 'there was no code to redeem'
      if (state.ended) return 'a code was redeemed on a grant that had ended'
      return state.code.redeemed ? 'the code was redeemed before' : undefined
    },
  },
  'token.issued': {
    kind: 'grant',
    broken: issuing,
    // After a code they are the code's own, and were looked at there.
    references: (event) =>
      isAfterCode(event)
        ? []
        : [
            clientOf(event),
            ...(event.subject === null ? [] : [userOf(event.subject)]),
            ...(event.session === undefined ? [] : [sessionOf(event.session)]),
            ...(event.parent === undefined ? [] : [{ stream: streamOf.grant(event.parent), version: 0 }]),
          ],
  },
  'device_code.issued': {
    kind: 'grant',
    broken: firstOfItsStream,
    references: (event) => [clientOf(event)],
  },
  'device_code.approved': {
    kind: 'grant',
    broken: (state, { scopes }) =>
      decidingDevice(state) ??
      (isSubset(scopes, state!.scopes) ? undefined : 'the device was given scopes that it did not ask for'),
    references: ({ subject, session }) => [userOf(subject), sessionOf(session)],
  },
  'device_code.denied': { kind: 'grant', broken: decidingDevice },
  'rotation.ordered': {
    kind: 'grant',
    broken: (state, { refreshTokenHash }) =>
      !state || state.ended || state.refresh?.hash !== refreshTokenHash
        ? 'the refresh token that was to be rotated was not the live one'
        : undefined,
  },
  'token.refreshed': { kind: 'grant', broken: refreshing },
  'grant.revoked': {
    kind: 'grant',
    broken: (state, { reason }) => {
      if (!state) return 'there was no grant to revoke'
      // The administrator may put his signature to what had ended by itself.
      return state.ended && reason !== 'administrator' ? 'the grant had ended before' : undefined
    },
  },
  'request.pushed': {
    kind: 'par',
    broken: firstOfItsStream,
    references: (event) => [clientOf(event)],
  },
  'request.used': {
    kind: 'par',
    broken: (state) => {
      if (!state) return 'there was no pushed request to use'
      return state.used ? 'the pushed request was used before' : undefined
    },
  },
}
