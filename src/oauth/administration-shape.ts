/**
 * Whether an administration event is one that this program's own command line could have built. The
 * administrator's signature says who made it, not that it is well made, and what is recorded stays.
 */
import { isClientId, isClientMetadata } from './client-metadata.ts'
import type { Event } from './events.ts'
import { isInvitationId, isInvitationTerms } from './invitation.ts'
import { isText } from './text.ts'
import { areAuthorities, isUsername } from './user.ts'
import { areUserClaims } from './user-claims.ts'

/** Random where this program makes it; no colon, which parts the names of streams. */
const isSubject = (value: unknown): boolean =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value)

/** Seconds that the record's codec stores as an integer. */
const areSeconds = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32

export function isWellFormedAdministration(event: Event): boolean {
  if (!('signedAtSeconds' in event) || !areSeconds(event.signedAtSeconds) || !isText(event.signature))
    return false
  switch (event.type) {
    case 'client.registered': {
      const { secretHash } = event.side
      return (
        isClientId(event.clientId) &&
        isClientMetadata(event.metadata) &&
        (secretHash === undefined || isText(secretHash))
      )
    }
    case 'client.updated':
      return isClientId(event.clientId) && isClientMetadata(event.metadata)
    case 'client.secret_rotated':
      return (
        isClientId(event.clientId) && areSeconds(event.formerUntilSeconds) && isText(event.side.secretHash)
      )
    case 'client.removed':
      return isClientId(event.clientId)
    case 'invitation.issued':
      return isInvitationId(event.invitation) && isInvitationTerms(event.terms)
    case 'invitation.withdrawn':
      return isInvitationId(event.invitation)
    case 'user.registered': {
      const { username, passwordHash, claims } = event.side
      return (
        isSubject(event.subject) &&
        areAuthorities(event.authorities) &&
        isUsername(username) &&
        username.normalize('NFC') === username &&
        isText(passwordHash) &&
        (claims === undefined || areUserClaims(claims))
      )
    }
    case 'user.password_changed': {
      const { username, passwordHash, claims } = event.side
      return (
        isSubject(event.subject) &&
        isUsername(username) &&
        isText(passwordHash) &&
        (claims === undefined || areUserClaims(claims))
      )
    }
    case 'user.updated':
      return isSubject(event.subject) && areAuthorities(event.authorities)
    case 'user.removed':
    case 'user.erased':
      return isSubject(event.subject)
    case 'rotation.ordered':
      return isText(event.refreshTokenHash) && /^[A-Za-z0-9_-]{43}$/.test(event.refreshTokenHash)
    case 'login.unlocked':
      return true
    case 'grant.revoked':
      return event.reason === 'administrator'
    default:
      return false
  }
}
