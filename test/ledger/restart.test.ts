/** What is found again at the next start, and who may open a ledger. */
import { describe, expect, test } from 'vitest'
import { eventKey, frontierKey, tileKey } from '../../src/ledger/layout.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { proveConsistency, proveInclusion, rootOfSize } from '../../src/ledger/reader.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { leafHash } from '../../src/tree/hash.ts'
import { verifyConsistency, verifyInclusion } from '../../src/tree/proofs.ts'
import { checkLedger, codeOf, openLedger, temporaryFolder } from '../support/ledger.ts'
import { projectTexts, textCodec } from '../support/text-events.ts'

const many = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ text: `event ${from + i}`, ...(i % 7 === 0 && { side: 'p' }) }))

describe('a ledger opened again', () => {
  test('has the same size, frontier and rows, and goes on', async () => {
    const folder = temporaryFolder()
    const first = await openLedger(folder)
    await first.ledger.append('a', 0, many(3), 7000)
    const { size, frontier } = first.ledger
    await first.ledger.close()

    const second = await openLedger(folder)
    expect(second.ledger.size).toBe(size)
    expect(second.ledger.frontier).toEqual(frontier)
    expect(second.heard).toEqual([])
    const [recorded] = await second.ledger.append('a', 3, many(1), 1000)
    expect(recorded).toMatchObject({ position: 3, version: 3, timeMs: 7000 })
    expect(await codeOf(second.ledger.append('a', 3, many(1), 0))).toBe('conflict')
    await checkLedger(second)
  })

  test.each([1, 255, 256, 257, 511, 512, 513, 1000])('at %i events, and one more', async (count) => {
    const folder = temporaryFolder()
    const first = await openLedger(folder)
    await first.ledger.append('a', 0, many(count), 0)
    await checkLedger(first)
    await first.ledger.close()
    const second = await openLedger(folder)
    await checkLedger(second)
    await second.ledger.append('a', count, many(1, count), 0)
    await checkLedger(second)
  })

  test('after every event, it is the ledger that was never closed', async () => {
    const folder = temporaryFolder()
    for (let size = 0; size < 12; size++) {
      const open = await openLedger(folder)
      await open.ledger.append('a', size, many(1, size), 0)
      await checkLedger(open)
      await open.ledger.close()
    }
  })
})

describe('tiles', () => {
  test('one of level 2 begins with event 65,536, and proofs go through it', {
    timeout: 120_000,
  }, async () => {
    const folder = temporaryFolder()
    const first = await openLedger(folder)
    const step = 4096
    for (let from = 0; from < 65_536; from += step) await first.ledger.append(`s${from}`, 0, many(step), 0)
    const { ledger } = first
    expect(ledger.storage.get(tileKey(2, 0))?.length).toBe(32)
    expect(ledger.storage.get(tileKey(1, 0))?.length).toBe(256 * 32)
    const early = rootOfSize(ledger.storage, 65_535)
    await ledger.append('last', 0, many(2), 0)
    await ledger.close()

    const second = await openLedger(folder)
    const { storage, size } = second.ledger
    expect(size).toBe(65_538)
    const root = rootOfSize(storage, size)
    for (const position of [0, 255, 256, 65_535, 65_536, 65_537])
      verifyInclusion(
        position,
        size,
        leafHash(storage.get(eventKey(position))!),
        proveInclusion(storage, position, size),
        root,
      )
    verifyConsistency(65_535, size, early, root, proveConsistency(storage, 65_535, size))
    await second.ledger.append('after', 0, many(1), 0)
  })
})

describe('a folder', () => {
  test('that another ledger has open is locked', async () => {
    const folder = temporaryFolder()
    const first = await openLedger(folder)
    expect(await codeOf(openStorage(folder))).toBe('locked')
    await expect(openStorage(folder)).rejects.toThrow(/is in use by this process already$/)
    await first.ledger.append('a', 0, many(1), 0)
    await first.ledger.close()
    const second = await openLedger(folder)
    expect(second.ledger.size).toBe(1)
  })

  test.each([
    ['the last record', eventKey(2)],
    ['a record of the edge', eventKey(0)],
  ])('without %s is damaged', async (_, key) => {
    const folder = temporaryFolder()
    const first = await openLedger(folder)
    await first.ledger.append('a', 0, many(3), 0)
    const batch = first.storage.batch()
    batch.del(key)
    batch.del(tileKey(0, 0))
    await batch.write()
    await first.ledger.close()
    const storage = await openStorage(folder)
    try {
      expect(() => new Ledger(storage, textCodec, projectTexts)).toThrow(
        expect.objectContaining({
          code: 'damaged',
          message: expect.stringMatching(/^the record at position \d/),
        }),
      )
    } finally {
      await storage.close()
    }
  })

  test('with a malformed frontier is refused', async () => {
    const folder = temporaryFolder()
    const first = await openLedger(folder)
    await first.ledger.append('a', 0, many(3), 0)
    const batch = first.storage.batch()
    batch.put(frontierKey, Buffer.alloc(9))
    await batch.write()
    await first.ledger.close()
    const storage = await openStorage(folder)
    try {
      expect(() => new Ledger(storage, textCodec, projectTexts)).toThrow(/frontier/)
    } finally {
      await storage.close()
    }
  })
})
