/** A changed password: what the former one was checked by is in no file of the ledger, wherever LevelDB had put it. */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { hashSecret } from '../../src/authorization-server/secret-checker.ts'
import { rangeOf } from '../../src/ledger/layout.ts'
import { openWorld, passwordChanged, registerUser, signedRequest } from '../support/authorization.ts'
import { filesHolding, temporaryFolder } from '../support/ledger.ts'

test('neither in the table of its side record nor in that of its row', async () => {
  const folder = temporaryFolder()
  const world = await openWorld({ folder })
  const former = await hashSecret('the former one')
  const { subject } = await registerUser(world, 'alice-subject', 'alice', former)
  // A table that was merged takes a megabyte: with these in between, the user's row and the side record lie in two.
  for (const round of ['one', 'two']) {
    const batch = world.storage.batch()
    for (const kind of ['a', 't', 'z'])
      for (let index = 0; index < 64; index++)
        batch.put(Buffer.from(`${kind} ${round} ${index}`), randomBytes(65_536))
    await batch.write()
    for (const kind of ['annex', 'row', 'tile', 'side', 'own'] as const)
      await world.storage.compact(rangeOf(kind))
  }
  const holding = (text: string) => filesHolding(folder, text)
  const [salt, digest] = former.split('$').slice(-2) as [string, string]
  expect(holding(digest)).toHaveLength(2)
  const event = passwordChanged(subject, 'alice', await hashSecret('the next one'))
  await administer(world.context, signedRequest(world, event, { stream: `user:${subject}` }))
  for (const text of [salt, digest]) expect(holding(text)).toEqual([])
})
