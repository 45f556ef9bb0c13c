/**
 * Verification of proofs (RFC 9162 sections 2.1.3.2 and 2.1.4.2), step by step as written there.
 * Each throws unless everything fits; a proof too long ends the walk at once, whatever its length.
 */
import { TreeError, type TreeErrorCode } from './errors.ts'
import { EMPTY_ROOT, HASH_BYTES, type Hash, nodeHash, sameHash } from './hash.ts'

const isOdd = (n: number): boolean => n % 2 === 1
const halved = (n: number): number => Math.floor(n / 2)
const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0

/** Section 2.1.3.2: the leaf is at this index of the tree with this size and root. */
export function verifyInclusion(
  index: number,
  size: number,
  leafHash: Hash,
  proof: readonly Hash[],
  root: Hash,
): void {
  if (!sameHash(rootFromInclusionProof(index, size, leafHash, proof), root))
    throw new TreeError('invalid_inclusion_proof', `leaf ${index} is not under this root of size ${size}`)
}

/** The only root that this proof can lead to: what a receipt's checkpoint must say. */
export function rootFromInclusionProof(
  index: number,
  size: number,
  leafHash: Hash,
  proof: readonly Hash[],
): Hash {
  const refuse = refusal('invalid_inclusion_proof')
  if (!isSize(index) || !isSize(size) || index >= size)
    throw refuse(`leaf ${index} is not in a tree of size ${size}`)
  let node = index
  let lastNode = size - 1
  let root = checked(leafHash, refuse)
  for (const sibling of proof) {
    checked(sibling, refuse)
    if (lastNode === 0) throw refuse('the proof is too long')
    if (isOdd(node) || node === lastNode) {
      root = nodeHash(sibling, root)
      while (!isOdd(node) && node !== 0) {
        node = halved(node)
        lastNode = halved(lastNode)
      }
    } else {
      root = nodeHash(root, sibling)
    }
    node = halved(node)
    lastNode = halved(lastNode)
  }
  if (lastNode !== 0) throw refuse('the proof is too short')
  return root
}

/** Section 2.1.4.2: the tree of size `to` begins with the tree of size `from`. Size 0 needs the empty root and no proof. */
export function verifyConsistency(
  from: number,
  to: number,
  fromRoot: Hash,
  toRoot: Hash,
  proof: readonly Hash[],
): void {
  const refuse = refusal('invalid_consistency_proof')
  if (!isSize(from) || !isSize(to) || from > to) throw refuse(`size ${to} cannot follow size ${from}`)
  checked(fromRoot, refuse)
  checked(toRoot, refuse)
  if (from === 0 && !sameHash(fromRoot, EMPTY_ROOT)) throw refuse('size 0 has another root')
  if (from === to && !sameHash(fromRoot, toRoot)) throw refuse(`two roots for one size ${from}`)
  if (from === 0 || from === to) {
    if (proof.length > 0) throw refuse('the proof is too long')
    return
  }
  let node = from - 1
  let lastNode = to - 1
  while (isOdd(node)) {
    node = halved(node)
    lastNode = halved(lastNode)
  }
  // "If first is an exact power of 2, then prepend first_hash": only then has the walk reached node 0.
  const [start, rest] = node === 0 ? [fromRoot, proof] : [proof[0], proof.slice(1)]
  if (start === undefined) throw refuse('the proof is too short')
  let oldRoot = checked(start, refuse)
  let newRoot = oldRoot
  for (const sibling of rest) {
    checked(sibling, refuse)
    if (lastNode === 0) throw refuse('the proof is too long')
    if (isOdd(node) || node === lastNode) {
      oldRoot = nodeHash(sibling, oldRoot)
      newRoot = nodeHash(sibling, newRoot)
      while (!isOdd(node) && node !== 0) {
        node = halved(node)
        lastNode = halved(lastNode)
      }
    } else {
      newRoot = nodeHash(newRoot, sibling)
    }
    node = halved(node)
    lastNode = halved(lastNode)
  }
  if (lastNode !== 0) throw refuse('the proof is too short')
  if (!sameHash(oldRoot, fromRoot)) throw refuse(`it does not lead to the root of size ${from}`)
  if (!sameHash(newRoot, toRoot)) throw refuse(`it does not lead to the root of size ${to}`)
}

const refusal = (code: TreeErrorCode) => (message: string) => new TreeError(code, message)

function checked(hash: Hash, refuse: (message: string) => TreeError): Hash {
  if (hash.length !== HASH_BYTES) throw refuse('a hash has 32 bytes')
  return hash
}
