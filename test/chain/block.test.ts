import { Block } from 'bitcoinjs-lib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  encodeBlock,
  encodeBlockHeader,
  meetsTarget,
  parseBlock,
  parseBlockHeader,
  targetOfBits,
} from '../../src/chain/block.ts'
import { displayHash } from '../../src/chain/hash.ts'
import { merkleBranch, merkleRoot, merkleRootFromBranch } from '../../src/chain/merkle.ts'
import { fixture } from './support.ts'

const vectors = fixture<{
  headers: { hex: string; hash: string; timeSeconds: number; bits: number }[]
  blocks: { height: number; hex: string; hash: string; txids: string[] }[]
}>('blocks.json')

const malformed = expect.objectContaining({ code: 'malformed' })
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(displayHash)

describe('block header', () => {
  test.each(vectors.headers)('$hash', ({ hex, hash, timeSeconds, bits }) => {
    const header = parseBlockHeader(Buffer.from(hex, 'hex'))
    expect(header).toMatchObject({ hash, timeSeconds, bits })
    expect(meetsTarget(header)).toBe(true)
    expect(encodeBlockHeader(header).toString('hex')).toBe(hex)
  })

  test('another nonce does not meet the target', () => {
    const header = parseBlockHeader(Buffer.from(vectors.headers[0]!.hex, 'hex'))
    const other = parseBlockHeader(encodeBlockHeader({ ...header, nonce: header.nonce + 1 }))
    expect(meetsTarget(other)).toBe(false)
  })

  // Bitcoin Core, src/test/arith_uint256_tests.cpp, bignum_SetCompact
  test.each([
    [0x00000000, 0n],
    [0x01003456, 0n],
    [0x01123456, 0x12n],
    [0x02123456, 0x1234n],
    [0x03123456, 0x123456n],
    [0x04123456, 0x12345600n],
    [0x04923456, 0n],
    [0x05009234, 0x92340000n],
    [0x20123456, 0x123456n << 232n],
    [0xff123456, 0n],
    [0x1d00ffff, 0xffffn << 208n],
  ])('target of bits %i', (bits, target) => {
    expect(targetOfBits(bits)).toBe(target)
  })

  test.each([0, 79, 81])('%i bytes are no header', (size) => {
    expect(() => parseBlockHeader(Buffer.alloc(size))).toThrow(malformed)
  })
})

describe('block', () => {
  test.each(vectors.blocks)('$height of mainnet', ({ hex, hash, txids }) => {
    const raw = Buffer.from(hex, 'hex')
    const block = parseBlock(raw)
    expect(block).toMatchObject({ header: { hash }, txids })
    expect(encodeBlock(raw.subarray(0, 80), block.transactions)).toEqual(raw)
    expect(merkleRoot(txids)).toBe(block.header.merkleRoot)
  })

  test('any flipped bit, any cut and any byte more is malformed or another block', () => {
    const [{ hex, hash }] = vectors.blocks as [(typeof vectors.blocks)[0]]
    const raw = Buffer.from(hex, 'hex')
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.nat(7), (place, bit) => {
        const altered = Buffer.from(raw)
        altered[place]! ^= 1 << bit
        let read: string | undefined
        try {
          read = parseBlock(altered).header.hash
        } catch (error) {
          expect(error).toEqual(malformed)
        }
        expect(read).not.toBe(hash)
        expect(() => parseBlock(raw.subarray(0, place))).toThrow(malformed)
      }),
    )
    expect(() => parseBlock(Buffer.concat([raw, Buffer.of(0)]))).toThrow(malformed)
  })
})

describe('Merkle branch', () => {
  test('of every transaction leads to the root that bitcoinjs-lib computes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(hash, { minLength: 1, maxLength: 40 }), (txids) => {
        const asTransactions = txids.map((txid) => ({ getHash: () => Buffer.from(txid, 'hex').reverse() }))
        const root = displayHash(Block.calculateMerkleRoot(asTransactions as never))
        expect(merkleRoot(txids)).toBe(root)
        for (const [index, txid] of txids.entries()) {
          expect(merkleRootFromBranch(txid, index, merkleBranch(txids, index))).toBe(root)
        }
      }),
    )
  })

  test('does not lead another transaction or another index to the root', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(hash, { minLength: 3, maxLength: 20 }),
        fc.nat(),
        fc.nat(),
        (txids, a, b) => {
          const [index, other] = [a % txids.length, b % txids.length]
          fc.pre(index !== other)
          const branch = merkleBranch(txids, index)
          const root = merkleRoot(txids)
          expect(merkleRootFromBranch(txids[other]!, index, branch)).not.toBe(root)
          // The last of an odd level pairs with itself: there the index alone may differ in vain.
          if (txids.length % 2 === 0 && (txids.length & (txids.length - 1)) === 0) {
            expect(merkleRootFromBranch(txids[index]!, other, branch)).not.toBe(root)
          }
        },
      ),
    )
  })

  test.each([
    [2, 1],
    [-1, 1],
    [0.5, 1],
    [1, 0],
  ])('index %d does not fit a branch of %i', (index, length) => {
    const [txid] = vectors.blocks[0]!.txids as [string]
    expect(() => merkleRootFromBranch(txid, index, Array(length).fill(txid))).toThrow(malformed)
  })

  test('a transaction that the block does not have has no branch', () => {
    expect(() => merkleBranch(vectors.blocks[0]!.txids, 2)).toThrow(malformed)
    expect(() => merkleRoot([])).toThrow(malformed)
    expect(() => merkleRoot(['12'])).toThrow(malformed)
  })
})
