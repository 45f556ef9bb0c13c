/** What the control socket says of a ledger that cannot be read. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectTo } from '../../src/admin/connection.ts'
import { listenOnControlSocket } from '../../src/admin/control-socket.ts'
import type { Operations } from '../../src/admin/operations.ts'
import { eventKey } from '../../src/ledger/layout.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { collect } from '../support/collect.ts'
import { temporaryFolder } from '../support/ledger.ts'

test('the reason comes through, whichever way is read', async () => {
  const folder = temporaryFolder()
  const storage = await openStorage(join(folder, 'ledger'))
  const path = join(folder, 'control')
  const server = await listenOnControlSocket(path, { status: () => ({}) } as unknown as Operations, storage)
  onTestFinished(() => server.close())
  const { reader } = (await connectTo(path))!
  const range = { gte: eventKey(0), lt: eventKey(1) }
  expect(await collect(reader.entries(range))).toEqual([])
  // As between a failed write and the opening after it.
  await storage.close()
  const ways = [
    () => collect(reader.entries(range)),
    () => collect(reader.entriesOf!([range])),
    async () => reader.get(eventKey(0)),
  ]
  const why = /^the server cannot read its ledger: the ledger (is|cannot) /
  for (const way of ways)
    await expect(way()).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(why) })
})
