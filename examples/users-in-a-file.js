/**
 * A user repository as an ES module: users in a JSON file. Copy it, and name it by signon.server.user-repository.
 * SIGNON_USERS_FILE holds an array of {"username", "passwordHash" (argon2id), "authorities", "claims"}.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'

/** Part of the pseudonyms of its users: keep it. */
export const name = 'users in a file'

const file = () => process.env.SIGNON_USERS_FILE

async function readUsers() {
  return JSON.parse(await readFile(file(), 'utf8'))
}

let turn = Promise.resolve()

/** One change after the other; whoever reads meanwhile finds the file as it was or as it will be. */
function change(to) {
  const done = turn.then(async () => {
    const users = to(await readUsers())
    await writeFile(`${file()}.new`, `${JSON.stringify(users, null, 2)}\n`, { mode: 0o600 })
    await rename(`${file()}.new`, file())
  })
  turn = done.catch(() => {})
  return done
}

/** Asked at every login, and about once a minute while a user's tokens are in use. */
export async function findByUsername(username) {
  const users = await readUsers()
  return users.find((user) => user.username === username)
}

/** What `user create` brings: the same as findByUsername answers with. Leave it out where users are added elsewhere. */
export function save(user) {
  return change((users) => [...users.filter(({ username }) => username !== user.username), user])
}

/** For `user remove`. */
function remove(username) {
  return change((users) => users.filter((user) => user.username !== username))
}

export { remove as delete }
