/** Laws of a ledger on disk, whatever was appended in whatever batches and however often it was opened again. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { proveConsistency, proveInclusion, readRecords, rootOfSize } from '../../src/ledger/reader.ts'
import { leafHash } from '../../src/tree/hash.ts'
import { verifyConsistency, verifyInclusion } from '../../src/tree/proofs.ts'
import { checkLedger, openLedger, temporaryFolder } from '../support/ledger.ts'
import { merkleTreeHash } from '../tree/reference.ts'

const batches = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 })

test('every leaf is included, any two sizes are consistent, replay equals live', async () => {
  await fc.assert(
    fc.asyncProperty(batches, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), async (counts, picks) => {
      const folder = temporaryFolder()
      let size = 0
      for (const [index, count] of counts.entries()) {
        const { ledger } = await openLedger(folder)
        const streams = Array.from({ length: count }, (_, i) => `${index}-${i % 7}`)
        for (const stream of new Set(streams)) {
          const events = streams.filter((name) => name === stream).map((name) => ({ text: name }))
          await ledger.append(stream, 0, events, index)
        }
        size += count
        await ledger.close()
      }
      const open = await openLedger(folder)
      await checkLedger(open)
      const { storage } = open
      const records: Buffer[] = []
      for await (const [, record] of readRecords(storage, 0, size)) records.push(Buffer.from(record))
      expect(records).toHaveLength(size)
      const root = merkleTreeHash(records)
      for (const [position, record] of records.entries())
        verifyInclusion(position, size, leafHash(record), proveInclusion(storage, position, size), root)
      for (const pick of picks) {
        const to = 1 + (pick % size)
        const from = 1 + ((pick >>> 8) % to)
        const [older, newer] = [from, to].map((at) => merkleTreeHash(records.slice(0, at)))
        expect(rootOfSize(storage, to)).toEqual(newer)
        verifyConsistency(from, to, older!, newer!, proveConsistency(storage, from, to))
      }
      await open.ledger.close()
    }),
    { numRuns: 12 },
  )
})
