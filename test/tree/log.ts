/** A log in memory: the records, a frontier and the tiles it filled, as a ledger would keep them. */
import { Frontier } from '../../src/tree/frontier.ts'
import { leafHash } from '../../src/tree/hash.ts'
import type { ReadTile } from '../../src/tree/tile-proofs.ts'
import { TILE_WIDTH } from '../../src/tree/tiles.ts'

export interface Log {
  readonly records: readonly Buffer[]
  readonly frontier: Frontier
  readonly tiles: Map<string, Buffer[]>
  /** Exactly as wide as asked for, as a file server would. */
  readonly readTile: ReadTile<Buffer | undefined>
}

export function buildLog(size: number): Log {
  const frontier = new Frontier()
  const tiles = new Map<string, Buffer[]>()
  const records: Buffer[] = []
  for (let position = 0; position < size; position++) {
    const record = Buffer.from(`record ${position}`)
    records.push(record)
    frontier.append(leafHash(record), (level, index, hash) => {
      const key = `${level}/${Math.floor(index / TILE_WIDTH)}`
      tiles.set(key, [...(tiles.get(key) ?? []), hash])
    })
  }
  const readTile = (level: number, index: number, width: number) => {
    const rows = tiles.get(`${level}/${index}`)
    return rows === undefined ? undefined : Buffer.concat(rows.slice(0, width))
  }
  return { records, frontier, tiles, readTile }
}
