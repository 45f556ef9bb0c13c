/**
 * A user repository as an ES module: users in a JSON file. Copy it, and name it by signon.server.user-repository.
 * SIGNON_USERS_FILE holds an array of {"username", "passwordHash" (argon2id), "authorities", "claims"}.
 */
import { readFile } from 'node:fs/promises'

/** Part of the pseudonyms of its users: keep it. */
export const name = 'users in a file'

/** Asked at every login, and about once a minute while a user's tokens are in use. */
export async function findByUsername(username) {
  const users = JSON.parse(await readFile(process.env.SIGNON_USERS_FILE, 'utf8'))
  return users.find((user) => user.username === username)
}
