/**
 * Where users are kept, if not in the ledger: a directory, or a program of the operator's. Whoever is named here by
 * setting vouches for its users; the ledger keeps their pseudonyms, and what they were allowed when.
 */
import type { UserClaims } from '../oauth/user-claims.ts'

export interface RepositoryUser {
  /** Names the person for ever, whatever becomes of the username. */
  id: string
  username: string
  authorities: readonly string[]
  claims?: UserClaims
}

/** A user as a repository takes it. */
export interface KeptUser {
  username: string
  /** argon2id in PHC form: the password itself is told to nobody. */
  passwordHash: string
  authorities: readonly string[]
  claims?: UserClaims
}

/**
 * Calls may run at the same time; each ends in bounded time.
 */
export interface UserRepository {
  /** Names this repository for ever: the same id in another one is another person. */
  readonly id: string
  /**
   * The user whose name and password these are; undefined for a wrong name as for a wrong password, and for a name
   * that several bear.
   *
   * @throws RepositoryError unavailable: a repository that fails has not said that the password is wrong
   */
  authenticate(username: string, password: string): Promise<RepositoryUser | undefined>
  /** @throws RepositoryError unavailable */
  findByUsername(username: string): Promise<RepositoryUser | undefined>
  /** Adds a user. Missing where users are added elsewhere only. @throws RepositoryError unavailable */
  save?(user: KeptUser): Promise<void>
  /** Removes a user who is there. Missing where users are removed elsewhere only. @throws RepositoryError unavailable */
  delete?(username: string): Promise<void>
}

/** The repository cannot answer. What it said is for the log, not for whoever wants to log in. */
export class RepositoryError extends Error {
  override name = 'RepositoryError'
  readonly code = 'unavailable'
}
