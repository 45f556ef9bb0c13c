/** A browser session at this server: the fold of its stream. */
import type { Recorded } from './events.ts'

export interface Session {
  id: string
  subject: string
  startedAtSeconds: number
  expiresAtSeconds: number
  endedAtSeconds: number | null
  acr?: string
  amr?: string[]
  /** The session of the same user and browser that it goes on for. */
  continues?: string
}

export function evolveSession(
  state: Session | undefined,
  { event, stream, timeMs }: Recorded,
): Session | undefined {
  switch (event.type) {
    case 'session.started': {
      const session: Session = {
        id: stream.slice(stream.indexOf(':') + 1),
        subject: event.subject,
        startedAtSeconds: Math.floor(timeMs / 1000),
        expiresAtSeconds: event.expiresAtSeconds,
        endedAtSeconds: null,
      }
      if (event.acr !== undefined) session.acr = event.acr
      if (event.amr !== undefined) session.amr = event.amr
      if (event.continues !== undefined) session.continues = event.continues
      return session
    }
    case 'session.ended':
      return state && { ...state, endedAtSeconds: Math.floor(timeMs / 1000) }
    default:
      return state
  }
}

export const isSessionLive = (session: Session, nowMs: number): boolean =>
  session.endedAtSeconds === null && nowMs < session.expiresAtSeconds * 1000
