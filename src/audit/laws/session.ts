import type { SessionEvents } from '../../oauth/events/session.ts'
import type { Session } from '../../oauth/session.ts'
import { firstOfItsStream, type Laws, sessionOf, userOf } from './law.ts'

const isNotOver = (state: Session | undefined): string | undefined =>
  !state || state.endedAtSeconds === null ? 'the session had not ended' : undefined

export const sessionLaws: Laws<SessionEvents> = {
  'session.started': {
    kind: 'session',
    broken: firstOfItsStream,
    references: ({ subject, continues }) => [
      userOf(subject),
      ...(continues === undefined ? [] : [sessionOf(continues)]),
    ],
  },
  'session.ended': {
    kind: 'session',
    broken: (state) =>
      !state
        ? 'there was no session'
        : state.endedAtSeconds !== null
          ? 'the session had ended before'
          : undefined,
  },
  'logout.delivered': { kind: 'session', broken: isNotOver },
  'logout.failed': { kind: 'session', broken: isNotOver },
}
