/** Users of a real LDAP directory: found, proved, linked into the ledger, gone. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { KeyedHash } from '../../src/authorization-server/keyed-hash.ts'
import { authenticateUser, findSession, startSession } from '../../src/authorization-server/session.ts'
import { UserDirectory } from '../../src/authorization-server/user-directory.ts'
import type { OAuthError } from '../../src/oauth/errors.ts'
import { LdapRepository, type LdapSettings, userFilter } from '../../src/users/ldap.ts'
import { openWorld, signedRequest, tally, userRemoved, type World } from '../support/authorization.ts'
import { hasSlapd, rootDn, rootPassword, type Slapd, startSlapd } from '../support/slapd.ts'
import { openWiretap } from '../support/wiretap.ts'
import { contractOfUsers } from './contract.ts'

let slapd: Slapd
const settings = (changes: Partial<LdapSettings> = {}): LdapSettings => ({
  url: slapd.url,
  baseDn: 'ou=people,dc=example,dc=com',
  filter: '(uid={username})',
  idAttribute: 'entryUUID',
  usernameAttribute: 'uid',
  bind: { dn: rootDn, password: rootPassword },
  startTls: false,
  groupBaseDn: 'ou=groups,dc=example,dc=com',
  authorities: [
    ['USER', '*'],
    ['ADMIN', 'administrators'],
  ],
  claims: [
    ['name', 'cn'],
    ['email', 'mail'],
  ],
  ...changes,
})

test('RFC 4515 section 3: a name stays a name in a filter', () => {
  expect(userFilter('(uid={username})', '*)(uid=*')).toBe('(uid=\\2a\\29\\28uid=\\2a)')
  expect(userFilter('(uid={username})', 'a\\b\0$&')).toBe('(uid=a\\5cb\\00$&)')
})

describe.skipIf(!hasSlapd)('with slapd', () => {
  beforeAll(async () => {
    slapd = await startSlapd()
  }, 60_000)
  afterAll(() => slapd?.stop())

  const world = async (changes: Partial<LdapSettings> = {}): Promise<World> => {
    const opened = await openWorld()
    const repository = new LdapRepository(settings(changes))
    opened.context.directory = new UserDirectory(repository, new KeyedHash(Buffer.alloc(32, 4)), () => {})
    return opened
  }
  contractOfUsers('in a directory', async () => {
    const line = await openWiretap(slapd.port)
    const opened = await world({ url: `ldap://127.0.0.1:${line.port}` })
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    const dnOf = (username: string) => base64(`uid=${username},ou=people,dc=example,dc=com`)
    const known = new Set<string>()
    const administrators = new Set<string>()
    const setAdministrator = (username: string, isOne: boolean) => {
      if (administrators.has(username) === isOne) return
      administrators[isOne ? 'add' : 'delete'](username)
      slapd.modify(
        `dn: cn=administrators,ou=groups,dc=example,dc=com\nchangetype: modify\n${isOne ? 'add' : 'delete'}: member\nmember:: ${dnOf(username)}\n`,
      )
    }
    const remove = async (username: string) => {
      setAdministrator(username, false)
      if (known.delete(username)) slapd.modify(`dn:: ${dnOf(username)}\nchangetype: delete\n`)
    }
    onTestFinished(async () => {
      for (const username of known) await remove(username)
      await line.close()
    })
    return {
      world: opened,
      async put({ username, password, authorities, claims: { name = username, email } = {} }) {
        const entry = [
          'changetype: add',
          'objectClass: inetOrgPerson',
          `uid:: ${base64(username)}`,
          `cn:: ${base64(name)}`,
          'sn: Example',
          ...(email ? [`mail: ${email}`] : []),
        ]
        const change = known.has(username) ? ['changetype: modify', 'replace: userPassword'] : entry
        slapd.modify([`dn:: ${dnOf(username)}`, ...change, `userPassword: ${password}`, ''].join('\n'))
        known.add(username)
        setAdministrator(username, authorities.includes('ADMIN'))
      },
      remove,
      break: line.close,
    }
  })

  const logIn = ({ context }: World, name: string, password: string, address = '192.0.2.1') =>
    authenticateUser(context, name, password, address)

  test('name and password, with authorities by group and claims', async () => {
    const repository = new LdapRepository(settings())
    expect(await repository.authenticate('alice', 'alice secret')).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      username: 'alice',
      authorities: ['USER', 'ADMIN'],
      claims: { name: 'Alice Example', email: 'alice@example.com' },
    })
    expect(await repository.findByUsername('bob')).toMatchObject({ username: 'bob', authorities: ['USER'] })
  })

  test.each([
    ['a wrong password', 'alice', 'wrong'],
    ['no password: an anonymous bind (RFC 4513 section 5.1.2)', 'alice', ''],
    ['an unknown name', 'nobody', 'alice secret'],
    ['a filter for a name', '*', 'alice secret'],
    ['a filter that would end early', 'alice)(uid=*', 'alice secret'],
    ['another filter', '*)(|(uid=alice', 'alice secret'],
  ])('%s is nobody', async (_, name, password) => {
    expect(await new LdapRepository(settings()).authenticate(name, password)).toBeUndefined()
  })

  test('a directory that is down is no wrong password, and counts as none', async () => {
    const down = await world({ url: 'ldap://127.0.0.1:1' })
    for (let i = 0; i < 7; i++) {
      const error = await logIn(down, 'alice', 'alice secret').catch((thrown: OAuthError) => thrown)
      expect(error).toMatchObject({ code: 'temporarily_unavailable', status: 503 })
    }
  })

  test('a search user with a wrong password is the operator’s fault, not the user’s', async () => {
    const wrong = await world({ bind: { dn: rootDn, password: 'wrong' } })
    await expect(logIn(wrong, 'alice', 'alice secret')).rejects.toMatchObject({ status: 503 })
  })

  test('the first login introduces the user to the ledger, the next says nothing new', async () => {
    const opened = await world()
    const user = await logIn(opened, 'alice', 'alice secret')
    expect(user).toMatchObject({ username: 'alice', authorities: ['USER', 'ADMIN'] })
    expect(await logIn(opened, 'alice', 'alice secret')).toEqual(user)
    expect(tally(opened)).toMatchObject({ 'user.linked': 1 })
    expect(opened.heard.at(-1)!.event).toMatchObject({
      repository: 'ldap:ou=people,dc=example,dc=com',
      serverAddress: opened.context.signer.address,
    })
    const record = opened.ledger.record(`user:${user!.subject}`, 0)!
    expect(record.body.toString('latin1')).not.toMatch(/alice/i)
  })

  test('guesses are limited as for all users', async () => {
    const opened = await world()
    for (let i = 0; i < 5; i++) expect(await logIn(opened, 'alice', 'wrong')).toBeUndefined()
    await expect(logIn(opened, 'alice', 'alice secret')).rejects.toMatchObject({ status: 429 })
  })

  test('whom the administrator removed does not come back by the directory', async () => {
    const opened = await world()
    const { subject } = (await logIn(opened, 'alice', 'alice secret'))!
    const stream = `user:${subject}`
    await administer(opened.context, signedRequest(opened, userRemoved(subject), { stream }))
    expect(await logIn(opened, 'alice', 'alice secret')).toBeUndefined()
  })

  test('what changes in the directory changes here, a minute later; who is gone is logged out', async () => {
    const opened = await world()
    const user = (await logIn(opened, 'bob', 'bob secret'))!
    const cookie = await startSession(opened.context, user, { address: '192.0.2.1', userAgent: '' })
    const refresh = () => opened.context.directory!.refresh(opened.context, user.subject)
    slapd.modify(
      'dn: cn=administrators,ou=groups,dc=example,dc=com\nchangetype: modify\nadd: member\nmember: uid=bob,ou=people,dc=example,dc=com\n',
    )
    await refresh()
    expect(findSession(opened.context, cookie)!.user.authorities).toEqual(['USER'])
    opened.clock.nowMs += 60_000
    await refresh()
    expect(findSession(opened.context, cookie)!.user.authorities).toEqual(['USER', 'ADMIN'])
    slapd.modify('dn: uid=bob,ou=people,dc=example,dc=com\nchangetype: delete\n')
    opened.clock.nowMs += 60_000
    await refresh()
    expect(findSession(opened.context, cookie)).toBeUndefined()
    expect(tally(opened)).toMatchObject({ 'user.linked': 2, 'user.unlinked': 1, 'session.ended': 1 })
  })
})
