/** Users of a repository that the settings name, as the administrator adds and removes them: 1.1's save and delete. */
import type { KeptUser } from '../authorization-server/user-directory.ts'
import type { Administrator } from './administration.ts'
import { ControlError } from './connection.ts'

/**
 * Adds a user where they are kept, if that is not the ledger.
 *
 * @returns whether it is elsewhere, and done
 * @throws ControlError elsewhere, exists, signature or unavailable
 */
export async function saveElsewhere(administrator: Administrator, user: KeptUser): Promise<boolean> {
  if (!(await keeperFor(administrator))) return false
  await administrator.connection.operations.saveUser(user)
  return true
}

/**
 * Removes a user where they are kept, if that is not the ledger and takes it from here.
 *
 * @returns false where the user is for the ledger to remove: it takes back nobody whom the administrator removed
 * @throws ControlError not_found, signature or unavailable
 */
export async function deleteElsewhere(administrator: Administrator, username: string): Promise<boolean> {
  if (!(await keeperFor(administrator))?.canDelete) return false
  await administrator.connection.operations.deleteUser({ username })
  return true
}

/** No event is signed, so nobody but this asks whose key it is. */
async function keeperFor({ connection: { operations }, key }: Administrator) {
  const keeper = await operations.userKeeper({})
  if (keeper && (await operations.status({})).administrator !== key.address)
    throw new ControlError('signature', 'the private key is not that of the administrator')
  return keeper
}
