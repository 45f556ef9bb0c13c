/** Users of an ES module of the operator's: what 1.1 had a Java class for. */
import { pathToFileURL } from 'node:url'
import { areAuthorities, isUsername } from '../oauth/user.ts'
import { parseUserClaims } from '../oauth/user-claims.ts'
import { type KeptUser, RepositoryError, type RepositoryUser, type UserRepository } from './repository.ts'

/**
 * What the module exports, by name or as its default. `findByUsername` answers with `id` (the username where left
 * out), `username`, `authorities`, `claims`, and either the module has `verifyPassword` or the answer holds
 * `passwordHash` (argon2id in PHC form). With `save` and `delete`, `user create` and `user remove` work on it.
 */
interface UserModule {
  name?: unknown
  findByUsername(username: string): unknown
  verifyPassword?(username: string, password: string): unknown
  save?(user: KeptUser): unknown
  delete?(username: string): unknown
}

/** Whether the secret is the one of the hash; without a hash false, after as much work. */
export type CheckHash = (hash: string | undefined, secret: string) => boolean | Promise<boolean>

const timeoutMs = 5000

/** @throws RepositoryError for a module that cannot be loaded or is none of users */
export async function openModuleRepository(file: string, checkHash: CheckHash): Promise<UserRepository> {
  let loaded: { default?: UserModule } & Partial<UserModule>
  try {
    loaded = await import(pathToFileURL(file).href)
  } catch (cause) {
    throw new RepositoryError(`the module ${file} cannot be loaded: ${(cause as Error).message}`, { cause })
  }
  const users = loaded.findByUsername ? (loaded as UserModule) : loaded.default
  if (typeof users?.findByUsername !== 'function')
    throw new RepositoryError(`the module ${file} does not export findByUsername`)
  return new ModuleRepository(users, checkHash)
}

class ModuleRepository implements UserRepository {
  readonly id: string
  readonly save?: (user: KeptUser) => Promise<void>
  readonly delete?: (username: string) => Promise<void>
  readonly #users: UserModule
  readonly #checkHash: CheckHash

  constructor(users: UserModule, checkHash: CheckHash) {
    this.#users = users
    this.#checkHash = checkHash
    this.id = `module:${typeof users.name === 'string' ? users.name : ''}`
    if (users.save) this.save = (user) => inTime(async () => void (await users.save!(user)))
    if (users.delete) this.delete = (username) => inTime(async () => void (await users.delete!(username)))
  }

  async authenticate(username: string, password: string): Promise<RepositoryUser | undefined> {
    const found = await this.#find(username)
    const isRight = this.#users.verifyPassword
      ? await inTime(async () => (await this.#users.verifyPassword!(username, password)) === true)
      : await this.#checkHash(found?.passwordHash, password)
    return isRight ? found?.user : undefined
  }

  async findByUsername(username: string): Promise<RepositoryUser | undefined> {
    return (await this.#find(username))?.user
  }

  async #find(asked: string): Promise<{ user: RepositoryUser; passwordHash?: string } | undefined> {
    const found = await inTime(async () => this.#users.findByUsername(asked))
    if (found === undefined || found === null) return undefined
    const { id, username = asked, authorities = [], passwordHash, claims } = found as Record<string, unknown>
    const name = id ?? username
    if (!isUsername(username) || !areAuthorities(authorities) || typeof name !== 'string')
      throw new RepositoryError('the module of users answered with something that is no user')
    return {
      user: {
        id: name,
        username,
        authorities,
        ...(claims !== undefined && { claims: parseUserClaims(claims) }),
      },
      ...(typeof passwordHash === 'string' && { passwordHash }),
    }
  }
}

/** @throws RepositoryError where the module throws, or does not answer in time */
async function inTime<T>(ask: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), timeoutMs)
  })
  try {
    return await Promise.race([ask(), late])
  } catch (cause) {
    if (cause instanceof RepositoryError) throw cause
    throw new RepositoryError('the module of users failed', { cause })
  } finally {
    clearTimeout(timer)
  }
}
