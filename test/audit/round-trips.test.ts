/** How many questions to a running server an audit takes: each waits its turn on a busy machine. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectTo } from '../../src/admin/connection.ts'
import { listenOnControlSocket } from '../../src/admin/control-socket.ts'
import type { Operations } from '../../src/admin/operations.ts'
import { historyOf } from '../../src/audit/history.ts'
import { encodeReceipt } from '../../src/audit/receipt.ts'
import { openStorage, type Storage, type StorageReader } from '../../src/ledger/storage.ts'
import { makeReceipt } from '../../src/receipts.ts'
import { collect } from '../support/collect.ts'
import { liveThrough, template, temporaryDirectory, token } from './support.ts'

let storage: Storage
let reader: StorageReader
let questions = 0
let close: () => Promise<void>

beforeAll(async () => {
  const directory = await template(async (log) => {
    await liveThrough(log)
    // So many that a proof needs several tiles.
    await log.issueToClient(1000)
    await log.checkpoints.sign()
  })
  storage = await openStorage(join(directory, 'ledger'))
  const path = join(await temporaryDirectory(), 'control')
  const server = await listenOnControlSocket(path, { status: () => ({}) } as unknown as Operations, storage)
  reader = (await connectTo(path))!.reader
  server.server.on('request', () => questions++)
  close = async () => {
    await server.close()
    await storage.close()
  }
})
afterAll(() => close())

async function asked<T>(ask: (from: StorageReader) => Promise<T>): Promise<number> {
  const here = await ask(storage)
  questions = 0
  expect(await ask(reader)).toEqual(here)
  return questions
}

test.each([token('at', 'two'), token('rt', 'two')])(
  'the history of %s: its row, its stream, its records',
  async (text) => {
    const count = await asked(async (from) => {
      const events = await collect(await historyOf(from, { token: text }))
      expect(events.length).toBeGreaterThan(1)
      return events
    })
    expect(count).toBeLessThanOrEqual(3)
  },
)

test('the history of a client: a few for hundreds of grants', async () => {
  const count = await asked(
    async (from) => (await collect(await historyOf(from, { client: 'trusted' }))).length,
  )
  // Two for its own stream and its grants, then two for each 256 grants, and one for each 256 records.
  expect(count).toBeLessThan(20)
})

test('a receipt of a token: its proofs, with all their tiles, are one', async () => {
  const count = await asked(async (from) =>
    encodeReceipt(await makeReceipt({ reader: from }, { token: token('at', 'two') }, { unanchored: true })),
  )
  // As many where nothing of what goes on beside each other falls into one turn.
  expect(count).toBeLessThanOrEqual(17)
})
