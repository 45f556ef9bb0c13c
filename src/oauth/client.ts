/** A client (RFC 6749 section 2): the fold of its stream. */
import type { ClientMetadata } from './client-metadata.ts'
import type { Recorded } from './events.ts'

export interface Client {
  clientId: string
  /** Version in its stream at which it was registered: a client registered anew is another one. */
  registeredAtVersion: number
  metadata: ClientMetadata
  /** argon2id; missing for public clients and where the side record was erased. */
  secretHash?: string
  removed: boolean
}

export function evolveClient(state: Client | undefined, { event, version }: Recorded): Client | undefined {
  switch (event.type) {
    case 'client.registered':
      return {
        clientId: event.clientId,
        registeredAtVersion: version,
        metadata: event.metadata,
        ...(event.side.secretHash !== undefined && { secretHash: event.side.secretHash }),
        removed: false,
      }
    case 'client.removed':
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

/** A client with a secret must prove itself; a public one cannot (RFC 6749 section 2.1). */
export const isPublic = (client: Client): boolean => client.metadata.authenticationMethod === 'none'

export const mayUse = (client: Client, grantType: string): boolean =>
  client.metadata.grantTypes.includes(grantType)
