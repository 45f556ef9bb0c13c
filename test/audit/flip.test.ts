/** One flipped bit anywhere in any record is found, and its position named first. */
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { type VerifyOptions, verifyLedger } from '../../src/audit/verify.ts'
import { eventKey } from '../../src/ledger/layout.ts'
import { openStorage, type Storage, type StorageReader } from '../../src/ledger/storage.ts'
import { liveThrough, options as strict, template } from './support.ts'

/** The same few signatures, over and over. */
const verified = new Map<string, boolean>()
const options: VerifyOptions = {
  verifyMessage(...message) {
    const name = message.join('\0')
    const known = verified.get(name) ?? strict.verifyMessage(...message)
    verified.set(name, known)
    return known
  },
}

const logs: { storage: Storage; size: number }[] = []

beforeAll(async () => {
  // Only a partial tile; full tiles and a partial one; exactly full.
  for (const tokens of [0, 300, 243]) {
    const directory = await template(async (log) => {
      await liveThrough(log)
      await log.issueToClient(tokens)
    })
    logs.push({ storage: await openStorage(`${directory}/ledger`), size: 13 + tokens })
  }
  return async () => {
    for (const { storage } of logs) await storage.close()
  }
})

/** The ledger as it is on disk, but for one record. */
const withRecord = (storage: Storage, position: number, record: Buffer): StorageReader => ({
  get: (key) => (key.equals(eventKey(position)) ? record : storage.get(key)),
  async *entries(range) {
    for await (const [key, value] of storage.entries(range))
      yield [key, key.equals(eventKey(position)) ? record : value]
  },
})

test('a flipped bit of a record', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...logs),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer({ min: 0, max: 7 }),
      async ({ storage, size }, place, offset, bit) => {
        const position = Math.floor(place * size)
        const record = storage.get(eventKey(position))!
        const flipped = Buffer.from(record)
        flipped[Math.floor(offset * flipped.length)]! ^= 1 << bit
        const reader = withRecord(storage, position, flipped)
        const { ok, faults, events } = await verifyLedger(reader, options)
        expect({ ok, events, faults }).toMatchObject({
          ok: false,
          events: size,
          faults: [{ position, kind: 'record_altered' }],
        })
        expect(faults).toHaveLength(1)
      },
    ),
    { numRuns: 300 },
  )
})

test('every byte of every record of a short log', async () => {
  const { storage, size } = logs[0]!
  for (let position = 0; position < size; position++) {
    const record = storage.get(eventKey(position))!
    for (let at = 0; at < record.length; at++) {
      const flipped = Buffer.from(record)
      flipped[at]! ^= 0x20
      const { faults } = await verifyLedger(withRecord(storage, position, flipped), options)
      expect(faults.map(({ position, kind }) => [position, kind])).toEqual([[position, 'record_altered']])
    }
  }
  expect(await verifyLedger(storage, options)).toMatchObject({ ok: true })
}, 300_000)
