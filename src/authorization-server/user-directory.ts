/**
 * Users who are kept outside the ledger: who they are and may do is asked of their repository, and stands in the
 * ledger under a pseudonym from the first login on, each change as an event that the server signs. So their
 * sessions, grants, consents, removal and erasure are those of all users.
 */
import QuickLRU from 'quick-lru'
import { LedgerError } from '../ledger/errors.ts'
import type { AppendOptions } from '../ledger/ledger.ts'
import { OAuthError } from '../oauth/errors.ts'
import { type EventOf, streamOf } from '../oauth/events.ts'
import { isSameLink, type User } from '../oauth/user.ts'
import { usernameRowKey } from '../projections/rows.ts'
import {
  type KeptUser,
  RepositoryError,
  type RepositoryUser,
  type UserRepository,
} from '../users/repository.ts'
import { AdministrationError } from './administer.ts'
import type { AuthorizationContext } from './context.ts'
import { followEnd } from './end.ts'
import { sidesOfStream } from './erase-user.ts'
import type { KeyedHash } from './keyed-hash.ts'
import { appendSigned, type Unsigned } from './server-signed.ts'

export type { KeptUser }

/** So long what a repository said of a user is not asked again. */
const freshMs = 60_000
const keptUsers = 10_000

export class UserDirectory {
  readonly #repository: UserRepository
  readonly #keyed: KeyedHash
  readonly #onError: (error: unknown) => void
  /** When each user was last asked for, by subject. */
  readonly #askedAtMs = new QuickLRU<string, number>({ maxSize: keptUsers })
  readonly #asking = new Map<string, Promise<void>>()

  /** @param keyed makes pseudonyms; under another key every user would be another one */
  constructor(repository: UserRepository, keyed: KeyedHash, onError: (error: unknown) => void) {
    this.#repository = repository
    this.#keyed = keyed
    this.#onError = onError
  }

  /**
   * The user of this name and password, as the ledger knows them from now on.
   *
   * @throws OAuthError temporarily_unavailable where the repository does not answer: that is no wrong password
   */
  async authenticate(
    context: AuthorizationContext,
    username: string,
    password: string,
  ): Promise<User | undefined> {
    try {
      const found = await this.#repository.authenticate(username, password)
      return found && (await this.#link(context, found))
    } catch (error) {
      if (!(error instanceof RepositoryError)) throw error
      this.#onError(error)
      throw new OAuthError('temporarily_unavailable', 'users cannot be looked up now; try again')
    }
  }

  /**
   * Asks once more for a user who was not asked for lately: authorities and claims may have changed, or the user
   * be gone. Where the repository does not answer, what it said last holds.
   */
  refresh(context: AuthorizationContext, subject: string): Promise<void> {
    const user = context.models.load('user', streamOf.user(subject)).state
    if (user?.repository !== this.#repository.id || user.removed || user.username === undefined)
      return Promise.resolve()
    if (context.now() < (this.#askedAtMs.get(subject) ?? 0) + freshMs) return Promise.resolve()
    const running = this.#asking.get(subject)
    if (running) return running
    const { username } = user
    const asking = (async () => {
      try {
        const found = await this.#repository.findByUsername(username)
        this.#askedAtMs.set(subject, context.now())
        if (found && this.#subjectOf(found) === subject) await this.#link(context, found)
        else await this.#append(context, { type: 'user.unlinked', subject })
      } catch (error) {
        if (!(error instanceof RepositoryError)) throw error
        this.#askedAtMs.set(subject, context.now())
        this.#onError(error)
      } finally {
        this.#asking.delete(subject)
      }
    })()
    this.#asking.set(subject, asking)
    return asking
  }

  /** Where users are kept, and what the administrator can do with them from here. */
  get keeper(): { repository: string; canSave: boolean; canDelete: boolean } {
    const { id, save, delete: remove } = this.#repository
    return { repository: id, canSave: save !== undefined, canDelete: remove !== undefined }
  }

  /**
   * Adds a user to the repository; the ledger hears of them at their first login.
   *
   * @throws AdministrationError elsewhere or exists; RepositoryError unavailable
   */
  async save(user: KeptUser): Promise<void> {
    const { id, save } = this.#repository
    if (!save) throw elsewhere(id)
    if (await this.#repository.findByUsername(user.username))
      throw new AdministrationError('exists', `the user ${user.username} exists already`)
    await save.call(this.#repository, user)
  }

  /**
   * Removes a user from the repository; sessions and tokens end. Another one may have the name later.
   *
   * @throws AdministrationError elsewhere or not_found; RepositoryError and LedgerError unavailable
   */
  async delete(context: AuthorizationContext, username: string): Promise<void> {
    const { id, delete: remove } = this.#repository
    if (!remove) throw elsewhere(id)
    const found = await this.#repository.findByUsername(username)
    if (!found) throw new AdministrationError('not_found', 'The user not found.')
    await remove.call(this.#repository, found.username)
    const subject = this.#subjectOf(found)
    const user = context.models.load('user', streamOf.user(subject)).state
    if (user?.removed === false) await this.#append(context, { type: 'user.unlinked', subject })
  }

  #subjectOf({ id }: RepositoryUser): string {
    return this.#keyed.of(`${this.#repository.id}\n${id}`)
  }

  /** The user in the ledger; undefined for one whom the administrator has removed or erased. */
  async #link(context: AuthorizationContext, found: RepositoryUser): Promise<User | undefined> {
    const subject = this.#subjectOf(found)
    const stream = streamOf.user(subject)
    const { state } = context.models.load('user', stream)
    if (state?.removed && !state.unlinked) return undefined
    this.#askedAtMs.set(subject, context.now())
    const username = found.username.normalize('NFC')
    const link: Unsigned<EventOf<'user.linked'>> = {
      type: 'user.linked',
      subject,
      repository: this.#repository.id,
      authorities: [...found.authorities],
      side: { username, ...(found.claims && { claims: found.claims }) },
    }
    if (!isSameLink(state, link)) {
      const bearer = context.models.subjectOf(username)
      if (bearer !== undefined && bearer !== subject)
        throw new RepositoryError('another user of the ledger has this name')
      await this.#append(context, link, {
        absentRows: bearer === undefined ? [usernameRowKey(username)] : [],
        erase: sidesOfStream(context, stream),
      })
    }
    const linked = context.models.load('user', stream).state
    return linked && !linked.removed ? linked : undefined
  }

  /** Signed for its place, so a lost race is not tried again: the winner said the same. */
  async #append(
    context: AuthorizationContext,
    event: Unsigned<EventOf<'user.linked'> | EventOf<'user.unlinked'>>,
    options: AppendOptions = {},
  ): Promise<void> {
    const stream = streamOf.user(event.subject)
    const version = context.models.versionOf(stream)
    try {
      await followEnd(context, await appendSigned(context, stream, version, event, options))
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== 'conflict') throw error
      await context.ledger.settled()
    }
  }
}

const elsewhere = (repository: string) =>
  new AdministrationError('elsewhere', `users are kept in ${repository}: they are added and removed there`)
