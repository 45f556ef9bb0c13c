/** What speaks against redeeming a code, of whichever grant: RFC 6749 sections 4.1.2 and 4.1.3, RFC 8628 section 3.4. */
import type { Client } from '../client.ts'
import { type Decision, refuse } from '../errors.ts'
import type { Event } from '../events.ts'
import { type Grant, revocation } from '../grant.ts'

type Refusal = Extract<Decision<never, Event>, { answer?: undefined }>

/**
 * "If an authorization code is used more than once, the authorization server MUST deny the request and
 * SHOULD revoke (when possible) all tokens previously issued based on that authorization code" (section 4.1.2).
 *
 * @param name of the code, for the client's developer
 * @returns undefined where the code is this client's and was not used yet
 */
export function refuseCode(grant: Grant, client: Client, name: string, isUsed: boolean): Refusal | undefined {
  if (grant.clientId !== client.clientId || grant.clientVersion !== client.registeredAtVersion)
    return refuse('invalid_grant', `the ${name} was issued to another client`)
  if (isUsed) {
    const { refusal } = refuse('invalid_grant', `the ${name} was used before; what it gave is revoked`)
    return { events: grant.ended ? [] : [revocation('code_reuse')], refusal }
  }
  return grant.ended ? refuse('invalid_grant', `the ${name} was revoked`) : undefined
}
