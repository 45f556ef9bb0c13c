/**
 * The tree as the ledger grows it: the frontier in memory and in every batch, and every tile as far as it has
 * come. The partial tile of level 0 is written once a batch, so that each record on disk has its leaf hash
 * beside it: an altered byte is found at its very position, not only as a wrong root.
 */
import { Frontier } from '../tree/frontier.ts'
import { HASH_BYTES, leafHash } from '../tree/hash.ts'
import { partialTiles, TILE_WIDTH } from '../tree/tiles.ts'
import { LedgerError } from './errors.ts'
import { eventKey, frontierKey, tileKey } from './layout.ts'
import type { Storage, StorageBatch } from './storage.ts'

export class TreeWriter {
  readonly #frontier: Frontier
  /** The tile at the right edge of each level, filled as far as it has come. */
  readonly #edge: Buffer[] = []

  private constructor(frontier: Frontier) {
    this.#frontier = frontier
  }

  /** @throws LedgerError damaged, when records or tiles behind the frontier are missing */
  static load(storage: Storage): TreeWriter {
    const stored = storage.get(frontierKey)
    const writer = new TreeWriter(stored ? Frontier.deserialize(stored) : new Frontier())
    for (const { level, index, width } of partialTiles(writer.size))
      writer.#edgeTile(level).set(readTile(storage, level, index, width))
    return writer
  }

  get size(): number {
    return this.#frontier.size
  }

  /** A frozen picture of the tree as it is now. */
  frontierBytes(): Buffer {
    return this.#frontier.serialize()
  }

  /** Puts what changes once a batch: the frontier, which is returned, and the partial tile of level 0. */
  finishBatch(batch: StorageBatch): Buffer {
    const width = this.size % TILE_WIDTH
    if (width > 0)
      batch.put(
        tileKey(0, Math.floor(this.size / TILE_WIDTH)),
        Buffer.from(this.#edgeTile(0).subarray(0, width * HASH_BYTES)),
      )
    const frontier = this.frontierBytes()
    batch.put(frontierKey, frontier)
    return frontier
  }

  append(record: Buffer, batch: StorageBatch): void {
    this.#frontier.append(leafHash(record), (level, index, hash) => {
      const width = (index % TILE_WIDTH) + 1
      const tile = this.#edgeTile(level)
      tile.set(hash, (width - 1) * HASH_BYTES)
      // The partial tile of level 0 changes with every leaf: `finishBatch` writes it once.
      if (level > 0 || width === TILE_WIDTH)
        batch.put(
          tileKey(level, Math.floor(index / TILE_WIDTH)),
          Buffer.from(tile.subarray(0, width * HASH_BYTES)),
        )
    })
  }

  #edgeTile(level: number): Buffer {
    this.#edge[level] ??= Buffer.alloc(TILE_WIDTH * HASH_BYTES)
    return this.#edge[level]
  }
}

/**
 * The first `width` hashes of a tile as they stand on disk.
 *
 * @throws LedgerError damaged, when they are not all there
 */
export function readTile(storage: Pick<Storage, 'get'>, level: number, index: number, width: number): Buffer {
  const stored = storage.get(tileKey(level, index))
  if (stored && stored.length >= width * HASH_BYTES) return stored.subarray(0, width * HASH_BYTES)
  if (level > 0)
    throw new LedgerError('damaged', `tile ${level}/${index} of the tree has fewer than ${width} hashes`)
  const hashes = Buffer.alloc(width * HASH_BYTES)
  for (let row = 0; row < width; row++) {
    const position = index * TILE_WIDTH + row
    const record = storage.get(eventKey(position))
    if (!record) throw new LedgerError('damaged', `the record at position ${position} is missing`)
    hashes.set(leafHash(record), row * HASH_BYTES)
  }
  return hashes
}
