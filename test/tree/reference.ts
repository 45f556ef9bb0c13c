/** RFC 9162 section 2.1, each definition word for word and recursive: slow, and the measure for src/tree. */
import { createHash } from 'node:crypto'

const sha256 = (...parts: Uint8Array[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()

const leaf = (record: Uint8Array): Buffer => sha256(Buffer.of(0), record)
const node = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.of(1), left, right)

const split = (n: number): number => 2 ** Math.ceil(Math.log2(n) - 1)

/** Section 2.1.1, MTH(D_n). */
export function merkleTreeHash(records: readonly Uint8Array[]): Buffer {
  const n = records.length
  if (n === 0) return sha256()
  if (n === 1) return leaf(records[0]!)
  const k = split(n)
  return node(merkleTreeHash(records.slice(0, k)), merkleTreeHash(records.slice(k)))
}

/** Section 2.1.3.1, PATH(m, D_n). */
export function path(m: number, records: readonly Uint8Array[]): Buffer[] {
  const n = records.length
  if (n === 1) return []
  const k = split(n)
  return m < k
    ? [...path(m, records.slice(0, k)), merkleTreeHash(records.slice(k))]
    : [...path(m - k, records.slice(k)), merkleTreeHash(records.slice(0, k))]
}

/** Section 2.1.4.1, PROOF(m, D_n). */
export const proof = (m: number, records: readonly Uint8Array[]): Buffer[] => subproof(m, records, true)

function subproof(m: number, records: readonly Uint8Array[], complete: boolean): Buffer[] {
  const n = records.length
  if (m === n) return complete ? [] : [merkleTreeHash(records)]
  const k = split(n)
  return m <= k
    ? [...subproof(m, records.slice(0, k), complete), merkleTreeHash(records.slice(k))]
    : [...subproof(m - k, records.slice(k), false), merkleTreeHash(records.slice(0, k))]
}

/**
 * MTH of a tree whose leaves all have the same hash: it depends on the size alone, so that trees of up to
 * 2^53 leaves can be computed and the arithmetic of positions tried where 32 bits no longer hold them.
 */
export function uniformTreeHash(leafHash: Buffer): (n: bigint) => Buffer {
  const known = new Map<bigint, Buffer>([[1n, leafHash]])
  return function hashOf(n: bigint): Buffer {
    const found = known.get(n)
    if (found !== undefined) return found
    const k = 1n << BigInt((n - 1n).toString(2).length - 1)
    const hash = node(hashOf(k), hashOf(n - k))
    known.set(n, hash)
    return hash
  }
}
