/** Users of an ES module: the example of examples/users-in-a-file.js. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { KeyedHash } from '../../src/authorization-server/keyed-hash.ts'
import { hashSecret, SecretChecker } from '../../src/authorization-server/secret-checker.ts'
import { UserDirectory } from '../../src/authorization-server/user-directory.ts'
import { openModuleRepository } from '../../src/users/module.ts'
import { openWorld } from '../support/authorization.ts'
import { temporaryFolder } from '../support/ledger.ts'
import { contractOfUsers } from './contract.ts'

const example = fileURLToPath(new URL('../../examples/users-in-a-file.js', import.meta.url))
const checker = new SecretChecker()
const open = (file: string) => openModuleRepository(file, (hash, secret) => checker.check(hash, secret))

test('the example: name and password, and what the module says of the user', async () => {
  const file = join(temporaryFolder(), 'users.json')
  const users = [{ username: 'alice', passwordHash: await hashSecret('secret'), authorities: ['USER'] }]
  writeFileSync(file, JSON.stringify(users))
  process.env.SIGNON_USERS_FILE = file
  onTestFinished(() => void delete process.env.SIGNON_USERS_FILE)
  const repository = await open(example)
  expect(repository.id).toBe('module:users in a file')
  expect(await repository.authenticate('alice', 'secret')).toEqual({
    id: 'alice',
    username: 'alice',
    authorities: ['USER'],
  })
  expect(await repository.authenticate('alice', 'wrong')).toBeUndefined()
  expect(await repository.authenticate('bob', 'secret')).toBeUndefined()
  writeFileSync(file, 'no JSON')
  await expect(repository.authenticate('alice', 'secret')).rejects.toMatchObject({ name: 'RepositoryError' })
})

contractOfUsers('in an ES module', async () => {
  const world = await openWorld()
  const file = join(temporaryFolder(), 'users.json')
  process.env.SIGNON_USERS_FILE = file
  onTestFinished(() => void delete process.env.SIGNON_USERS_FILE)
  const users = new Map<string, object>()
  const write = async () => writeFileSync(file, JSON.stringify([...users.values()]))
  world.context.directory = new UserDirectory(
    await open(example),
    new KeyedHash(Buffer.alloc(32, 4)),
    () => {},
  )
  return {
    world,
    async put({ password, ...user }) {
      users.set(user.username, { ...user, passwordHash: await hashSecret(password) })
      await write()
    },
    async remove(username) {
      users.delete(username)
      await write()
    },
    break: async () => writeFileSync(file, 'no JSON'),
  }
})

test.each([
  ['a file that is not there', undefined],
  ['a module that throws', 'throw new Error("x")'],
  ['a module of something else', 'export const x = 1'],
])('%s is refused', async (_, text) => {
  const file = join(temporaryFolder(), 'module.mjs')
  if (text !== undefined) writeFileSync(file, text)
  await expect(open(file)).rejects.toMatchObject({ name: 'RepositoryError' })
})
