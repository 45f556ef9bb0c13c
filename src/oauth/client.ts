/** A client (RFC 6749 section 2): the fold of its stream. */
import type { ClientMetadata } from './client-metadata.ts'
import type { Recorded } from './events.ts'

export interface Client {
  clientId: string
  /** Version in its stream at which it was registered: a client registered anew is another one. */
  registeredAtVersion: number
  metadata: ClientMetadata
  /** argon2id; missing for clients without a secret and where the side record was erased. */
  secretHash?: string
  removed: boolean
  /** The secret before the last rotation, while it counts. */
  former?: { secretHash: string; untilSeconds: number }
  /** Of a client that registered itself. */
  enrolment?: Enrolment
}

/** How a client that registered itself may go on (RFC 7592). */
export interface Enrolment {
  invitation: string
  atSeconds: number
  /** SHA-256 of its registration access token, and of the one before, which counts for retries until then. */
  tokenHash: string
  formerTokenHash?: string
  formerTokenUntilSeconds?: number
}

/** How long a replaced registration access token gets the present one again: a retry after a lost answer. */
export const registrationGraceSeconds = 60

export function evolveClient(state: Client | undefined, recorded: Recorded): Client | undefined {
  const { event, version, timeMs } = recorded
  const atSeconds = Math.floor(timeMs / 1000)
  switch (event.type) {
    case 'client.registered':
    case 'client.enrolled': {
      const { clientId, metadata, side } = event
      const client = { clientId, registeredAtVersion: version, metadata, ...secretOf(side), removed: false }
      if (event.type === 'client.registered') return client
      const { invitation, registrationTokenHash: tokenHash } = event
      return { ...client, enrolment: { invitation, atSeconds, tokenHash } }
    }
    case 'client.updated':
      return state && withSecrets({ ...state, metadata: event.metadata }, secretsOf(state))
    case 'client.secret_rotated':
      return state && withSecrets(state, rotated(state, event.side, event.formerUntilSeconds))
    case 'client.amended': {
      if (!state?.enrolment) return state
      const { metadata, registrationTokenHash: tokenHash, formerUntilSeconds: until, side } = event
      const enrolment = {
        ...state.enrolment,
        tokenHash,
        formerTokenHash: state.enrolment.tokenHash,
        formerTokenUntilSeconds: atSeconds + registrationGraceSeconds,
      }
      const secrets = until === null ? secretsOf(state) : rotated(state, side, until)
      return withSecrets({ ...state, metadata, enrolment }, secrets)
    }
    case 'client.removed':
    case 'client.deregistered':
      if (!state) return undefined
      // Nothing of a removed client is needed but that it was there.
      return {
        clientId: state.clientId,
        registeredAtVersion: state.registeredAtVersion,
        metadata: state.metadata,
        removed: true,
      }
    default:
      return state
  }
}

type Secrets = Pick<Client, 'secretHash' | 'former'>

const secretOf = ({ secretHash }: { secretHash?: string }): Secrets =>
  secretHash === undefined ? {} : { secretHash }
const secretsOf = ({ secretHash, former }: Client): Secrets => ({
  ...(secretHash !== undefined && { secretHash }),
  ...(former && { former }),
})

const rotated = (state: Client, side: { secretHash?: string }, untilSeconds: number): Secrets => ({
  ...secretOf(side),
  ...(state.secretHash !== undefined && { former: { secretHash: state.secretHash, untilSeconds } }),
})

/** A client that proves itself in another way has no secret, and gets none back when it changes again. */
function withSecrets({ secretHash: _, former: __, ...client }: Client, secrets: Secrets): Client {
  return usesSecret(client.metadata) ? { ...client, ...secrets } : client
}

export const usesSecret = ({ authenticationMethod }: ClientMetadata): boolean =>
  authenticationMethod === 'client_secret_basic' || authenticationMethod === 'client_secret_post'

/** The hashes of the secrets that count now: the present one, and for a while the one before. */
export const secretHashesAt = ({ secretHash, former }: Client, nowSeconds: number): string[] =>
  [secretHash, former && nowSeconds < former.untilSeconds ? former.secretHash : undefined].filter(
    (it) => it !== undefined,
  )

/** A client with a secret must prove itself; a public one cannot (RFC 6749 section 2.1). */
export const isPublic = (client: Client): boolean => client.metadata.authenticationMethod === 'none'

export const mayUse = (client: Client, grantType: string): boolean =>
  client.metadata.grantTypes.includes(grantType)
