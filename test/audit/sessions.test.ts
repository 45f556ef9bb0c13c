/** An audit of a ledger with passwords changed, sessions ended by time, pauses and users of a repository. */
import { expect, test } from 'vitest'
import { changePassword, registerUser, unlock, updateUser } from '../../src/admin/administration.ts'
import { verifyLedger } from '../../src/audit/verify.ts'
import { expireSessions } from '../../src/authorization-server/expire-sessions.ts'
import { KeyedHash } from '../../src/authorization-server/keyed-hash.ts'
import { authenticateUser, startSession } from '../../src/authorization-server/session.ts'
import { UserDirectory } from '../../src/authorization-server/user-directory.ts'
import { verifyMessage } from '../../src/chain/message.ts'
import { openRoutes } from '../support/http-routes.ts'

test('finds no fault in it, rows included', async () => {
  const routes = await openRoutes()
  try {
    const { context, administrator, clock } = routes
    const logIn = (name: string, password: string) => authenticateUser(context, name, password, '192.0.2.1')
    await registerUser(administrator, { username: 'alice', password: 'old', authorities: ['USER'] })
    const browser = { address: '192.0.2.1', userAgent: 'x' }
    await startSession(context, (await logIn('alice', 'old'))!, browser)
    await changePassword(administrator, 'alice', 'new')
    await changePassword(administrator, 'alice', 'newer')
    await updateUser(administrator, 'alice', ['ADMIN'])
    await startSession(context, (await logIn('alice', 'newer'))!, browser)
    for (let i = 0; i < 5; i++) await logIn('alice', 'wrong')
    await unlock(administrator, 'user', 'alice')
    let carol: string | undefined = 'carol'
    const find = async () => (carol === undefined ? undefined : { id: '1', username: carol, authorities: [] })
    const repository = { id: 'test', authenticate: find, findByUsername: find }
    const directory = new UserDirectory(repository, new KeyedHash(Buffer.alloc(32)), () => {})
    const user = (await directory.authenticate(context, 'carol', 'x'))!
    await startSession(context, user, browser)
    carol = 'caroline'
    await directory.authenticate(context, 'caroline', 'x')
    carol = undefined
    clock.nowMs += 60_000
    await directory.refresh(context, user.subject)
    clock.nowMs += 86_400_000
    await expireSessions(context)
    const { faults } = await verifyLedger(context.ledger.storage, {
      verifyMessage: (address, text, signature) => verifyMessage(text, address, signature),
      rows: true,
    })
    expect(faults).toEqual([])
  } finally {
    await routes.close()
  }
})
