import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import vectors from '../../fixtures/tree/rfc6962-eight-leaves.json' with { type: 'json' }
import { EMPTY_ROOT, leafHash, nodeHash } from '../../src/tree/hash.ts'
import { rootFromInclusionProof, verifyConsistency, verifyInclusion } from '../../src/tree/proofs.ts'
import { consistencyRanges, inclusionRanges, type Range, treeSubtrees } from '../../src/tree/subtrees.ts'
import { buildLog } from './log.ts'
import { merkleTreeHash, path, proof, uniformTreeHash } from './reference.ts'

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const rootOf = (size: number): Buffer => (size === 0 ? EMPTY_ROOT : hex(vectors.roots[size - 1]!))
const someHash = hex('abacaba000000000000000000000000000000000000000000060061e00123456')

const refusedInclusion = expect.objectContaining({ code: 'invalid_inclusion_proof' })
const refusedConsistency = expect.objectContaining({ code: 'invalid_consistency_proof' })

/** Every hash with each of its bytes altered in turn, one at a time. */
function* alterations(hashes: readonly Buffer[]): Generator<Buffer[]> {
  for (const [at, hash] of hashes.entries())
    for (let byte = 0; byte < hash.length; byte++) {
      const altered = Buffer.from(hash)
      altered[byte]! ^= 1 << (byte % 8)
      yield hashes.with(at, altered)
    }
}

/** Proofs of another length: one hash more or less, or one of another length. */
function* otherLengths(hashes: readonly Buffer[], root: Buffer): Generator<Buffer[]> {
  for (let at = 0; at < hashes.length; at++) {
    yield hashes.toSpliced(at, 1)
    yield hashes.with(at, hashes[at]!.subarray(1))
    yield hashes.with(at, Buffer.concat([hashes[at]!, Buffer.of(0)]))
    yield hashes.with(at, Buffer.alloc(0))
  }
  for (let at = 0; at <= hashes.length; at++)
    for (const extra of [root, someHash, Buffer.alloc(0)]) yield hashes.toSpliced(at, 0, extra)
}

describe('RFC 9162 section 2.1.3.2: inclusion', () => {
  test.each(vectors.inclusion)('published: leaf $index of $size', ({ index, size, proof }) => {
    const hashes = proof.map(hex)
    const leaf = leafHash(hex(vectors.leaves[index]!))
    verifyInclusion(index, size, leaf, hashes, rootOf(size))
    for (const [otherIndex, otherSize] of [
      [index - 1, size],
      [index + 1, size],
      [index ^ 2, size],
      [index, size * 2],
      [index, size >> 1],
    ] as const)
      expect(() => verifyInclusion(otherIndex, otherSize, leaf, hashes, rootOf(size))).toThrow(
        refusedInclusion,
      )
    for (const root of [EMPTY_ROOT, someHash, Buffer.alloc(0)])
      expect(() => verifyInclusion(index, size, leaf, hashes, root)).toThrow(refusedInclusion)
  })

  test.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [-1, 1],
    [0.5, 1],
    [0, 2 ** 53],
    [Number.NaN, 1],
  ])('there is no leaf %d of %d', (index, size) => {
    expect(() => verifyInclusion(index, size, someHash, [], someHash)).toThrow(refusedInclusion)
  })

  test('neither an empty leaf hash nor an empty root counts', () => {
    const none = Buffer.alloc(0)
    expect(() => verifyInclusion(0, 1, none, [], none)).toThrow(refusedInclusion)
    expect(() => verifyInclusion(0, 1, someHash, [], none)).toThrow(refusedInclusion)
  })

  test('any altered byte, any other length and any other leaf fails', () => {
    const { records } = buildLog(70)
    fc.assert(
      fc.property(fc.nat(69), fc.nat(69), fc.nat(69), (a, b, other) => {
        const index = Math.min(a, b)
        const tree = records.slice(0, Math.max(a, b) + 1)
        const size = tree.length
        const hashes = path(index, tree)
        const leaf = leafHash(tree[index]!)
        const root = merkleTreeHash(tree)
        verifyInclusion(index, size, leaf, hashes, root)
        for (const [altered, alteredRoot, ...rest] of alterations([leaf, root, ...hashes]))
          expect(() => verifyInclusion(index, size, altered!, rest, alteredRoot!)).toThrow(refusedInclusion)
        for (const wrong of otherLengths(hashes, root))
          expect(() => verifyInclusion(index, size, leaf, wrong, root)).toThrow(refusedInclusion)
        if (other !== index)
          expect(() => verifyInclusion(other, size, leaf, hashes, root)).toThrow(refusedInclusion)
      }),
      { numRuns: 40 },
    )
  })
})

describe('proofs longer than their tree', () => {
  test('lead to no root', () => {
    expect(() => rootFromInclusionProof(0, 1, someHash, [someHash])).toThrow('the proof is too long')
    expect(() => rootFromInclusionProof(2, 3, someHash, [someHash, someHash])).toThrow(
      'the proof is too long',
    )
  })

  test('are refused even where the roots were made for them', () => {
    const records = buildLog(9).records
    const [a, b, c, x] = records.map((record) => leafHash(record)) as [Buffer, Buffer, Buffer, Buffer]
    const ab = nodeHash(a, b)
    const right = [c, x, ab]
    verifyConsistency(3, 4, nodeHash(ab, c), nodeHash(ab, nodeHash(c, x)), right)
    const fromRoot = nodeHash(x, nodeHash(ab, c))
    const toRoot = nodeHash(x, nodeHash(ab, nodeHash(c, x)))
    expect(() => verifyConsistency(3, 4, fromRoot, toRoot, [...right, x])).toThrow('the proof is too long')
  })
})

