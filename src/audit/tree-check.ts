/**
 * The tree, computed anew from the records and compared with all that is stored of it.
 *
 * Where a record and its stored leaf hash differ, the hashes above, the tree head and the roots that are claimed
 * tell which of the two was altered; the tree then goes on with the other one, so that one altered byte is
 * one fault and not a wrong root for ever after.
 */
import { frontierKey, rangeOf, tileKey } from '../ledger/layout.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { Frontier } from '../tree/frontier.ts'
import { HASH_BYTES, type Hash, leafHash } from '../tree/hash.ts'
import { TILE_HEIGHT, TILE_WIDTH } from '../tree/tiles.ts'
import type { Block } from './blocks.ts'
import type { Faults } from './fault.ts'
import { type ClaimedRoot, chooseLeaves } from './leaf-choice.ts'

export class TreeCheck {
  readonly #reader: StorageReader
  readonly #faults: Faults
  readonly #storedFrontier: Buffer | undefined
  readonly #frontier = new Frontier()
  /** The hashes of each level above 0 that belong into the tile at its right edge. */
  readonly #edges: Hash[][] = []
  readonly #size: number
  readonly #isDropped: (position: number) => boolean
  #isBroken = false
  /** First event of the last block, where more leaf hashes are stored than it has events. */
  #excessAt: number | undefined

  /**
   * @param storedFrontier left out where it is known to be unreadable
   * @param isDropped whether a record is gone by policy: its stored leaf hash stands for it
   */
  constructor(
    reader: StorageReader,
    faults: Faults,
    size: number,
    storedFrontier: Buffer | undefined,
    isDropped: (position: number) => boolean = () => false,
  ) {
    this.#reader = reader
    this.#faults = faults
    this.#size = size
    this.#storedFrontier = storedFrontier
    this.#isDropped = isDropped
  }

  get root(): Hash {
    return this.#frontier.root()
  }

  /** A leaf is lost, record and hash: no root can be computed from there on. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** The records end before the log should. */
  cut(): void {
    this.#isBroken = true
  }

