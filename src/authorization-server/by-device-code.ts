/** Device authorization grant: what the device polls (RFC 8628 section 3.4). */
import QuickLRU from 'quick-lru'
import { OAuthError } from '../oauth/errors.ts'
import { redeemDeviceCode } from '../oauth/grants/device-code.ts'
import { parseResources } from '../oauth/resource.ts'
import { hashToken, isToken } from '../oauth/token-format.ts'
import { decideAndAppend } from './decide-and-append.ts'
import { deviceIntervalSeconds } from './device.ts'
import { lifetimesOf } from './lifetimes.ts'
import { ownerOf } from './owner.ts'
import { presentTokens } from './present-tokens.ts'
import type { TokenUseCase } from './token.ts'

const keptCodes = 10_000
/** Section 3.5, slow_down: "the interval MUST be increased by 5 seconds for this and all subsequent requests". */
const slowDownMs = 5000
/** A timer of the device may run a little early. */
const toleranceMs = 500

/** When each device may ask again. In memory only: after a restart nobody is too early. */
export class DevicePolling {
  readonly #next = new QuickLRU<string, { atMs: number; intervalMs: number }>({ maxSize: keptCodes })

  /** Takes a poll into account. @returns whether it came too soon */
  isTooSoon(deviceCodeHash: string, nowMs: number): boolean {
    const known = this.#next.get(deviceCodeHash)
    const isTooSoon = known !== undefined && nowMs < known.atMs - toleranceMs
    const intervalMs = (known?.intervalMs ?? deviceIntervalSeconds * 1000) + (isTooSoon ? slowDownMs : 0)
    this.#next.set(deviceCodeHash, { atMs: nowMs + intervalMs, intervalMs })
    return isTooSoon
  }
}

export const byDeviceCode: TokenUseCase = async (context, { client, form, jkt }) => {
  const { device_code: deviceCode } = form
  if (deviceCode === undefined) throw new OAuthError('invalid_request', 'device_code is missing')
  const deviceCodeHash = hashToken(deviceCode)
  const stream = isToken('device', deviceCode) ? context.models.streamOf(deviceCodeHash) : undefined
  if (stream === undefined) throw new OAuthError('invalid_grant', 'the device code is not known')
  const request = { deviceCodeHash, resources: parseResources(form.resource), jkt }
  const tokens = context.secrets.createTokens(client)
  const lifetimes = lifetimesOf(client, context.settings)
  const isTooSoon = context.devicePolling.isTooSoon(deviceCodeHash, context.now())
  const issued = await decideAndAppend(context, 'grant', stream, (grant, nowMs) =>
    redeemDeviceCode(grant, request, client, ownerOf(context, grant), tokens, lifetimes, isTooSoon, nowMs),
  )
  return presentTokens(context, client, issued)
}
