import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ledgerStats } from '../../src/audit/stats.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { statsBlock } from '../../src/stats-text.ts'
import { lifeEvents, liveThrough, startMs, template, temporaryDirectory } from './support.ts'

async function statsOf(directory: string, lastEvents = 1000, types = false) {
  const storage = await openStorage(join(directory, 'ledger'))
  try {
    return await ledgerStats(storage, { directory: join(directory, 'ledger'), lastEvents, types })
  } finally {
    await storage.close()
  }
}

test('of a ledger with a life in it', async () => {
  const directory = await template(liveThrough)
  const stats = await statsOf(directory, 4, true)
  expect(stats).toEqual({
    events: lifeEvents,
    diskBytes: expect.any(Number),
    bytesPerEvent: stats.diskBytes / lifeEvents,
    segments: { count: 0, events: 0, fileBytes: 0, compression: null, streams: 0 },
    oldest: new Date(startMs + 1000).toISOString(),
    newest: new Date(startMs + 12_000).toISOString(),
    // One append a second.
    rate: { events: 4, perSecond: 1 },
    checkpoints: { count: 2, lastSize: lifeEvents },
    anchors: { confirmed: 0, pending: 0, anchoredSize: 0 },
    dropped: { payloads: 0, streams: 0, sideRecords: 0 },
    types: {
      'server.opened': 1,
      'client.registered': 1,
      'user.registered': 2,
      'user.removed': 1,
      'session.started': 1,
      'session.ended': 1,
      'consent.given': 1,
      'code.issued': 1,
      'code.redeemed': 1,
      'token.issued': 1,
      'token.refreshed': 1,
      'grant.revoked': 1,
    },
  })
  expect(stats.diskBytes).toBeGreaterThan(1000)
  expect(statsBlock(stats)).toMatchObject({ Events: '13', Rate: '1.00 events a second (last 4)' })
})

test('of an empty one', async () => {
  const directory = await temporaryDirectory()
  const stats = await statsOf(directory)
  expect(stats).toMatchObject({ events: 0, bytesPerEvent: null, oldest: null, newest: null })
  expect(stats.rate).toEqual({ events: 0, perSecond: null })
  expect(stats).not.toHaveProperty('types')
})
