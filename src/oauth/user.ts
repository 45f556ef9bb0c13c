/** A resource owner: the fold of the stream of a random subject. */
import { isDeepStrictEqual } from 'node:util'
import type { EventOf, Recorded } from './events.ts'
import { isText } from './text.ts'
import { parseUserClaims, type UserClaims, UserClaimsError } from './user-claims.ts'

export interface User {
  subject: string
  /** Missing where the side record was erased: then nobody can log in as this subject. */
  username?: string
  /** argon2id */
  passwordHash?: string
  authorities: string[]
  removed: boolean
  /** What else is known of the person (OpenID Connect Core section 5.1); goes with the side record. */
  claims?: UserClaims
  /** Where the user is kept, if not in the ledger. */
  repository?: string
  /** Removed, but by the repository: it may bring the user back. */
  unlinked?: boolean
}

export function evolveUser(state: User | undefined, { event }: Recorded): User | undefined {
  switch (event.type) {
    case 'user.registered': {
      const { username, passwordHash, claims } = event.side
      return {
        subject: event.subject,
        ...(username !== undefined && { username }),
        ...(passwordHash !== undefined && { passwordHash }),
        authorities: event.authorities,
        removed: false,
        ...(claims && { claims }),
      }
    }
    case 'user.password_changed': {
      if (!state) return state
      const { username, passwordHash, claims } = event.side
      // Only what its own side record says: that of the registration may be there or erased.
      return {
        subject: state.subject,
        ...(username !== undefined && { username }),
        ...(passwordHash !== undefined && { passwordHash }),
        authorities: state.authorities,
        removed: state.removed,
        ...(claims && { claims }),
      }
    }
    case 'user.linked': {
      const { username, claims } = event.side
      return {
        subject: event.subject,
        ...(username !== undefined && { username }),
        authorities: event.authorities,
        removed: false,
        ...(claims && { claims }),
        repository: event.repository,
      }
    }
    case 'user.unlinked':
      return state && { ...state, removed: true, unlinked: true }
    case 'user.updated':
      return state && { ...state, authorities: event.authorities }
    case 'user.removed': {
      if (!state) return state
      const { unlinked: _, ...rest } = state
      return { ...rest, removed: true }
    }
    case 'user.erased':
      // What is left is what the hashed records say: a fold that finds no side record comes to the same.
      return (
        state && {
          subject: state.subject,
          authorities: state.authorities,
          removed: true,
          ...(state.repository !== undefined && { repository: state.repository }),
        }
      )
    default:
      return state
  }
}

export interface UserRegistration {
  username: string
  password: string
  authorities: string[]
  claims?: UserClaims
}

export class UserError extends Error {
  override name = 'UserError'
  readonly code = 'user'
}

/** Whether the event would say nothing new. */
export const isSameLink = (
  user: User | undefined,
  { authorities, repository, side }: Pick<EventOf<'user.linked'>, 'authorities' | 'repository' | 'side'>,
): boolean =>
  user !== undefined &&
  !user.removed &&
  user.repository === repository &&
  user.username === side.username &&
  isDeepStrictEqual(user.authorities, authorities) &&
  isDeepStrictEqual(user.claims ?? {}, side.claims ?? {})

/** In any normalization form: `parseUserRegistration` brings it to NFC. */
export const isUsername = (value: unknown): value is string =>
  isText(value) && value.length <= 256 && /^\P{Cc}+$/u.test(value) && value.trim() === value

export const areAuthorities = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length <= 100 && value.every((item) => isText(item) && item !== '')

export function assertPassword(password: unknown): asserts password is string {
  if (typeof password !== 'string' || password.length === 0 || password.length > 1024)
    throw new UserError('password: text of 1 to 1024 characters is expected')
}

export function assertAuthorities(authorities: unknown): asserts authorities is string[] {
  if (!areAuthorities(authorities))
    throw new UserError('authorities: a list of at most 100 texts is expected')
}

/**
 * Reads one user of `user create`: `username`, `password`, `authorities`, all required, and `claims`.
 *
 * @throws UserError naming the member
 */
export function parseUserRegistration(input: unknown): UserRegistration {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw new UserError('user: an object is expected')
  const { username, password, authorities, claims, ...rest } = input as Record<string, unknown>
  const unknown = Object.keys(rest)[0]
  if (unknown !== undefined)
    throw new UserError(`${unknown}: is not a member of a user (username, password, authorities, claims)`)
  if (!isUsername(username))
    throw new UserError('username: text of 1 to 256 characters without control characters is expected')
  assertPassword(password)
  assertAuthorities(authorities)
  return {
    username: username.normalize('NFC'),
    password,
    authorities: [...new Set(authorities)],
    ...(claims !== undefined && { claims: readClaims(claims) }),
  }
}

function readClaims(claims: unknown): UserClaims {
  try {
    return parseUserClaims(claims)
  } catch (error) {
    if (error instanceof UserClaimsError) throw new UserError(`claims: ${error.message}`)
    throw error
  }
}

/** What is known of a user (OpenID Connect Core section 5.1), the name that they log in with included. */
export const claimsOfUser = ({ username, claims }: User): UserClaims => ({
  ...(username !== undefined && { preferred_username: username }),
  ...claims,
})
