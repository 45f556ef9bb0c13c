/** Where a record and its stored leaf hash differ: which of the two was altered? */
import type { Frontier } from '../tree/frontier.ts'
import type { Hash } from '../tree/hash.ts'

/** A root that somebody says the log has at a size. */
export interface ClaimedRoot {
  size: number
  root: Hash
}

/** What else is known of the hashes of one block. */
export interface Witnesses {
  /** The tree up to the block. */
  before: Frontier
  /** The stored hash over the block, if it is full. */
  above: Hash | undefined
  /** Roots of sizes inside the block. */
  claimed: readonly ClaimedRoot[]
  /** The tree head at the end of the log, where it can be read. */
  size: number
  storedFrontier: Buffer | undefined
}

type Leaves = readonly (Hash | undefined)[]

/** How many differences of one block are tried in every combination: 2^6 trees of 256 leaves. */
const mostCombined = 6

/**
 * Of each pair that differs, the hash that fits best to what stands above and to what is claimed; the stored
 * one where nothing tells. Undefined where neither is there.
 */
export function chooseLeaves(
  records: Leaves,
  stored: Leaves,
  differing: readonly number[],
  witnesses: Witnesses,
): (Hash | undefined)[] {
  const open = differing.filter((i) => records[i] && stored[i])
  // First no record is believed, then all are, then some: place i of `open` where bit i is set.
  const choices: ((bit: number) => boolean)[] = [() => false, () => true]
  if (open.length <= mostCombined)
    for (let bits = 1; bits < 2 ** open.length - 1; bits++) choices.push((bit) => ((bits >> bit) & 1) === 1)
  let best: { score: number; leaves: (Hash | undefined)[] } | undefined
  for (const isBelieved of choices) {
    const leaves = records.map((leaf, i) => leaf ?? stored[i])
    for (const [bit, i] of open.entries()) if (!isBelieved(bit)) leaves[i] = stored[i]
    const score = agreement(leaves, witnesses)
    if (!best || score > best.score) best = { score, leaves }
    if (score === Number.POSITIVE_INFINITY) break
  }
  return best!.leaves
}

/** How many witnesses agree with these leaves; infinity where all that there are do. */
function agreement(leaves: Leaves, { before, above, claimed, size, storedFrontier }: Witnesses): number {
  const frontier = before.copy()
  let asked = 0
  let agreeing = 0
  const ask = (agrees: boolean) => {
    asked++
    if (agrees) agreeing++
  }
  for (const leaf of leaves) {
    if (!leaf) return -1
    frontier.append(leaf, (level, _, hash) => {
      if (level === 1 && above) ask(hash.equals(above))
    })
    for (const { size, root } of claimed) if (size === frontier.size) ask(frontier.root().equals(root))
  }
  if (storedFrontier && frontier.size === size) ask(frontier.serialize().equals(storedFrontier))
  return asked > 0 && asked === agreeing ? Number.POSITIVE_INFINITY : agreeing
}
