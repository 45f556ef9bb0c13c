/** What proves an event so far: the tree that shows it, and the transaction that fixes that tree in time. */
import type { StorageReader } from '../ledger/storage.ts'
import { firstAnchoredTree, firstSignedTree, type SignedTree } from './signed-trees.ts'

export interface Coverage {
  /** Events of the smallest anchored tree with the event, or of the smallest signed one. */
  size: number
  /** Root hash of that tree, base64. */
  root: string
  /** Null while no anchor behind the event stands in a block. */
  anchor: { txid: string; blockHash: string; blockHeight: number } | null
}

/** Tells it of one event after the other, in the order of the log: a tree is read once for all events it is the first of. */
export class Coverages {
  readonly #reader: StorageReader
  #tree: SignedTree | undefined
  #last = -1

  constructor(reader: StorageReader) {
    this.#reader = reader
  }

  /** Undefined where no checkpoint covers the event yet. @throws LedgerError damaged, unavailable */
  async of(position: number): Promise<Coverage | undefined> {
    const isShown = this.#tree && position >= this.#last && position < this.#tree.checkpoint.size
    if (!isShown)
      this.#tree =
        (await firstAnchoredTree(this.#reader, position)) ?? (await firstSignedTree(this.#reader, position))
    this.#last = position
    if (!this.#tree) return undefined
    const { checkpoint, anchor } = this.#tree
    return {
      size: checkpoint.size,
      root: checkpoint.root.toString('base64'),
      anchor: anchor
        ? { txid: anchor.txid, blockHash: anchor.block.hash, blockHeight: anchor.block.height }
        : null,
    }
  }
}

/** One line for people. */
export const describeCoverage = (coverage: Coverage | undefined): string => {
  if (!coverage) return 'in no signed tree yet'
  const { size, anchor } = coverage
  return anchor
    ? `in the tree of ${size} events, anchored by transaction ${anchor.txid} in block ${anchor.blockHash}`
    : `in the signed tree of ${size} events, not yet anchored`
}
