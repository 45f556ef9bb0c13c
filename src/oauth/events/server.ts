/** The server and the keys that sign tokens. */
import type { SigningAlgorithm } from '../client-metadata.ts'
import type { PublicJwk, ReplacementReason } from '../signing-key.ts'
import type { EventLayouts } from './layout.ts'

export interface ServerEvents {
  /** The server's keys and log name, bound to each other: first event of a ledger, and again when one changes. */
  'server.opened': {
    origin: string
    administratorAddress: string
    serverAddress: string
    /** Ed25519 public key that signs checkpoints, 32 bytes, base64url. */
    checkpointKey: string
    /** Bitcoin Signed Message of `serverAddress` over the fields above. */
    signature: string
  }
  /** A key of this server's that will sign tokens; its stream bears its thumbprint (RFC 7638). */
  'signing_key.published': { algorithm: SigningAlgorithm; jwk: PublicJwk; serverAddress: string }
  'signing_key.activated': Record<never, never>
  /** It signs no more; it stays published until the last token that it may have signed has expired. */
  'signing_key.replaced': { reason: ReplacementReason; lastExpiresAtSeconds: number }
  'signing_key.retired': Record<never, never>
}

export const serverLayouts: EventLayouts<ServerEvents> = {
  'server.opened': {
    code: 1,
    fields: ['origin', 'administratorAddress', 'serverAddress', 'checkpointKey:hash', 'signature'],
  },
  'signing_key.published': { code: 96, fields: ['algorithm', 'jwk', 'serverAddress'] },
  'signing_key.activated': { code: 97, fields: [] },
  'signing_key.replaced': { code: 98, fields: ['reason', 'lastExpiresAtSeconds'] },
  'signing_key.retired': { code: 99, fields: [] },
}
