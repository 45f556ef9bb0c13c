/** Passwords and client secrets: right, wrong, and as much work for those that nobody has. */
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { authenticateClient } from '../../src/authorization-server/authenticate-client.ts'
import { hashSecret, SecretChecker } from '../../src/authorization-server/secret-checker.ts'
import { authenticateUser } from '../../src/authorization-server/session.ts'
import { clientCredentials } from '../../src/oauth/client-authentication.ts'
import {
  answerOrCode,
  openWorld,
  registerClient,
  registerUser,
  signedRequest,
  userRemoved,
} from '../support/authorization.ts'

const argon2 = vi.hoisted(() => ({ verifications: 0 }))
vi.mock('@node-rs/argon2', async (original) => {
  const real = await original<typeof import('@node-rs/argon2')>()
  return {
    ...real,
    verify: (...of: Parameters<typeof real.verify>) => {
      argon2.verifications++
      return real.verify(...of)
    },
  }
})
beforeEach(() => {
  argon2.verifications = 0
})

/** How much work a check was. */
async function workOf(run: () => unknown): Promise<number> {
  const before = argon2.verifications
  await run()
  return argon2.verifications - before
}

describe('a secret', () => {
  test('is kept as argon2id with a salt of its own', async () => {
    const [one, other] = [await hashSecret('secret'), await hashSecret('secret')]
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(one).not.toBe(other)
  })

  test.each([
    ['the right one', 'secret', true],
    ['a wrong one', 'Secret', false],
    ['an empty one', '', false],
    ['one with a null behind it', 'secret\0', false],
  ])('%s: %s', async (_, secret, expected) => {
    expect(await new SecretChecker().check(await hashSecret('secret'), secret)).toBe(expected)
  })

  test('that was right is remembered, for its own hash only', async () => {
    const checker = new SecretChecker()
    const [hash, other] = [await hashSecret('secret'), await hashSecret('other')]
    expect(await workOf(() => checker.check(hash, 'secret'))).toBe(1)
    expect(await workOf(() => checker.check(hash, 'secret'))).toBe(0)
    expect(checker.check(hash, 'secret')).toBe(true)
    expect(await checker.check(other, 'secret')).toBe(false)
    expect(await checker.check(hash, 'wrong')).toBe(false)
    expect(checker.check(hash, 'secret')).toBe(true)
  })

  test('that was wrong is not remembered', async () => {
    const checker = new SecretChecker()
    const hash = await hashSecret('secret')
    for (let i = 0; i < 3; i++) expect(await workOf(() => checker.check(hash, 'wrong'))).toBe(1)
  })
})

describe('the queue', () => {
  test('a new secret is hashed in its turn: behind the checks that wait, and not at all behind too many', async () => {
    const checker = new SecretChecker()
    const hash = await hashSecret('secret')
    const check = (n: number) => Promise.resolve(checker.check(hash, `wrong ${n}`))
    const done: string[] = []
    const few = Array.from({ length: 6 }, (_, n) => check(n).then(() => done.push('check')))
    const hashed = checker.hash('new').then((text) => {
      done.push('hash')
      return text
    })
    await Promise.all([...few, hashed])
    // Three at once: it begins when four of the six have ended.
    expect(done.indexOf('hash')).toBeGreaterThanOrEqual(4)
    expect(await checker.check(await hashed, 'new')).toBe(true)

    const waiting = Array.from({ length: 3 + 256 }, (_, n) => check(n))
    await expect(checker.hash('one too many')).rejects.toMatchObject({
      code: 'temporarily_unavailable',
      status: 503,
    })
    expect(await Promise.all(waiting)).not.toContain(true)
  })
})

describe('as much work', () => {
  test('for a wrong secret as for no hash at all', async () => {
    const checker = new SecretChecker()
    const hash = await hashSecret('secret')
    await checker.check(hash, 'secret')
    expect(await checker.check(undefined, 'wrong')).toBe(false)
    expect(await workOf(() => checker.check(undefined, 'wrong'))).toBe(1)
    expect(await workOf(() => checker.check(hash, 'wrong'))).toBe(1)
  })

  test('also when the same one is tried many times at once', async () => {
    const checker = new SecretChecker()
    const hash = await hashSecret('secret')
    const tenTimes = (secretHash: string | undefined) => () =>
      Promise.all(Array.from({ length: 10 }, () => checker.check(secretHash, 'wrong')))
    expect(await workOf(tenTimes(hash))).toBe(1)
    expect(await workOf(tenTimes(undefined))).toBe(1)
  })

  test('for every client that fails', async () => {
    const world = await openWorld()
    await registerClient(world, 'confidential', {}, await hashSecret('secret'))
    await registerClient(world, 'erased')
    await registerClient(world, 'public', { authenticationMethod: 'none' })
    for (const clientId of ['confidential', 'erased', 'public', 'unknown', '__proto__', 'constructor']) {
      const credentials = { clientId, secret: 'wrong', method: 'client_secret_basic' } as const
      let code: unknown
      const work = await workOf(async () => {
        code = await answerOrCode(() => authenticateClient(world.context, credentials, '127.0.0.1'))
      })
      expect([clientId, code, work]).toEqual([clientId, 'invalid_client', 1])
    }
  })

  test('for every user who fails', async () => {
    const world = await openWorld()
    const hash = await hashSecret('secret')
    await registerUser(world, 'alice', 'alice', hash)
    await registerUser(world, 'bob', 'bob', hash)
    await administer(world.context, signedRequest(world, userRemoved('bob'), { stream: 'user:bob' }))
    for (const [name, password] of [
      ['alice', 'wrong'],
      ['bob', 'secret'],
      ['nobody', 'secret'],
      ['__proto__', 'secret'],
    ] as const) {
      let user: unknown = 'not asked'
      const work = await workOf(async () => {
        user = await authenticateUser(world.context, name, password, '127.0.0.1')
      })
      expect([name, user, work]).toEqual([name, undefined, 1])
    }
    expect(await authenticateUser(world.context, 'alice', 'secret', '127.0.0.1')).toMatchObject({
      subject: 'alice',
    })
  })
})

describe('RFC 6749 section 2.3: a client authenticates', () => {
  test('by its secret, or, a public one, by its name alone', async () => {
    const world = await openWorld()
    await registerClient(world, 'confidential', {}, await hashSecret('secret'))
    await registerClient(world, 'public', { authenticationMethod: 'none' })
    const authenticate = (form: Record<string, string>) =>
      answerOrCode(() => authenticateClient(world.context, clientCredentials(undefined, form), '127.0.0.1'))
    expect(await authenticate({ client_id: 'confidential', client_secret: 'secret' })).toMatchObject({
      clientId: 'confidential',
    })
    expect(await authenticate({ client_id: 'public' })).toMatchObject({ clientId: 'public' })
    expect(await authenticate({ client_id: 'confidential' })).toBe('invalid_client')
    expect(await authenticate({ client_id: 'public', client_secret: '' })).toBe('invalid_client')
    expect(await authenticate({ client_id: 'unknown' })).toBe('invalid_client')
  })
})
