/** Tiles of height 8: coordinates, paths and the hashes inside (C2SP tlog-tiles, "Merkle Tree"). */
import { TreeError } from './errors.ts'
import { HASH_BYTES, type Hash, nodeHash } from './hash.ts'
import type { Subtree } from './subtrees.ts'

export const TILE_HEIGHT = 8
/** "Full tiles MUST be exactly 256 hashes wide, or 8,192 bytes." */
export const TILE_WIDTH = 256
/** "The level of the tile MUST be a decimal ASCII integer between 0 and 63"; positions below 2^53 end at level 6. */
const MAX_LEVEL = 63

/** Tile `index` of level `level`; `width` is 256 for a full tile and 1 to 255 for a partial one. */
export interface TileCoordinates {
  readonly level: number
  readonly index: number
  readonly width: number
}

/** One hash in a tile: row 0 to 255. */
export interface TileRow {
  readonly level: number
  readonly index: number
  readonly row: number
}

/** How many hashes a tile has in a tree of this size; 0 where it does not exist yet. */
export function tileWidth(level: number, index: number, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level)
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH))
}

/** The partial tiles at the right edge of a tree, lowest level first: "floor(s / 256**l) mod 256 entries". */
export function partialTiles(size: number): TileCoordinates[] {
  const tiles: TileCoordinates[] = []
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const width = hashes % TILE_WIDTH
    if (width > 0) tiles.push({ level, index: Math.floor(hashes / TILE_WIDTH), width })
  }
  return tiles
}

/** The rows that the leaf at this position completes: always one of level 0, more after each full tile. */
export function rowsCompletedBy(position: number): TileRow[] {
  const rows: TileRow[] = []
  for (let level = 0, count = position + 1; ; level++, count /= TILE_WIDTH) {
    rows.push({ level, index: Math.floor((count - 1) / TILE_WIDTH), row: (count - 1) % TILE_WIDTH })
    if (count % TILE_WIDTH !== 0) return rows
  }
}

/** The rows whose fold is this subtree: 2^(height mod 8) of them, all in one tile. */
export function subtreeRows({ height, index }: Subtree): TileRow & { readonly innerHeight: number } {
  const innerHeight = height % TILE_HEIGHT
  const first = index * 2 ** innerHeight
  return {
    level: (height - innerHeight) / TILE_HEIGHT,
    index: Math.floor(first / TILE_WIDTH),
    row: first % TILE_WIDTH,
    innerHeight,
  }
}

/** `tile/<L>/<N>[.p/<W>]`; N in "zero-padded 3-digit path elements. All but the last MUST begin with an x". */
export function tilePath({ level, index, width }: TileCoordinates): string {
  if (
    !(
      Number.isInteger(level) &&
      level >= 0 &&
      level <= MAX_LEVEL &&
      Number.isSafeInteger(index) &&
      index >= 0
    )
  )
    throw new TreeError('invalid_argument', `there is no tile ${index} at level ${level}`)
  if (!(Number.isInteger(width) && width >= 1 && width <= TILE_WIDTH))
    throw new TreeError('invalid_argument', `a tile is 1 to 256 hashes wide, not ${width}`)
  const elements: string[] = []
  for (let rest = index; elements.length === 0 || rest > 0; rest = Math.floor(rest / 1000))
    elements.unshift((elements.length > 0 ? 'x' : '') + String(rest % 1000).padStart(3, '0'))
  return `tile/${level}/${elements.join('/')}${width < TILE_WIDTH ? `.p/${width}` : ''}`
}

/** The coordinates of a tile's path, or undefined where `tilePath` would not have written it so. */
export function parseTilePath(path: string): TileCoordinates | undefined {
  const match = /^tile\/(\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path)
  if (match === null) return undefined
  const tile = {
    level: Number(match[1]),
    index: Number(match[2]!.replace(/[x/]/g, '')),
    width: match[3] === undefined ? TILE_WIDTH : Number(match[3]),
  }
  if (tile.level > MAX_LEVEL || !Number.isSafeInteger(tile.index)) return undefined
  if (tile.width < 1 || tile.width > TILE_WIDTH || tilePath(tile) !== path) return undefined
  return tile
}

/**
 * A tile's hashes and the nodes above them, computed when first asked for and kept: a reader that caches
 * tiles spares proofs from hashing the same 256 rows again. The bytes must not change afterwards.
 */
export class Tile {
  readonly width: number
  /** At place h the nodes of height h inside the tile. */
  readonly #nodes: (Hash | undefined)[][]

  constructor(bytes: Uint8Array) {
    this.width = bytes.length / HASH_BYTES
    if (!Number.isInteger(this.width) || this.width < 1 || this.width > TILE_WIDTH)
      throw new TreeError('invalid_tile', `a tile has 1 to 256 hashes of 32 bytes, not ${bytes.length} bytes`)
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const rows = Array.from({ length: this.width }, (_, i) =>
      view.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
    )
    this.#nodes = [rows, [], [], [], [], [], [], []]
  }

  /** The root over the rows [index * 2^height, (index + 1) * 2^height), for height 0 to 7. */
  node(height: number, index: number): Hash {
    const nodes = this.#nodes[height]
    if (nodes === undefined || index < 0 || (index + 1) * 2 ** height > this.width)
      throw new TreeError(
        'invalid_tile',
        `a tile ${this.width} wide has no node ${index} at height ${height}`,
      )
    nodes[index] ??= nodeHash(this.node(height - 1, index * 2), this.node(height - 1, index * 2 + 1))
    return nodes[index]
  }
}
