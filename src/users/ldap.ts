/** Users in an LDAP directory (RFC 4511): found by a filter, proved by binding as them (RFC 4513 section 5.1.3). */
import { type Client, Filter, InvalidCredentialsError, type SearchOptions } from 'ldapts'
import { parseUserClaims, type UserClaims } from '../oauth/user-claims.ts'
import { type LdapConnection, withConnection } from './ldap-connection.ts'
import type { RepositoryUser, UserRepository } from './repository.ts'

export interface LdapSettings extends LdapConnection {
  baseDn: string
  /** `{username}` stands for the name, escaped. */
  filter: string
  /** Attribute that names an entry for ever. */
  idAttribute: string
  usernameAttribute: string
  /** Groups whose `member`s users are; without it groups are not asked for. */
  groupBaseDn?: string
  /** Authorities by the `cn` of a group; `*` is everybody's. */
  authorities: readonly (readonly [authority: string, group: string])[]
  /** Attributes by claim (OpenID Connect Core section 5.1). */
  claims: readonly (readonly [claim: string, attribute: string])[]
}

const everybody = '*'
type Entry = Record<string, Buffer | Buffer[] | string[] | string>

/** RFC 4515 section 3: what a filter would take for its own syntax is escaped. */
export const userFilter = (template: string, username: string): string =>
  template.replaceAll('{username}', () => Filter.escape(username))

export class LdapRepository implements UserRepository {
  readonly id: string
  readonly #settings: LdapSettings

  constructor(settings: LdapSettings) {
    this.#settings = settings
    this.id = `ldap:${settings.baseDn.toLowerCase()}`
  }

  authenticate(username: string, password: string): Promise<RepositoryUser | undefined> {
    // A bind without a password is an anonymous one and succeeds for every name (RFC 4513 section 5.1.2).
    if (password === '') return Promise.resolve(undefined)
    return withConnection(this.#settings, async (client) => {
      const entry = await this.#find(client, username)
      if (!entry) return undefined
      const user = await this.#userOf(client, entry)
      try {
        await client.bind(String(entry.dn), password)
      } catch (error) {
        if (error instanceof InvalidCredentialsError) return undefined
        throw error
      }
      return user
    })
  }

  findByUsername(username: string): Promise<RepositoryUser | undefined> {
    return withConnection(this.#settings, async (client) => {
      const entry = await this.#find(client, username)
      return entry && this.#userOf(client, entry)
    })
  }

  /** The one entry of this name; that two have it is nobody's proof. */
  async #find(client: Client, username: string): Promise<Entry | undefined> {
    const { baseDn, filter, idAttribute, usernameAttribute, claims } = this.#settings
    const options: SearchOptions = {
      scope: 'sub',
      filter: userFilter(filter, username),
      attributes: [idAttribute, usernameAttribute, ...claims.map(([, attribute]) => attribute)],
      sizeLimit: 2,
    }
    const { searchEntries } = await client.search(baseDn, options)
    return searchEntries.length === 1 ? searchEntries[0] : undefined
  }

  async #userOf(client: Client, entry: Entry): Promise<RepositoryUser | undefined> {
    const { idAttribute, usernameAttribute } = this.#settings
    const [id] = valuesOf(entry, idAttribute)
    const [username] = valuesOf(entry, usernameAttribute)
    if (id === undefined || username === undefined)
      throw new Error(`the entry has no ${id === undefined ? idAttribute : usernameAttribute}`)
    const groups = await this.#groupsOf(client, String(entry.dn))
    const authorities = this.#settings.authorities
      .filter(([, group]) => group === everybody || groups.has(group.toLowerCase()))
      .map(([authority]) => authority)
    const claims = this.#claimsOf(entry)
    return { id, username, authorities: [...new Set(authorities)], ...(claims && { claims }) }
  }

  async #groupsOf(client: Client, dn: string): Promise<ReadonlySet<string>> {
    const { groupBaseDn } = this.#settings
    if (groupBaseDn === undefined) return new Set()
    const filter = `(|(member=${Filter.escape(dn)})(uniqueMember=${Filter.escape(dn)}))`
    const { searchEntries } = await client.search(groupBaseDn, { scope: 'sub', filter, attributes: ['cn'] })
    return new Set(searchEntries.flatMap((entry) => valuesOf(entry, 'cn')).map((cn) => cn.toLowerCase()))
  }

  /** Each claim that the entry has in a form that the claim allows. */
  #claimsOf(entry: Entry): UserClaims | undefined {
    const claims: Record<string, unknown> = {}
    for (const [claim, attribute] of this.#settings.claims) {
      const [value] = valuesOf(entry, attribute)
      if (value === undefined) continue
      try {
        Object.assign(claims, parseUserClaims({ [claim]: value }))
      } catch {
        // What is no address or no date in the directory is none here.
      }
    }
    return Object.keys(claims).length > 0 ? (claims as UserClaims) : undefined
  }
}

/** Attribute names have no case (RFC 4512 section 2.5); a value that is no text is told in hex. */
function valuesOf(entry: Entry, attribute: string): string[] {
  const name = Object.keys(entry).find((key) => key.toLowerCase() === attribute.toLowerCase())
  const values = name === undefined ? [] : [entry[name] ?? []].flat()
  return values.map((value) => (Buffer.isBuffer(value) ? value.toString('hex') : value)).filter(Boolean)
}
