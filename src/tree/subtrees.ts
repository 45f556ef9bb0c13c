/**
 * The geometry of the tree, without any hash: which full subtrees make up a range of leaves, and which
 * ranges make up a proof (RFC 9162 section 2.1). Positions reach 2^53 - 1, so arithmetic instead of bit operators.
 */
import { TreeError } from './errors.ts'
import { type Hash, nodeHash } from './hash.ts'

/** The full subtree over the leaves [index * 2^height, (index + 1) * 2^height). */
export interface Subtree {
  readonly height: number
  readonly index: number
}

/** The full subtrees of one range, left to right. */
export type Range = readonly Subtree[]

export function assertSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0)
    throw new TreeError('invalid_argument', `a tree size is an integer from 0 to 2^53 - 1, not ${size}`)
}

/** Section 2.1.1: "k is the largest power of two smaller than n", for n > 1. */
export function splitPoint(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** The full subtrees of [begin, end), where begin is a multiple of the smallest power of two >= end - begin. */
function range(begin: number, end: number): Range {
  const subtrees: Subtree[] = []
  for (let at = begin; at < end; ) {
    let width = 1
    let height = 0
    while (width * 2 <= end - at) {
      width *= 2
      height++
    }
    subtrees.push({ height, index: at / width })
    at += width
  }
  return subtrees
}

/** The full subtrees of a whole tree: the nodes a frontier keeps. */
export function treeSubtrees(size: number): Range {
  assertSize(size)
  return range(0, size)
}

/** MTH of a range, from the hashes of its full subtrees: section 2.1.1 splits off the largest one at the left first. */
export function rangeRoot(hashes: readonly Hash[]): Hash {
  const last = hashes.at(-1)
  if (last === undefined) throw new TreeError('invalid_argument', 'an empty range has no root')
  let root = last
  for (let i = hashes.length - 2; i >= 0; i--) root = nodeHash(hashes[i]!, root)
  return root
}

/** PATH(m, D_n) of section 2.1.3.1, from the leaf up. */
export function inclusionRanges(index: number, size: number): Range[] {
  assertSize(size)
  if (!Number.isSafeInteger(index) || index < 0 || index >= size)
    throw new TreeError('invalid_argument', `leaf ${index} is not in a tree of size ${size}`)
  const ranges: Range[] = []
  let begin = 0
  let end = size
  while (end - begin > 1) {
    const split = begin + splitPoint(end - begin)
    if (index < split) {
      ranges.push(range(split, end))
      end = split
    } else {
      ranges.push(range(begin, split))
      begin = split
    }
  }
  return ranges.reverse()
}

/** PROOF(m, D_n) of section 2.1.4.1. Empty where there is nothing to prove: equal sizes, or from the empty tree. */
export function consistencyRanges(from: number, to: number): Range[] {
  assertSize(from)
  assertSize(to)
  if (from > to) throw new TreeError('invalid_argument', `a tree of size ${to} has no prefix of size ${from}`)
  if (from === 0) return []
  const ranges: Range[] = []
  let begin = 0
  let end = to
  while (end !== from) {
    const split = begin + splitPoint(end - begin)
    if (from <= split) {
      ranges.push(range(split, end))
      end = split
    } else {
      ranges.push(range(begin, split))
      begin = split
    }
  }
  // "b" of SUBPROOF is false once a left part was split off: then the old tree's rest must be named.
  if (begin !== 0) ranges.push(range(begin, end))
  return ranges.reverse()
}