describe('RFC 9162 section 2.1.4.2: consistency', () => {
  test.each(vectors.consistency)('published: from $from to $to', ({ from, to, proof }) => {
    const hashes = proof.map(hex)
    verifyConsistency(from, to, rootOf(from), rootOf(to), hashes)
    if (from === to) return
    for (const [otherFrom, otherTo] of [
      [from - 1, to],
      [from + 1, to],
      [from ^ 2, to],
      [from, to * 2],
      [from, to >> 1],
    ] as const)
      expect(() => verifyConsistency(otherFrom, otherTo, rootOf(from), rootOf(to), hashes)).toThrow(
        refusedConsistency,
      )
    for (const [fromRoot, toRoot] of [
      [rootOf(to), rootOf(from)],
      [someHash, rootOf(to)],
      [rootOf(from), someHash],
    ] as const)
      expect(() => verifyConsistency(from, to, fromRoot, toRoot, hashes)).toThrow(refusedConsistency)
    expect(() => verifyConsistency(from, to, rootOf(from), rootOf(to), [])).toThrow(refusedConsistency)
  })

  test('needs no proof from the empty tree or to the same size', () => {
    verifyConsistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    verifyConsistency(0, 7, EMPTY_ROOT, someHash, [])
    verifyConsistency(5, 5, someHash, someHash, [])
  })

  test.each<[string, number, number, Buffer, Buffer, Buffer[]]>([
    ['two roots for one size', 5, 5, someHash, EMPTY_ROOT, []],
    ['two empty roots', 0, 0, EMPTY_ROOT, someHash, []],
    ['another root for the empty tree', 0, 3, someHash, someHash, []],
    ['a shrunken tree', 2, 1, someHash, someHash, []],
    ['no proof', 1, 2, someHash, someHash, []],
    ['a superfluous proof from the empty tree', 0, 1, EMPTY_ROOT, someHash, [someHash]],
    ['a superfluous proof to the same size', 1, 1, someHash, someHash, [someHash]],
    ['roots of no bytes', 1, 1, Buffer.alloc(0), Buffer.alloc(0), []],
    ['a fraction', 0.5, 1, someHash, someHash, []],
    ['2^53', 1, 2 ** 53, someHash, someHash, []],
  ])('refuses %s', (_, from, to, fromRoot, toRoot, hashes) => {
    expect(() => verifyConsistency(from, to, fromRoot, toRoot, hashes)).toThrow(refusedConsistency)
  })

  test('any altered byte and any other length fails', () => {
    const { records } = buildLog(70)
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 }), (a, b) => {
        const from = Math.min(a, b)
        const tree = records.slice(0, Math.max(a, b))
        const to = tree.length
        const hashes = proof(from, tree)
        const fromRoot = merkleTreeHash(tree.slice(0, from))
        const toRoot = merkleTreeHash(tree)
        verifyConsistency(from, to, fromRoot, toRoot, hashes)
        for (const [alteredFrom, alteredTo, ...rest] of alterations([fromRoot, toRoot, ...hashes]))
          expect(() => verifyConsistency(from, to, alteredFrom!, alteredTo!, rest)).toThrow(
            refusedConsistency,
          )
        for (const wrong of otherLengths(hashes, toRoot))
          expect(() => verifyConsistency(from, to, fromRoot, toRoot, wrong)).toThrow(refusedConsistency)
      }),
      { numRuns: 40 },
    )
  })
})

describe('positions beyond 32 bits', () => {
  const leaf = leafHash(Buffer.of())
  const hashOf = uniformTreeHash(leaf)
  const leavesOf = (range: Range): bigint =>
    range.reduce((sum, { height }) => sum + (1n << BigInt(height)), 0n)
  const uniform = (ranges: readonly Range[]): Buffer[] => ranges.map((range) => hashOf(leavesOf(range)))
  const size = fc.oneof(
    fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    fc.integer({ min: 2 ** 31 - 3, max: 2 ** 33 }),
    fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52, Number.MAX_SAFE_INTEGER),
  )

  test('every leaf of a uniform tree proves', () => {
    fc.assert(
      fc.property(size, size, (a, b) => {
        const index = Math.min(a, b) - 1
        const n = Math.max(a, b)
        const ranges = inclusionRanges(index, n)
        expect(ranges.reduce((sum, range) => sum + leavesOf(range), 1n)).toBe(BigInt(n))
        expect(rootFromInclusionProof(index, n, leaf, uniform(ranges))).toEqual(hashOf(BigInt(n)))
      }),
      { numRuns: 300 },
    )
  })

  test('any two uniform trees are consistent', () => {
    fc.assert(
      fc.property(size, size, (a, b) => {
        const from = Math.min(a, b)
        const to = Math.max(a, b)
        expect(leavesOf(treeSubtrees(to))).toBe(BigInt(to))
        verifyConsistency(
          from,
          to,
          hashOf(BigInt(from)),
          hashOf(BigInt(to)),
          uniform(consistencyRanges(from, to)),
        )
      }),
      { numRuns: 300 },
    )
  })
})
