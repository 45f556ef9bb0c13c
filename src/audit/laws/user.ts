import type { UserEvents } from '../../oauth/events/user.ts'
import { streamOf } from '../../oauth/events.ts'
import { liftingFault } from '../../oauth/failed-attempts.ts'
import { clientOf, firstOfItsStream, isNotThere, type Laws, userOf } from './law.ts'

export const userLaws: Laws<UserEvents> = {
  'user.registered': {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: firstOfItsStream,
  },
  'user.removed': {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state) => isNotThere(state, 'the user'),
  },
  'user.password_changed': {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state) => isNotThere(state, 'the user'),
  },
  'user.linked': {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state, { repository }) =>
      !state
        ? undefined
        : state.repository !== repository
          ? 'the user is not of this repository'
          : state.removed && !state.unlinked
            ? 'the user had been removed'
            : undefined,
  },
  'user.unlinked': {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state) => isNotThere(state, 'the user'),
  },
  'user.updated': {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    broken: (state) => isNotThere(state, 'the user'),
  },
  'user.erased': {
    kind: 'user',
    stream: ({ subject }) => streamOf.user(subject),
    // Again too: what was written at the very moment of the first time is erased by the second.
    broken: (state) => (state ? undefined : 'there was no user to erase'),
  },
  'consent.given': {
    kind: 'consent',
    stream: ({ subject, clientId }) => streamOf.consent(subject, clientId),
    references: (event) => [userOf(event.subject), clientOf(event)],
  },
  'login.locked': { kind: 'attempts' },
  'login.unlocked': {
    kind: 'attempts',
    broken: (state, { signedAtSeconds }, timeMs) => liftingFault(state, signedAtSeconds, timeMs),
  },
}
