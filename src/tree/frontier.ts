/**
 * The frontier: the roots of the left-full subtrees of a growing tree, all that appending and the root need
 * (RFC 9162 section 2.1.2 computes the root with the same stack). Its size is that of log2(leaves).
 */
import { TreeError } from './errors.ts'
import { EMPTY_ROOT, HASH_BYTES, type Hash, nodeHash } from './hash.ts'
import { rangeRoot, treeSubtrees } from './subtrees.ts'
import { TILE_HEIGHT } from './tiles.ts'

/**
 * One hash of a tile became final: `index` counts the hashes of tile level `level` from the tree's left edge,
 * so it stands in tile `index / 256` at row `index % 256`.
 */
export type OnTileHash = (level: number, index: number, hash: Hash) => void

const SIZE_BYTES = 8

export class Frontier {
  #size = 0
  /** At place h the full subtree of height h, where bit h of the size is set; anything where it is not. */
  #subtrees: Hash[] = []

  get size(): number {
    return this.#size
  }

  /**
   * Appends a leaf, or a full subtree of 2^height leaves where one can begin. The hash is kept, not copied. Reports each
   * tile hash that it completes, lowest level first.
   */
  append(subtreeRoot: Hash, onTileHash?: OnTileHash, subtreeHeight = 0): void {
    if (subtreeRoot.length !== HASH_BYTES) throw new TreeError('invalid_argument', 'a hash has 32 bytes')
    const width = 2 ** subtreeHeight
    if (this.#size % width !== 0)
      throw new TreeError('invalid_argument', `no subtree of ${width} leaves begins at ${this.#size}`)
    let hash = subtreeRoot
    let height = subtreeHeight
    let index = this.#size / width
    if (onTileHash !== undefined && height % TILE_HEIGHT === 0) onTileHash(height / TILE_HEIGHT, index, hash)
    while (index % 2 === 1) {
      hash = nodeHash(this.#subtrees[height]!, hash)
      index = (index - 1) / 2
      height++
      if (onTileHash !== undefined && height % TILE_HEIGHT === 0)
        onTileHash(height / TILE_HEIGHT, index, hash)
    }
    this.#subtrees[height] = hash
    this.#size += width
  }

  /** MTH(D_n), section 2.1.1. */
  root(): Hash {
    return this.#size === 0 ? EMPTY_ROOT : rangeRoot(this.#hashes())
  }

  /** A frontier of its own: a batch appends to the copy and puts it in place of this one when it is durable. */
  copy(): Frontier {
    const copy = new Frontier()
    copy.#size = this.#size
    copy.#subtrees = this.#subtrees.slice()
    return copy
  }

  /** Tree size as big-endian uint64, then the subtrees' hashes from the left (the largest) to the right. */
  serialize(): Buffer {
    const hashes = this.#hashes()
    const bytes = Buffer.allocUnsafe(SIZE_BYTES + hashes.length * HASH_BYTES)
    bytes.writeBigUInt64BE(BigInt(this.#size))
    hashes.forEach((hash, i) => {
      bytes.set(hash, SIZE_BYTES + i * HASH_BYTES)
    })
    return bytes
  }

  static deserialize(bytes: Uint8Array): Frontier {
    const view = Buffer.from(bytes)
    const size = view.length < SIZE_BYTES ? -1 : Number(view.readBigUInt64BE())
    if (!Number.isSafeInteger(size) || size < 0)
      throw new TreeError('invalid_frontier', 'a stored frontier begins with a tree size')
    const count = treeSubtrees(size).length
    if (view.length !== SIZE_BYTES + count * HASH_BYTES)
      throw new TreeError(
        'invalid_frontier',
        `a frontier of size ${size} has ${count} hashes, not ${(view.length - SIZE_BYTES) / HASH_BYTES}`,
      )
    const hashes = Array.from({ length: count }, (_, i) =>
      view.subarray(SIZE_BYTES + i * HASH_BYTES, SIZE_BYTES + (i + 1) * HASH_BYTES),
    )
    return Frontier.fromSubtrees(size, hashes)
  }

  /** From the hashes of `treeSubtrees(size)`, in that order. */
  static fromSubtrees(size: number, hashes: readonly Hash[]): Frontier {
    const range = treeSubtrees(size)
    if (hashes.length !== range.length || hashes.some((hash) => hash.length !== HASH_BYTES))
      throw new TreeError(
        'invalid_frontier',
        `a frontier of size ${size} has ${range.length} hashes of 32 bytes`,
      )
    const frontier = new Frontier()
    frontier.#size = size
    range.forEach(({ height }, i) => {
      frontier.#subtrees[height] = hashes[i]!
    })
    return frontier
  }

  #hashes(): Hash[] {
    const hashes: Hash[] = []
    for (let height = 0, rest = this.#size; rest > 0; height++, rest = Math.floor(rest / 2))
      if (rest % 2 === 1) hashes.push(this.#subtrees[height]!)
    return hashes.reverse()
  }
}
