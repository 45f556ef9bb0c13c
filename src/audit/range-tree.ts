/** The tree over a range of records: full subtrees before and behind it are given, the leaves are appended. */
import { type Hash, nodeHash } from '../tree/hash.ts'
import { rangeRoot } from '../tree/subtrees.ts'

export class RangeTree {
  #size = 0
  /** Roots of the full subtrees so far, the largest first. */
  readonly #roots: Hash[] = []

  get size(): number {
    return this.#size
  }

  /** Appends a full subtree of 2^height leaves; it must begin where such a subtree can. */
  append(root: Hash, height = 0): void {
    const width = 2 ** height
    if (this.#size % width !== 0)
      throw new RangeError(`no subtree of ${width} leaves begins at ${this.#size}`)
    let hash = root
    // RFC 9162 section 2.1.2: equal neighbours merge.
    for (let index = this.#size / width; index % 2 === 1; index = (index - 1) / 2)
      hash = nodeHash(this.#roots.pop()!, hash)
    this.#roots.push(hash)
    this.#size += width
  }

  root(): Hash {
    return rangeRoot(this.#roots)
  }
}
