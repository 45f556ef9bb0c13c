import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { leafHash } from '../../src/tree/hash.ts'
import { verifyConsistency, verifyInclusion } from '../../src/tree/proofs.ts'
import {
  consistencyProof,
  frontierAt,
  inclusionProof,
  type ReadTile,
  rootAt,
  subtreeHash,
} from '../../src/tree/tile-proofs.ts'
import { Tile } from '../../src/tree/tiles.ts'
import { buildLog } from './log.ts'
import { merkleTreeHash, path, proof } from './reference.ts'

const small = buildLog(700)
const large = buildLog(70_000)

const twoSizes = (max: number) =>
  fc.tuple(fc.nat(max), fc.nat(max)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)

describe('proofs from tiles', () => {
  test('the root is the frontier root and the recursive root at every size', () => {
    for (let size = 0; size <= 700; size += size < 70 || size % 256 > 250 ? 1 : 13) {
      const root = merkleTreeHash(small.records.slice(0, size))
      expect(rootAt(small.readTile, size)).toEqual(root)
      expect(frontierAt(small.readTile, size).root()).toEqual(root)
    }
    expect(rootAt(large.readTile, 70_000)).toEqual(large.frontier.root())
  })

  test('RFC 9162 section 2.1.3.1: every leaf proves at every size', () => {
    for (let size = 1; size <= 40; size++)
      for (let index = 0; index < size; index++) {
        const records = small.records.slice(0, size)
        const found = inclusionProof(small.readTile, index, size)
        expect(found).toEqual(path(index, records))
        verifyInclusion(index, size, leafHash(records[index]!), found, merkleTreeHash(records))
      }
    fc.assert(
      fc.property(fc.nat(699), fc.nat(699), (a, b) => {
        const index = Math.min(a, b)
        const records = small.records.slice(0, Math.max(a, b) + 1)
        expect(inclusionProof(small.readTile, index, records.length)).toEqual(path(index, records))
      }),
    )
    fc.assert(
      fc.property(fc.nat(69_999), fc.nat(69_999), (a, b) => {
        const index = Math.min(a, b)
        const size = Math.max(a, b) + 1
        const found = inclusionProof(large.readTile, index, size)
        verifyInclusion(index, size, leafHash(large.records[index]!), found, rootAt(large.readTile, size))
      }),
    )
  })

  test('RFC 9162 section 2.1.4.1: any two sizes have a consistency proof', () => {
    const check = (from: number, to: number) => {
      const records = small.records.slice(0, to)
      const found = consistencyProof(small.readTile, from, to)
      if (from > 0) expect(found).toEqual(proof(from, records))
      verifyConsistency(from, to, merkleTreeHash(records.slice(0, from)), merkleTreeHash(records), found)
    }
    for (let to = 0; to <= 40; to++) for (let from = 0; from <= to; from++) check(from, to)
    fc.assert(fc.property(twoSizes(700), ([from, to]) => check(from, to)))
    fc.assert(
      fc.property(twoSizes(70_000), ([from, to]) => {
        const found = consistencyProof(large.readTile, from, to)
        verifyConsistency(from, to, rootAt(large.readTile, from), rootAt(large.readTile, to), found)
      }),
    )
  })

  test('an asynchronous reader gives promises of the same', async () => {
    const readLater: ReadTile<Promise<Buffer | undefined>> = async (...tile) => large.readTile(...tile)
    expect(await rootAt(readLater, 69_999)).toEqual(rootAt(large.readTile, 69_999))
    expect(await rootAt(readLater, 0)).toEqual(rootAt(large.readTile, 0))
    expect(await inclusionProof(readLater, 123, 69_999)).toEqual(inclusionProof(large.readTile, 123, 69_999))
    expect(await consistencyProof(readLater, 300, 70_000)).toEqual(
      consistencyProof(large.readTile, 300, 70_000),
    )
    expect((await frontierAt(readLater, 70_000)).serialize()).toEqual(large.frontier.serialize())
    expect(await subtreeHash(readLater, { height: 0, index: 300 })).toEqual(leafHash(large.records[300]!))
    await expect(rootAt(async () => undefined, 5)).rejects.toMatchObject({ code: 'invalid_tile' })
  })

  test('a cache may give tiles that are wider by now', () => {
    const cache = new Map<string, Tile>()
    const readCached = (level: number, index: number) => {
      const key = `${level}/${index}`
      const tile = cache.get(key) ?? new Tile(large.readTile(level, index, 256)!)
      cache.set(key, tile)
      return tile
    }
    fc.assert(
      fc.property(twoSizes(69_999), ([index, last]) => {
        const expected = inclusionProof(large.readTile, index, last + 1)
        expect(inclusionProof(readCached, index, last + 1)).toEqual(expected)
      }),
    )
  })

  test('each tile is read once, none beyond the asked size', () => {
    const seen: string[] = []
    inclusionProof(
      (level, index, width) => {
        seen.push(`${level}/${index}/${width}`)
        return large.readTile(level, index, width)
      },
      5,
      66_000,
    )
    expect(seen.sort()).toEqual(['0/0/256', '0/257/208', '1/0/256', '1/1/1'])
  })

  test('subtrees have their own hashes', () => {
    for (const [height, index] of [
      [0, 0],
      [0, 699],
      [3, 5],
      [8, 1],
      [9, 0],
    ] as const)
      expect(subtreeHash(small.readTile, { height, index })).toEqual(
        merkleTreeHash(small.records.slice(index * 2 ** height, (index + 1) * 2 ** height)),
      )
  })

  test('a missing, short or ragged tile is named', () => {
    const faulty = (change: (bytes: Buffer | undefined) => Buffer | undefined) => () =>
      rootAt((...tile) => change(small.readTile(...tile)), 700)
    for (const change of [
      () => undefined,
      (bytes: Buffer | undefined) => bytes?.subarray(32),
      (bytes: Buffer | undefined) => bytes?.subarray(1),
    ])
      expect(faulty(change)).toThrow(expect.objectContaining({ code: 'invalid_tile' }))
  })

  test('a short tile is named with the width it should have', () => {
    expect(() => rootAt((...tile) => small.readTile(...tile)?.subarray(32), 700)).toThrow(
      'tile 1/0 has 1 of 2 hashes',
    )
    expect(() => rootAt(() => undefined, 700)).toThrow('tile 1/0 is missing')
  })

  test('leaves and sizes that do not exist are refused before anything is read', () => {
    const readNothing: ReadTile<Buffer> = () => {
      throw new Error('must not be called')
    }
    for (const ask of [
      () => inclusionProof(readNothing, 5, 5),
      () => inclusionProof(readNothing, -1, 5),
      () => inclusionProof(readNothing, 0.5, 5),
      () => inclusionProof(readNothing, 0, 2 ** 53),
      () => consistencyProof(readNothing, 6, 5),
      () => consistencyProof(readNothing, -1, 5),
      () => rootAt(readNothing, -1),
      () => rootAt(readNothing, Number.NaN),
    ])
      expect(ask).toThrow(expect.objectContaining({ code: 'invalid_argument' }))
  })
})
