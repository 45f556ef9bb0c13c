/** Users, their consents, and pauses after failed logins. */
import type { UserClaims } from '../user-claims.ts'
import type { EventLayouts } from './layout.ts'

export interface UserEvents {
  'user.registered': {
    subject: string
    authorities: string[]
    signedAtSeconds: number
    signature: string
    side: { username: string; passwordHash: string; claims?: UserClaims }
  }
  'user.removed': { subject: string; signedAtSeconds: number; signature: string }
  /** The side record takes the place of the one before, which is erased. */
  'user.password_changed': {
    subject: string
    signedAtSeconds: number
    signature: string
    side: { username: string; passwordHash: string; claims?: UserClaims }
  }
  'user.updated': { subject: string; authorities: string[]; signedAtSeconds: number; signature: string }
  /**
   * A user of a repository outside the ledger, as it vouches for them: at the first login, and again when anything
   * of it has changed. Signed by the server, to which the operator has named the repository.
   */
  'user.linked': {
    subject: string
    repository: string
    authorities: string[]
    serverAddress: string
    signature: string
    side: { username: string; claims?: UserClaims }
  }
  /** The repository does not know the user any more. */
  'user.unlinked': { subject: string; serverAddress: string; signature: string }
  /** What names the person is gone, from the side records too; a user who was still there is removed with it. */
  'user.erased': { subject: string; signedAtSeconds: number; signature: string }
  'consent.given': {
    subject: string
    clientId: string
    clientVersion: number
    scopes: string[]
    /** Claims that the user approved one by one, without a scope that opens them. */
    claims?: string[]
  }
  /** Too many wrong passwords or secrets: a pause for a name, or for an address. */
  'login.locked': {
    of: 'user' | 'client' | 'device' | 'address'
    failures: number
    /** Pauses in a row, this one included. */
    pauses: number
    untilSeconds: number
    /** Keyed hash of the address, where the name pauses for that one only. */
    from?: string
    side: { address: string }
  }
  'login.unlocked': { signedAtSeconds: number; signature: string }
}

export const userLayouts: EventLayouts<UserEvents> = {
  'user.registered': {
    code: 32,
    fields: ['subject', 'authorities', 'signedAtSeconds', 'signature'],
    side: ['username', 'passwordHash', 'claims?'],
  },
  'user.removed': { code: 33, fields: ['subject', 'signedAtSeconds', 'signature'] },
  'user.erased': { code: 34, fields: ['subject', 'signedAtSeconds', 'signature'] },
  'user.password_changed': {
    code: 35,
    fields: ['subject', 'signedAtSeconds', 'signature'],
    side: ['username', 'passwordHash', 'claims?'],
  },
  'user.linked': {
    code: 37,
    fields: ['subject', 'repository', 'authorities', 'serverAddress', 'signature'],
    side: ['username', 'claims?'],
  },
  'user.unlinked': { code: 38, fields: ['subject', 'serverAddress', 'signature'] },
  'user.updated': { code: 36, fields: ['subject', 'authorities', 'signedAtSeconds', 'signature'] },
  'consent.given': { code: 64, fields: ['subject', 'clientId', 'clientVersion', 'scopes', 'claims?'] },
  'login.locked': {
    code: 160,
    fields: ['of', 'failures', 'pauses', 'untilSeconds', 'from:hash?'],
    side: ['address'],
  },
  'login.unlocked': { code: 161, fields: ['signedAtSeconds', 'signature'] },
}
