/** Browser sessions and what clients are told of their end. */
import type { EventLayouts } from './layout.ts'

/** `replaced`: the same user has logged in again in the same browser, and the new session goes on for it. */
export type SessionEndReason =
  | 'logout'
  | 'administrator'
  | 'expired'
  | 'user_removed'
  | 'password_changed'
  | 'replaced'

export interface SessionEvents {
  'session.started': {
    subject: string
    cookieHash: string
    expiresAtSeconds: number
    /** Authentication context class and methods (OpenID Connect Core section 2, RFC 8176). */
    acr?: string
    amr?: string[]
    /** Id of the session of the same user that this one goes on for. */
    continues?: string
    side: { address: string; userAgent: string }
  }
  'session.ended': { reason: SessionEndReason }
  /** The outcome of a back-channel logout, once there is nothing more to try. */
  'logout.delivered': { clientId: string }
  'logout.failed': { clientId: string; attempts: number }
}

export const sessionLayouts: EventLayouts<SessionEvents> = {
  'session.started': {
    code: 48,
    fields: ['subject', 'cookieHash:hash', 'expiresAtSeconds', 'acr?', 'amr?', 'continues?'],
    side: ['address', 'userAgent'],
  },
  'session.ended': { code: 49, fields: ['reason'] },
  'logout.delivered': { code: 50, fields: ['clientId'] },
  'logout.failed': { code: 51, fields: ['clientId', 'attempts'] },
}