  /**
   * Takes the next block into the tree.
   *
   * @param claimed for sizes inside this block, to decide by
   * @returns the positions whose record is not the one that was hashed, and the roots at the sizes of `claimed`
   */
  async append(
    block: Block,
    claimed: readonly ClaimedRoot[],
  ): Promise<{ damaged: number[]; roots: Map<number, Hash> }> {
    const { start, records } = block
    const tile = this.#storedLeaves(block)
    const leaves = Array.from(records, (record, i) => {
      if (record) return leafHash(record)
      return this.#isDropped(start + i) ? tile[i] : undefined
    })
    const differing: number[] = []
    for (let i = 0; i < leaves.length; i++)
      if (!leaves[i] || !tile[i] || !leaves[i]!.equals(tile[i]!)) differing.push(i)
    const damaged: number[] = []
    let chosen = leaves
    if (differing.length > 0) {
      chosen = chooseLeaves(leaves, tile, differing, {
        before: this.#frontier,
        above: await this.#hashAbove(block),
        claimed,
        size: this.#size,
        storedFrontier: this.#storedFrontier,
      })
      for (const i of differing) {
        if (records[i] && chosen[i] === leaves[i]) {
          if (tile[i])
            this.#faults.add(start + i, 'tile_altered', `the stored leaf hash of event ${start + i}`)
          continue
        }
        damaged.push(start + i)
        await this.#accuse(start + i, records[i])
      }
    }
    return { damaged, roots: await this.#grow(chosen, claimed) }
  }

  /**
   * Takes whole blocks whose records are those that were hashed.
   *
   * @param blockRoots the hash over each, one behind the other
   * @returns the roots at the sizes of `claimed`
   */
  async appendBlocks(
    start: number,
    blockRoots: Buffer,
    claimed: readonly ClaimedRoot[],
  ): Promise<Map<number, Hash>> {
    const roots = new Map<number, Hash>()
    for (let at = 0, first = start; at < blockRoots.length; at += HASH_BYTES, first += TILE_WIDTH) {
      const isAskedInside = claimed.some(({ size }) => size > first && size < first + TILE_WIDTH)
      const hashes = isAskedInside
        ? await this.#leavesOf(first / TILE_WIDTH)
        : [blockRoots.subarray(at, at + HASH_BYTES)]
      const found = await this.#grow(hashes, claimed, isAskedInside ? 0 : TILE_HEIGHT)
      for (const [size, root] of found) roots.set(size, root)
    }
    return roots
  }

  /** Compares the tree head and what is left of the tiles, once all blocks are in. */
  async finish(sizeNow: () => Promise<number>): Promise<void> {
    // Asked only after something unexpected was read: what came meanwhile is no fault.
    const hasGrown = async () => (await sizeNow()) > this.#size

    if (this.#isBroken) return
    if (this.#excessAt !== undefined && !(await hasGrown()))
      this.#faults.add(this.#excessAt, 'tile_altered', 'there are more leaf hashes than events')
    for (const [level, hashes] of this.#edges.entries())
      if (hashes && hashes.length > 0) await this.#compareTile(level, hashes, hasGrown)
    if (this.#storedFrontier && !this.#frontier.serialize().equals(this.#storedFrontier))
      this.#faults.add(
        this.#size - 1,
        'frontier_altered',
        `the stored tree head of ${this.#size} events is not the one of the records`,
      )
    // One hash in 256 goes up a level.
    const rows = (level: number, size: number) =>
      Math.ceil(Math.floor(size / TILE_WIDTH ** level) / TILE_WIDTH)
    // Those of level 0 are read along with the records.
    const all = rangeOf('tile')
    for (const range of [
      { gte: all.gte, lt: tileKey(0, 0) },
      { gte: tileKey(1, 0), lt: all.lt },
    ])
      for await (const [key] of this.#reader.entries(range)) {
        const isKnown = key.length === 10 && Number(key.readBigUInt64BE(2)) < rows(key[1]!, this.#size)
        if (!isKnown && !(await hasGrown()))
          this.#faults.add(null, 'entry_unexpected', `a tile of the tree with the key ${key.toString('hex')}`)
      }
  }

  #storedLeaves({ start, end, tile }: Block): (Hash | undefined)[] {
    const width = Math.floor(tile.length / HASH_BYTES)
    this.#excessAt = tile.length > (end - start) * HASH_BYTES ? start : undefined
    if (width < end - start)
      this.#faults.add(
        start + width,
        'tile_missing',
        `the leaf hashes of events ${start + width} to ${end - 1} are not stored`,
      )
    return Array.from({ length: end - start }, (_, i) =>
      i < width ? tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES) : undefined,
    )
  }

  async #leavesOf(tile: number): Promise<(Hash | undefined)[]> {
    const stored = await this.#reader.get(tileKey(0, tile))
    if (stored?.length !== TILE_WIDTH * HASH_BYTES) return [undefined]
    return Array.from({ length: TILE_WIDTH }, (_, i) => stored.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
  }

  /** The stored hash over a full block. */
  async #hashAbove({ start, end }: Block): Promise<Hash | undefined> {
    if (end - start < TILE_WIDTH) return undefined
    const index = start / TILE_WIDTH
    const tile = await this.#reader.get(tileKey(1, Math.floor(index / TILE_WIDTH)))
    const row = (index % TILE_WIDTH) * HASH_BYTES
    return tile && tile.length >= row + HASH_BYTES ? tile.subarray(row, row + HASH_BYTES) : undefined
  }

  async #accuse(position: number, record: Buffer | undefined): Promise<void> {
    if (!record) {
      this.#faults.add(position, 'record_missing', `there is no record at position ${position}`)
      return
    }
    const home = await this.#homeOf(record)
    if (home !== undefined && home !== position)
      this.#faults.add(
        position,
        'record_misplaced',
        `the record of position ${home} stands at position ${position}`,
      )
    else
      this.#faults.add(
        position,
        'record_altered',
        `the record at position ${position} is not the one that was hashed`,
      )
  }

  /** Where a record says it belongs, if it was hashed there. */
  async #homeOf(record: Buffer): Promise<number | undefined> {
    try {
      const { position } = decodeRecord(record)
      const tile = await this.#reader.get(tileKey(0, Math.floor(position / TILE_WIDTH)))
      const row = (position % TILE_WIDTH) * HASH_BYTES
      return tile?.subarray(row, row + HASH_BYTES).equals(leafHash(record)) ? position : undefined
    } catch {
      return undefined
    }
  }

  async #grow(
    leaves: readonly (Hash | undefined)[],
    claimed: readonly ClaimedRoot[],
    height = 0,
  ): Promise<Map<number, Hash>> {
    const roots = new Map<number, Hash>()
    const sizes = new Set(claimed.map(({ size }) => size))
    const full: number[] = []
    for (const leaf of leaves) {
      if (this.#isBroken) break
      if (!leaf) {
        this.#isBroken = true
        break
      }
      const keep = (level: number, _: number, hash: Hash) => {
        if (level === 0) return
        this.#edges[level] ??= []
        if (this.#edges[level].push(hash) === TILE_WIDTH) full.push(level)
      }
      this.#frontier.append(leaf, keep, height)
      if (sizes.has(this.#frontier.size)) roots.set(this.#frontier.size, this.#frontier.root())
    }
    for (const level of full) {
      await this.#compareTile(level, this.#edges[level]!, never)
      this.#edges[level] = []
    }
    return roots
  }

  /** @param mayBeLonger whether the log has grown since, and its tile with it */
  async #compareTile(
    level: number,
    hashes: readonly Hash[],
    mayBeLonger: () => Promise<boolean>,
  ): Promise<void> {
    const leavesEach = TILE_WIDTH ** level
    const index = Math.ceil(Math.floor(this.#frontier.size / leavesEach) / TILE_WIDTH) - 1
    const first = (row: number) => (index * TILE_WIDTH + row) * leavesEach
    const stored = await this.#reader.get(tileKey(level, index))
    if (!stored) {
      this.#faults.add(first(0), 'tile_missing', `tile ${level}/${index} of the tree is missing`)
      return
    }
    const row = hashes.findIndex(
      (hash, i) => !hash.equals(stored.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)),
    )
    if (row >= 0)
      this.#faults.add(
        first(row),
        'tile_altered',
        `tile ${level}/${index} of the tree, the hash over events ${first(row)} to ${first(row + 1) - 1}`,
      )
    else if (stored.length !== hashes.length * HASH_BYTES && !(await mayBeLonger()))
      this.#faults.add(first(0), 'tile_altered', `tile ${level}/${index} of the tree has another length`)
  }
}

const never = async () => false

/** The tree head as it is stored; undefined where there is none. */
export const storedFrontier = async (reader: StorageReader): Promise<Buffer | undefined> =>
  reader.get(frontierKey)

/** Of a stored tree head; undefined where it cannot be read. */
export function sizeOf(frontier: Buffer): number | undefined {
  try {
    return Frontier.deserialize(frontier).size
  } catch {
    return undefined
  }
}
