/** What ends with what: sessions with their user, grants with their session. */
import type { RevocationReason, SessionEndReason } from './events.ts'
import type { Grant } from './grant.ts'

/**
 * Why a grant ends when the session that it was given in does; undefined where it lives on.
 *
 * `offline_access` is the resource owner's leave to go on without being there (OpenID Connect Core section 11).
 * Everything else ends when the resource owner logs out. Where the session only ran out of time, just what OpenID
 * Connect gave ends: RFC 6749 knows of no session, and its clients have their own lifetimes. A user who is gone
 * takes all grants along without an event of theirs; after a change of password all are ended one by one.
 */
export function endWithSession(grant: Grant, reason: SessionEndReason): RevocationReason | undefined {
  if (grant.scopes.includes('offline_access')) return undefined
  switch (reason) {
    case 'logout':
      return 'logout'
    case 'administrator':
      return 'session'
    case 'expired':
      return grant.scopes.includes('openid') ? 'session' : undefined
    default:
      return undefined
  }
}

/** Whether there is nothing left of a grant that could be used: it needs no end any more. */
export function isGrantOver({ ended, code, access, refresh }: Grant, nowMs: number): boolean {
  if (ended) return true
  const last = Math.max(
    code && !code.redeemed ? code.expiresAtSeconds : 0,
    access?.expiresAtSeconds ?? 0,
    refresh?.expiresAtSeconds ?? 0,
  )
  return nowMs >= last * 1000
}
