/**
 * A pushed authorization request (RFC 9126): the fold of its stream. Its parameters may name a person (`login_hint`)
 * and belong to no user who could be erased, so they are stored sealed with a key that only the request URI gives:
 * once the client has forgotten that, nobody reads them.
 */
import { createCipheriv, createDecipheriv, hash } from 'node:crypto'
import type { Client } from './client.ts'
import { OAuthError } from './errors.ts'
import type { Recorded } from './events.ts'

export interface PushedRequest {
  clientId: string
  clientVersion: number
  expiresAtSeconds: number
  /** Sealed; missing once the request was used. */
  parameters?: string
  used: boolean
}

export function evolvePushedRequest(
  state: PushedRequest | undefined,
  { event }: Recorded,
): PushedRequest | undefined {
  switch (event.type) {
    case 'request.pushed': {
      const { clientId, clientVersion, expiresAtSeconds, side } = event
      const { parameters } = side
      const open = { clientId, clientVersion, expiresAtSeconds, used: false }
      return parameters === undefined ? open : { ...open, parameters }
    }
    case 'request.used': {
      if (!state) return undefined
      const { clientId, clientVersion, expiresAtSeconds } = state
      return { clientId, clientVersion, expiresAtSeconds, used: true }
    }
    default:
      return state
  }
}

type Parameters = Readonly<Record<string, string | undefined>>

const algorithm = 'aes-256-gcm'
const keyOf = (requestUri: string) => hash('sha256', `pushed request ${requestUri}`, 'buffer')
/** A key seals once, so its nonce need not differ. */
const nonce = Buffer.alloc(12)
const tagBytes = 16

export function sealParameters(requestUri: string, parameters: Parameters): string {
  const cipher = createCipheriv(algorithm, keyOf(requestUri), nonce)
  const sealed = [cipher.update(JSON.stringify(parameters), 'utf8'), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(sealed).toString('base64url')
}

/** The parameters again; undefined where the text was not sealed for this request URI. */
export function openParameters(requestUri: string, sealed: string): Record<string, string> | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < tagBytes) return undefined
  const decipher = createDecipheriv(algorithm, keyOf(requestUri), nonce)
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  try {
    const opened = Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()])
    return Object.assign(Object.create(null), JSON.parse(opened.toString()))
  } catch {
    return undefined
  }
}

const invalid = (why: string) => new OAuthError('invalid_request_uri', `the pushed request ${why}`)

/**
 * The parameters that were pushed. "The authorization server MUST ... reject request_uri values that have expired"
 * and those of other clients (RFC 9126 sections 4 and 7.3). What counts is when the request was first shown here:
 * the resource owner may take their time over the login.
 *
 * @throws OAuthError invalid_request_uri, invalid_request
 */
export function pushedParameters(
  state: PushedRequest | undefined,
  requestUri: string,
  client: Client | undefined,
  shownAtSeconds: number,
): Record<string, string> {
  if (!state) throw invalid('is not known')
  const isOwn =
    client?.clientId === state.clientId &&
    client.registeredAtVersion === state.clientVersion &&
    !client.removed
  if (!isOwn) throw invalid('is that of another client')
  if (state.used) throw invalid('was used before')
  if (shownAtSeconds >= state.expiresAtSeconds) throw invalid('has expired')
  const parameters = state.parameters === undefined ? undefined : openParameters(requestUri, state.parameters)
  if (!parameters) throw invalid('cannot be read any more')
  return parameters
}
