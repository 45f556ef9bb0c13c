/** Everything that ends a session or a grant, or all of a user's or a client's. */
import type { EventType } from '../oauth/events.ts'

export const endTypes: ReadonlySet<EventType> = new Set<EventType>([
  'session.ended',
  'grant.revoked',
  'user.removed',
  'user.erased',
  'user.unlinked',
  'user.password_changed',
  'client.removed',
])
