import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import vectors from '../../fixtures/tree/rfc6962-eight-leaves.json' with { type: 'json' }
import { Frontier } from '../../src/tree/frontier.ts'
import { EMPTY_ROOT, leafHash } from '../../src/tree/hash.ts'
import { rowsCompletedBy } from '../../src/tree/tiles.ts'
import { buildLog } from './log.ts'
import { merkleTreeHash } from './reference.ts'

describe('frontier', () => {
  test('has the published roots', () => {
    const frontier = new Frontier()
    expect(frontier.root()).toEqual(EMPTY_ROOT)
    vectors.leaves.forEach((leaf, i) => {
      frontier.append(leafHash(Buffer.from(leaf, 'hex')))
      expect(frontier.size).toBe(i + 1)
      expect(frontier.root().toString('hex')).toBe(vectors.roots[i])
    })
  })

  test('has the root of the recursive definition at every size', () => {
    const { records } = buildLog(600)
    const frontier = new Frontier()
    records.forEach((record, i) => {
      frontier.append(leafHash(record))
      if (i < 80 || i % 37 === 0 || i % 256 < 3)
        expect(frontier.root()).toEqual(merkleTreeHash(records.slice(0, i + 1)))
    })
    expect(frontier.root()).toEqual(merkleTreeHash(records))
  })

  test('reports exactly the tile rows that a leaf completes', () => {
    const frontier = new Frontier()
    const leaf = leafHash(Buffer.of())
    for (let position = 0; position < 66_000; position++) {
      const reported: { level: number; index: number; row: number }[] = []
      frontier.append(leaf, (level, index) =>
        reported.push({ level, index: Math.floor(index / 256), row: index % 256 }),
      )
      const expected = rowsCompletedBy(position)
      if (expected.length > 1 || position < 1000) expect(reported).toEqual(expected)
      else expect(reported.length).toBe(1)
    }
  })

  test('takes full subtrees where they can begin, and comes to the same', () => {
    const { records, frontier } = buildLog(256 * 5 + 3)
    const [byLeaf, bySubtree]: [unknown[], unknown[]] = [[], []]
    const whole = new Frontier()
    for (const record of records)
      whole.append(leafHash(record), (level, index, hash) => level > 0 && byLeaf.push([level, index, hash]))
    const parts = new Frontier()
    const keep = (level: number, index: number, hash: Buffer) =>
      level > 0 && bySubtree.push([level, index, hash])
    for (const [first, height] of [
      [0, 9],
      [512, 8],
      [768, 7],
      [896, 7],
      [1024, 8],
    ] as const)
      parts.append(merkleTreeHash(records.slice(first, first + 2 ** height)), keep, height)
    for (const record of records.slice(1280)) parts.append(leafHash(record), keep)
    expect(parts.serialize()).toEqual(frontier.serialize())
    // The subtree of 512 leaves came as a whole: the two hashes inside are not known.
    expect(bySubtree).toEqual(byLeaf.slice(2))
    for (const height of [1, 2, 8])
      expect(() => parts.append(leafHash(records[0]!), keep, height)).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      )
  })

  test('a copy goes its own way', () => {
    const { frontier } = buildLog(13)
    const root = frontier.root()
    const copy = frontier.copy()
    for (let i = 0; i < 20; i++) copy.append(leafHash(Buffer.of(i)))
    expect(frontier.size).toBe(13)
    expect(frontier.root()).toEqual(root)
    expect(copy.size).toBe(33)
    for (let i = 0; i < 20; i++) frontier.append(leafHash(Buffer.of(i)))
    expect(frontier.root()).toEqual(copy.root())
  })

  test('survives storing at any size and appends on', () => {
    const { records } = buildLog(700)
    fc.assert(
      fc.property(fc.nat(600), fc.nat(100), (size, more) => {
        const frontier = new Frontier()
        for (const record of records.slice(0, size)) frontier.append(leafHash(record))
        const stored = frontier.serialize()
        const restored = Frontier.deserialize(stored)
        stored.fill(0)
        expect(restored.serialize()).toEqual(frontier.serialize())
        for (const record of records.slice(size, size + more)) restored.append(leafHash(record))
        expect(restored.size).toBe(size + more)
        expect(restored.root()).toEqual(merkleTreeHash(records.slice(0, size + more)))
      }),
      { numRuns: 60 },
    )
  })

  test('is stored as the size and the subtrees from left to right', () => {
    const { frontier, records } = buildLog(6)
    expect(frontier.serialize()).toEqual(
      Buffer.concat([
        Buffer.from('0000000000000006', 'hex'),
        merkleTreeHash(records.slice(0, 4)),
        merkleTreeHash(records.slice(4, 6)),
      ]),
    )
    expect(new Frontier().serialize()).toEqual(Buffer.alloc(8))
  })

  test('damaged storage is refused', () => {
    const stored = buildLog(6).frontier.serialize()
    const tooLarge = Buffer.from(stored)
    tooLarge.writeBigUInt64BE(2n ** 53n)
    const otherSize = Buffer.from(stored)
    otherSize.writeBigUInt64BE(7n)
    const bad = [Buffer.alloc(0), stored.subarray(0, 7), stored.subarray(1), stored.subarray(0, -1)]
    for (const bytes of [...bad, Buffer.concat([stored, Buffer.alloc(32)]), tooLarge, otherSize])
      expect(() => Frontier.deserialize(bytes)).toThrow(expect.objectContaining({ code: 'invalid_frontier' }))
  })

  test('a leaf hash has 32 bytes', () => {
    const frontier = new Frontier()
    expect(() => frontier.append(Buffer.alloc(31))).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    )
    expect(frontier.size).toBe(0)
  })
})
