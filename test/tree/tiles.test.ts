import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import vectors from '../../fixtures/tree/tlog-tiles.json' with { type: 'json' }
import { treeSubtrees } from '../../src/tree/subtrees.ts'
import {
  parseTilePath,
  partialTiles,
  rowsCompletedBy,
  subtreeRows,
  Tile,
  tilePath,
  tileWidth,
} from '../../src/tree/tiles.ts'
import { buildLog } from './log.ts'
import { merkleTreeHash } from './reference.ts'

const coordinates = fc.record({
  level: fc.nat(63),
  index: fc.maxSafeNat(),
  width: fc.integer({ min: 1, max: 256 }),
})

describe('C2SP tlog-tiles: paths', () => {
  test.each(vectors.paths)('$path', ({ path, ...tile }) => {
    expect(tilePath(tile)).toBe(path)
    expect(parseTilePath(path)).toEqual(tile)
  })

  test.each([
    ['tile/0/000', { level: 0, index: 0, width: 256 }],
    ['tile/0/999.p/1', { level: 0, index: 999, width: 1 }],
    ['tile/2/x001/000.p/255', { level: 2, index: 1000, width: 255 }],
    ['tile/63/x009/x007/x199/x254/x740/991', { level: 63, index: 9007199254740991, width: 256 }],
  ])('%s', (path, tile) => {
    expect(tilePath(tile)).toBe(path)
    expect(parseTilePath(path)).toEqual(tile)
  })

  test.each([
    'tile/64/000',
    'tile/00/000',
    'tile/0/00',
    'tile/0/0000',
    'tile/0/x000/001',
    'tile/0/x001',
    'tile/0/001/x002',
    'tile/0/001/002',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/-1/000',
    'tile/0/x009/x007/x199/x254/x740/992',
    'tile/0/x001/x009/x007/x199/x254/x740/991',
    'tile/entries/000',
    '/tile/0/000',
    'tile/0/000\n',
    '',
  ])('%j is no tile', (path) => {
    expect(parseTilePath(path)).toBeUndefined()
  })

  test('every tile has one path', () => {
    fc.assert(
      fc.property(coordinates, (tile) => {
        expect(parseTilePath(tilePath(tile))).toEqual(tile)
      }),
    )
    fc.assert(
      fc.property(fc.string(), (text) => {
        const tile = parseTilePath(text)
        if (tile !== undefined) expect(tilePath(tile)).toBe(text)
      }),
    )
  })

  test('coordinates outside are refused', () => {
    const good = { level: 0, index: 0, width: 256 }
    for (const bad of [
      { level: 64 },
      { level: -1 },
      { index: -1 },
      { index: 0.5 },
      { width: 0 },
      { width: 257 },
    ])
      expect(() => tilePath({ ...good, ...bad })).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      )
  })
})

describe('C2SP tlog-tiles: partial tiles', () => {
  test.each(vectors.trees)('a tree of size $size', ({ size, full, partial }) => {
    expect(partialTiles(size)).toEqual(partial)
    full.forEach((count, level) => {
      expect(tileWidth(level, count - 1, size)).toBe(256)
      expect(tileWidth(level, count, size)).toBeLessThan(256)
    })
    for (const { level, index, width } of partial) expect(tileWidth(level, index, size)).toBe(width)
  })

  test('the rows of all leaves together are the tiles of the tree', () => {
    const counts = new Map<string, number>()
    for (let position = 0; position < 70_000; position++)
      for (const { level, index, row } of rowsCompletedBy(position)) {
        const key = `${level}/${index}`
        if (row !== (counts.get(key) ?? 0)) throw new Error(`row ${row} of ${key} out of order`)
        counts.set(key, row + 1)
      }
    for (const [key, count] of counts) {
      const [level, index] = key.split('/').map(Number)
      expect(count).toBe(tileWidth(level!, index!, 70_000))
    }
    expect(counts.size).toBe(274 + 2 + 1)
  })

  test('every subtree of every size lies in one tile that is wide enough', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (size) => {
        let leaves = 0
        for (const subtree of treeSubtrees(size)) {
          expect(subtree.index * 2 ** subtree.height).toBe(leaves)
          leaves += 2 ** subtree.height
          const { level, index, row, innerHeight } = subtreeRows(subtree)
          expect(row % 2 ** innerHeight).toBe(0)
          expect(row + 2 ** innerHeight).toBeLessThanOrEqual(tileWidth(level, index, size))
        }
        expect(leaves).toBe(size)
      }),
    )
  })
})

describe('tile', () => {
  const { records, readTile } = buildLog(300)

  test('folds its rows', () => {
    const tile = new Tile(readTile(0, 0, 256)!)
    for (let height = 0; height < 8; height++)
      for (let index = 0; index < 256 / 2 ** height; index++) {
        const leaves = records.slice(index * 2 ** height, (index + 1) * 2 ** height)
        expect(tile.node(height, index)).toEqual(merkleTreeHash(leaves))
      }
    expect(new Tile(readTile(1, 0, 1)!).node(0, 0)).toEqual(merkleTreeHash(records.slice(0, 256)))
  })

  test('has no node beyond its width', () => {
    const tile = new Tile(readTile(0, 1, 44)!)
    expect(tile.width).toBe(44)
    expect(tile.node(2, 10)).toEqual(merkleTreeHash(records.slice(296, 300)))
    for (const [height, index] of [
      [0, 44],
      [2, 11],
      [5, 1],
      [8, 0],
      [0, -1],
    ] as const)
      expect(() => tile.node(height, index)).toThrow(`no node ${index} at height ${height}`)
  })

  test('has whole hashes, 1 to 256 of them', () => {
    for (const length of [0, 31, 33, 257 * 32])
      expect(() => new Tile(new Uint8Array(length))).toThrow(
        expect.objectContaining({ code: 'invalid_tile' }),
      )
  })
})
