import { crypto } from 'bitcoinjs-lib'
import { ChainError } from './errors.ts'
import { displayHash, hashBytes } from './hash.ts'

/** A block of Bitcoin's size limits has fewer than 2^32 transactions, so no honest branch is longer. */
const maxBranchLength = 32

/** Root of a block's Merkle tree; hashes in display order. At odd levels the last hash pairs with itself. */
export function merkleRoot(txids: readonly string[]): string {
  return climb(txids, 0).root
}

/**
 * The sibling hashes from the transaction at `index` up to the root, in display order.
 *
 * @throws ChainError `malformed` where the block has no such transaction.
 */
export function merkleBranch(txids: readonly string[], index: number): string[] {
  if (!Number.isInteger(index) || index < 0 || index >= txids.length) {
    throw new ChainError('malformed', `a block of ${txids.length} transactions has none at ${index}`)
  }
  return climb(txids, index).branch
}

/**
 * The Merkle root that a transaction at `index` and its branch lead to; equal to the header's only for a
 * transaction of that block. The caller must hold the raw transaction that hashes to `txid`: a branch alone
 * would also lead up from an inner node of the tree.
 *
 * @throws ChainError `malformed` where the index does not fit the branch.
 */
export function merkleRootFromBranch(txid: string, index: number, branch: readonly string[]): string {
  const fits =
    Number.isInteger(index) && index >= 0 && branch.length <= maxBranchLength && index < 2 ** branch.length
  if (!fits)
    throw new ChainError('malformed', `index ${index} does not fit a branch of ${branch.length} hashes`)
  let node = hashBytes(txid)
  let position = index
  for (const sibling of branch) {
    node = position % 2 === 0 ? parent(node, hashBytes(sibling)) : parent(hashBytes(sibling), node)
    position = Math.floor(position / 2)
  }
  return displayHash(node)
}

function climb(txids: readonly string[], index: number): { root: string; branch: string[] } {
  if (txids.length === 0) throw new ChainError('malformed', 'a block has at least one transaction')
  const branch: string[] = []
  let level = txids.map(hashBytes)
  let position = index
  while (level.length > 1) {
    branch.push(displayHash(level[position ^ 1] ?? level[position]!))
    const above: Buffer[] = []
    for (let left = 0; left < level.length; left += 2) {
      above.push(parent(level[left]!, level[left + 1] ?? level[left]!))
    }
    level = above
    position >>= 1
  }
  return { root: displayHash(level[0]!), branch }
}

function parent(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(crypto.hash256(Buffer.concat([left, right])))
}
