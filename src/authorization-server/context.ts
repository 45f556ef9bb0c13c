/** What every use case is given: the ledger, the read models, and the world outside as arguments. */
import type { Ledger } from '../ledger/ledger.ts'
import type { Event } from '../oauth/events.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { ReadModels } from '../projections/read-models.ts'
import type { DevicePolling } from './by-device-code.ts'
import type { ClientKeys } from './client-keys.ts'
import type { DpopProofs } from './dpop.ts'
import type { FailureLimits } from './failure-limits.ts'
import type { SecretChecker } from './secret-checker.ts'
import type { SigningKeys } from './signing-keys.ts'
import type { TokenSecrets } from './token-secrets.ts'
import type { UserDirectory } from './user-directory.ts'

export interface AuthorizationSettings {
  /** Issuer identifier (RFC 8414 section 2). */
  issuer: string
  /** Name of the ledger in checkpoints and in all that the administrator signs. */
  origin: string
  administratorAddress: string
  codeSeconds: number
  pushedRequestSeconds: number
  /** Whether every client must push its authorization requests (RFC 9126 section 5). */
  pushedRequestsOnly: boolean
  accessSeconds: number
  refreshSeconds: number
  sessionSeconds: number
  /** Who may register clients besides the administrator (RFC 7591 section 3). */
  registration: 'off' | 'token' | 'open'
  /** How long a retry of a rotation gets the same successor. */
  refreshGraceMs: number
}

export interface AuthorizationContext {
  ledger: Ledger<Event>
  models: ReadModels
  settings: AuthorizationSettings
  secrets: TokenSecrets
  secretChecker: SecretChecker
  clientKeys: ClientKeys
  dpop: DpopProofs
  /** Signs and verifies ID tokens, JWT access tokens and other JWTs of this server. */
  keys: SigningKeys
  devicePolling: DevicePolling
  /** The way to URLs that clients named. */
  outbound: Outbound
  limits: FailureLimits
  /** Of users who are kept elsewhere; without it users are those of the ledger. */
  directory?: UserDirectory
  /** Signs with this server's Bitcoin key, of this address. */
  signer: { address: string; sign: (text: string) => string }
  /** Milliseconds since 1970. */
  now: () => number
  /** Whether `signature` is that of `address` over the text, as a "Bitcoin Signed Message". */
  verifyMessage: (address: string, text: string, signature: string) => boolean
}
