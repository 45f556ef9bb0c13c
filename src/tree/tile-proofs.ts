/**
 * Roots and proofs for any size up to the log's own, from tiles alone (C2SP tlog-tiles: "Clients can fetch
 * all the tiles they need in parallel and compute any desired proof"). What comes out is as true as the tiles:
 * verify it against a signed root (`proofs.ts`).
 */
import { TreeError } from './errors.ts'
import { Frontier } from './frontier.ts'
import { EMPTY_ROOT, type Hash } from './hash.ts'
import {
  consistencyRanges,
  inclusionRanges,
  type Range,
  rangeRoot,
  type Subtree,
  treeSubtrees,
} from './subtrees.ts'
import { subtreeRows, Tile, tileWidth } from './tiles.ts'

/** A tile's bytes, or a `Tile` that a cache holds; undefined where the store has none. */
export type TileData = Uint8Array | Tile | undefined

type Read = TileData | Promise<TileData>

/**
 * Reads a tile of which the first `width` hashes are needed. More may come back, since a tile only grows
 * and a partial one may already have been replaced by the full one; fewer is an error.
 */
export type ReadTile<R extends Read = Read> = (level: number, index: number, width: number) => R

/** A promise where the reader gives promises, else the value itself. */
export type Reading<R, T> = R extends Promise<unknown> ? Promise<T> : T

/** MTH(D_m) of the first `size` leaves. */
export function rootAt<R extends Read>(readTile: ReadTile<R>, size: number): Reading<R, Hash> {
  return fromTiles(readTile, size, [treeSubtrees(size)], (roots) => roots[0] ?? EMPTY_ROOT)
}

/** RFC 9162 section 2.1.3.1. */
export function inclusionProof<R extends Read>(
  readTile: ReadTile<R>,
  index: number,
  size: number,
): Reading<R, Hash[]> {
  return fromTiles(readTile, size, inclusionRanges(index, size), (roots) => roots)
}

/** RFC 9162 section 2.1.4.1; reads no tile of a tree larger than `to`. */
export function consistencyProof<R extends Read>(
  readTile: ReadTile<R>,
  from: number,
  to: number,
): Reading<R, Hash[]> {
  return fromTiles(readTile, to, consistencyRanges(from, to), (roots) => roots)
}

/** The frontier of the first `size` leaves, to go on appending from there or to check a stored one. */
export function frontierAt<R extends Read>(readTile: ReadTile<R>, size: number): Reading<R, Frontier> {
  const each = treeSubtrees(size).map((subtree) => [subtree])
  return fromTiles(readTile, size, each, (hashes) => Frontier.fromSubtrees(size, hashes))
}

/** The hash of one full subtree; at height 0 a leaf's. */
export function subtreeHash<R extends Read>(readTile: ReadTile<R>, subtree: Subtree): Reading<R, Hash> {
  const size = (subtree.index + 1) * 2 ** subtree.height
  return fromTiles(readTile, size, [[subtree]], (roots) => roots[0]!)
}

/** Asks for every tile once and all at once, then folds each range to its root. */
function fromTiles<R extends Read, T>(
  readTile: ReadTile<R>,
  size: number,
  ranges: readonly Range[],
  finish: (roots: Hash[]) => T,
): Reading<R, T> {
  const wanted = new Map<string, { level: number; index: number; width: number }>()
  for (const subtree of ranges.flat()) {
    const { level, index } = subtreeRows(subtree)
    wanted.set(`${level}/${index}`, { level, index, width: tileWidth(level, index, size) })
  }
  const data = [...wanted.values()].map(({ level, index, width }) => readTile(level, index, width))
  const fold = (read: readonly TileData[]): T => {
    const tiles = new Map<string, Tile>()
    for (const [i, [key, { width }]] of [...wanted].entries()) {
      const found = read[i]
      if (found === undefined) throw new TreeError('invalid_tile', `tile ${key} is missing`)
      const tile = found instanceof Tile ? found : new Tile(found)
      if (tile.width < width)
        throw new TreeError('invalid_tile', `tile ${key} has ${tile.width} of ${width} hashes`)
      tiles.set(key, tile)
    }
    const hashOf = (subtree: Subtree): Hash => {
      const { level, index, row, innerHeight } = subtreeRows(subtree)
      return tiles.get(`${level}/${index}`)!.node(innerHeight, row / 2 ** innerHeight)
    }
    return finish(ranges.filter((range) => range.length > 0).map((range) => rangeRoot(range.map(hashOf))))
  }
  const result = data.some((item) => item instanceof Promise)
    ? Promise.all(data as Promise<TileData>[]).then(fold)
    : fold(data as TileData[])
  return result as Reading<R, T>
}
