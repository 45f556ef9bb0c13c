/** Device authorization (RFC 8628): the device's request, and the resource owner's answer in a browser. */
import { LedgerError } from '../ledger/errors.ts'
import { type Client, mayUse } from '../oauth/client.ts'
import { OAuthError } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import type { Grant } from '../oauth/grant.ts'
import {
  decideDeviceCode,
  isDeviceCodeOpen,
  normaliseUserCode,
  showUserCode,
} from '../oauth/grants/device-code.ts'
import { requestedResources } from '../oauth/resource.ts'
import { narrowScopes } from '../oauth/scope.ts'
import { tokenRowKey } from '../projections/rows.ts'
import { findClient } from './authenticate-client.ts'
import type { AuthorizationContext } from './context.ts'
import { decideAndAppend } from './decide-and-append.ts'
import type { LiveSession } from './session.ts'

export const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code'
/** Section 3.2: "If no value is provided, clients MUST use 5 as the default". */
export const deviceIntervalSeconds = 5
/** Section 6.1 counts with a code that lives for 30 minutes; time to find a browser and type is less. */
const deviceSeconds = 600
const mostAttempts = 5

/** Section 3.2. */
export interface DeviceAnswer {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
  interval: number
}

/**
 * Begins a grant (section 3.1).
 *
 * @throws OAuthError unauthorized_client, invalid_scope or invalid_target
 */
export async function authorizeDevice(
  { ledger, secrets, settings, now }: AuthorizationContext,
  client: Client,
  form: Readonly<Record<string, string | undefined>>,
): Promise<DeviceAnswer> {
  if (!mayUse(client, deviceGrantType))
    throw new OAuthError('unauthorized_client', 'the client may not use the device grant')
  const scopes = narrowScopes(form.scope, client.metadata.scopes)
  const resources = requestedResources(form.resource, client)
  const device = secrets.create('device')
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const userCode = secrets.userCode()
    const userCodeHash = secrets.hashUserCode(userCode)
    const nowMs = now()
    try {
      await ledger.append(
        streamOf.grant(secrets.identifier()),
        0,
        [
          {
            type: 'device_code.issued',
            deviceCodeHash: device.hash,
            userCodeHash,
            clientId: client.clientId,
            clientVersion: client.registeredAtVersion,
            scopes,
            expiresAtSeconds: Math.floor(nowMs / 1000) + deviceSeconds,
            ...(resources && { resources }),
          },
        ],
        nowMs,
        // Two devices with one user code: the resource owner would let in the wrong one.
        { absentRows: [tokenRowKey(userCodeHash)] },
      )
    } catch (error) {
      if (error instanceof LedgerError && error.code === 'exists') continue
      throw error
    }
    const verificationUri = `${settings.issuer}/device`
    const shown = showUserCode(userCode)
    return {
      device_code: device.token,
      user_code: shown,
      verification_uri: verificationUri,
      verification_uri_complete: `${verificationUri}?${new URLSearchParams({ user_code: shown })}`,
      expires_in: deviceSeconds,
      interval: deviceIntervalSeconds,
    }
  }
  throw new LedgerError('unavailable', 'no user code is free')
}

/** What a user code asks for. */
export interface DeviceQuestion {
  stream: string
  grant: Grant
  client: Client
}

/**
 * The open request of a user code; undefined for a wrong or expired one. Guesses are limited (section 5.1).
 *
 * @throws OAuthError with status 429 during a pause
 */
export async function findDevice(
  context: AuthorizationContext,
  typed: string,
  live: LiveSession,
  address: string,
): Promise<DeviceQuestion | undefined> {
  const { limits, models, secrets, now } = context
  return limits.attempt({ kind: 'device', name: live.user.subject, address }, () => {
    const code = normaliseUserCode(typed)
    const stream = code === undefined ? undefined : models.streamOf(secrets.hashUserCode(code))
    const grant = stream === undefined ? undefined : models.load('grant', stream).state
    const client = grant && findClient(context, grant.clientId)
    if (stream === undefined || !grant || !client || !isDeviceCodeOpen(grant, now())) return undefined
    return client.registeredAtVersion === grant.clientVersion ? { stream, grant, client } : undefined
  })
}

/**
 * Takes the resource owner's answer; without scopes they denied.
 *
 * @returns whether they approved
 * @throws OAuthError expired_token where the code is no longer open
 */
export async function decideDevice(
  context: AuthorizationContext,
  { stream, grant }: DeviceQuestion,
  { session, user }: LiveSession,
  approved: readonly string[] | undefined,
): Promise<boolean> {
  const scopes = approved && grant.scopes.filter((scope) => approved.includes(scope))
  const isApproved = scopes !== undefined && (scopes.length > 0 || grant.scopes.length === 0)
  const { acr, amr, startedAtSeconds } = session
  const approval = isApproved
    ? {
        subject: user.subject,
        session: session.id,
        scopes,
        authentication: {
          atSeconds: startedAtSeconds,
          ...(acr !== undefined && { acr }),
          ...(amr !== undefined && { amr }),
        },
      }
    : undefined
  await decideAndAppend(context, 'grant', stream, (state, nowMs) => decideDeviceCode(state, approval, nowMs))
  return isApproved
}
