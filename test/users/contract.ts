/** What holds of users wherever they are kept: in the ledger, in a directory, in a module of the operator's. */
import { beforeEach, describe, expect, test } from 'vitest'
import { authenticateUser, findSession, startSession } from '../../src/authorization-server/session.ts'
import type { User } from '../../src/oauth/user.ts'
import { tally, type World } from '../support/authorization.ts'

export interface StoredUser {
  username: string
  password: string
  authorities: ('USER' | 'ADMIN')[]
  claims?: { name?: string; email?: string }
}

/** Users as their keeper sees them, and a server that takes them. */
export interface UserStore {
  world: World
  /** Adds a user, or changes the one who is there. */
  put(user: StoredUser): Promise<void>
  remove(username: string): Promise<void>
  /** Makes the store fail, where it can but with the server. */
  break?(): Promise<void>
}

/** So long the server may believe what it was told of a user. */
const freshMs = 60_000

/** @param canFail whether the store can fail and the server go on */
export function contractOfUsers(kept: string, open: () => Promise<UserStore>, canFail = true): void {
  describe(`users who are kept ${kept}`, () => {
    const carol: StoredUser = {
      username: 'carol',
      password: 'secret of carol',
      authorities: ['USER', 'ADMIN'],
      claims: { name: 'Carol Example', email: 'carol@example.com' },
    }
    const dave: StoredUser = { username: 'dave', password: 'secret of dave', authorities: ['USER'] }

    let store: UserStore
    beforeEach(async () => {
      store = await open()
      await store.put(carol)
      await store.put(dave)
    })
    let addresses = 0
    /** From an address of its own each: failures are not what is tried here. */
    const logIn = (username: string, password: string): Promise<User | undefined> =>
      authenticateUser(store.world.context, username, password, `198.51.100.${addresses++ % 250}`)
    /** What the server does when a token is used, once it no longer believes what it knows. */
    const lookAgain = async ({ subject }: User) => {
      const { context, clock } = store.world
      clock.nowMs += freshMs
      await context.directory?.refresh(context, subject)
    }

    test('name and password: who it is, what they may do, what is known of them', async () => {
      expect(await logIn('carol', carol.password)).toMatchObject({
        username: 'carol',
        authorities: ['USER', 'ADMIN'],
        claims: carol.claims,
        removed: false,
      })
      expect(await logIn('dave', dave.password)).toMatchObject({ username: 'dave', authorities: ['USER'] })
    })

    test.each([
      ['a wrong password', 'carol', 'wrong'],
      ['no password', 'carol', ''],
      ['the password of somebody else', 'carol', dave.password],
      ['a name that nobody has', 'nobody', carol.password],
      ['no name', '', carol.password],
      ['a pattern for names', '*', carol.password],
      ['a pattern that fits', 'caro*', carol.password],
      ['a filter that would end early', 'carol)(uid=*', carol.password],
      ['a name of every object', '__proto__', carol.password],
      ['a zero byte behind the name', 'carol\0', carol.password],
    ])('%s is nobody', async (_what, username, password) => {
      expect(await logIn(username, password)).toBeUndefined()
    })

    test('one person is one subject, however often and at the same time', async () => {
      const users = await Promise.all(
        [carol, dave, carol, carol, dave].map(({ username, password }) => logIn(username, password)),
      )
      const [first, second] = users.map((user) => user!.subject)
      expect(first).not.toBe(second)
      expect(users.map((user) => user!.subject)).toEqual([first, second, first, first, second])
    })

    test('a name is the same in each normalization form', async () => {
      const zoe: StoredUser = {
        username: 'Zoë'.normalize('NFC'),
        password: 'secret of zoe',
        authorities: ['USER'],
      }
      await store.put(zoe)
      const subjects = new Set<string | undefined>()
      for (const form of ['NFC', 'NFD'])
        subjects.add((await logIn('Zoë'.normalize(form), zoe.password))?.subject)
      expect([subjects.size, subjects.has(undefined)]).toEqual([1, false])
    })

    test('other authorities and claims count from the next login on', async () => {
      const { subject } = (await logIn('carol', carol.password))!
      await store.put({ ...carol, authorities: ['USER'] })
      expect(await logIn('carol', carol.password)).toMatchObject({ subject, authorities: ['USER'] })
    })

    test('a changed password: the new one, and no longer the old one', async () => {
      const { subject } = (await logIn('carol', carol.password))!
      await store.put({ ...carol, password: 'another secret' })
      expect(await logIn('carol', carol.password)).toBeUndefined()
      expect((await logIn('carol', 'another secret'))?.subject).toBe(subject)
    })

    test('who is gone does not log in, and is logged out; everybody else stays', async () => {
      const { context } = store.world
      const browser = { address: '192.0.2.1', userAgent: '' }
      const [one, another] = [await logIn('carol', carol.password), await logIn('dave', dave.password)]
      const cookies = [
        await startSession(context, one!, browser),
        await startSession(context, another!, browser),
      ]
      await store.remove('carol')
      expect(await logIn('carol', carol.password)).toBeUndefined()
      await lookAgain(one!)
      await lookAgain(another!)
      expect(cookies.map((cookie) => findSession(context, cookie)?.user.username)).toEqual([
        undefined,
        'dave',
      ])
      expect(tally(store.world)).toMatchObject({ 'session.ended': 1 })
    })

    test('guesses are counted, wherever the user is kept', async () => {
      const { context } = store.world
      for (let i = 0; i < 5; i++)
        expect(await authenticateUser(context, 'carol', 'wrong', '192.0.2.9')).toBeUndefined()
      await expect(authenticateUser(context, 'carol', carol.password, '192.0.2.9')).rejects.toMatchObject({
        status: 429,
      })
    })

    if (canFail)
      test('a store that fails says neither yes nor no: 503, and what was known holds', async () => {
        const { context } = store.world
        const user = (await logIn('carol', carol.password))!
        const cookie = await startSession(context, user, { address: '192.0.2.1', userAgent: '' })
        await store.break!()
        for (const password of [carol.password, 'wrong'])
          await expect(logIn('carol', password)).rejects.toMatchObject({
            code: 'temporarily_unavailable',
            status: 503,
          })
        await lookAgain(user)
        expect(findSession(context, cookie)?.user.subject).toBe(user.subject)
      })
  })
}
