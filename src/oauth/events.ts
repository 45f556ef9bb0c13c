/**
 * The event vocabulary: all that can ever happen, in the past tense.
 *
 * The ledger stores `body` positionally (see event-codec.ts), so the order of `fields` is a format:
 * append new fields at the end, never reorder, never reuse a code. `side` names the fields that name a
 * person or hash a secret: they lie outside the hashed record, in an erasable side record.
 */
import { type ClientEvents, clientLayouts } from './events/client.ts'
import { type GrantEvents, grantLayouts } from './events/grant.ts'
import type { EventLayouts } from './events/layout.ts'
import { type RetentionEvents, retentionLayouts } from './events/retention.ts'
import { type ServerEvents, serverLayouts } from './events/server.ts'
import { type SessionEvents, sessionLayouts } from './events/session.ts'
import { type UserEvents, userLayouts } from './events/user.ts'

export type { GrantType, RevocationReason } from './events/grant.ts'
export type { SessionEndReason } from './events/session.ts'

interface EventFields
  extends ServerEvents,
    RetentionEvents,
    ClientEvents,
    UserEvents,
    SessionEvents,
    GrantEvents {}

export type EventType = keyof EventFields
export type EventOf<T extends EventType> = { type: T } & EventFields[T]
export type Event = { [T in EventType]: EventOf<T> }[EventType]

/** An event at its place in the ledger. */
export interface Recorded<E = Event> {
  /** Place in the ledger, from 0, without gaps. */
  position: number
  timeMs: number
  stream: string
  /** Place in the stream, from 0. */
  version: number
  event: E
}

export const eventLayouts: EventLayouts<EventFields> = {
  ...serverLayouts,
  ...retentionLayouts,
  ...clientLayouts,
  ...userLayouts,
  ...sessionLayouts,
  ...grantLayouts,
}

/** The streams: one per thing whose events must be decided in order. */
export const streamOf = {
  server: (address: string) => `server:${address}`,
  retention: (kind: 'payloads' | 'side_records') => `retention:${kind}`,
  client: (clientId: string) => `client:${clientId}`,
  invitation: (id: string) => `invitation:${id}`,
  assertion: (id: string) => `assertion:${id}`,
  user: (subject: string) => `user:${subject}`,
  session: (id: string) => `session:${id}`,
  consent: (subject: string, clientId: string) => `consent:${subject}:${clientId}`,
  grant: (id: string) => `grant:${id}`,
  signingKey: (kid: string) => `signing_key:${kid}`,
  attempts: (key: string) => `attempts:${key}`,
  par: (id: string) => `par:${id}`,
} as const

/** The hashes by which the holder of what an event gave will come back: of a code, of tokens, of a cookie, of a request URI. */
export function hashesOf(event: Event): (string | null)[] {
  switch (event.type) {
    case 'code.issued':
      return [event.codeHash]
    case 'token.issued':
    case 'token.refreshed':
      return [event.accessTokenHash, event.refreshTokenHash]
    case 'device_code.issued':
      return [event.deviceCodeHash, event.userCodeHash]
    case 'session.started':
      return [event.cookieHash]
    case 'request.pushed':
      return [event.requestHash]
    default:
      return []
  }
}
