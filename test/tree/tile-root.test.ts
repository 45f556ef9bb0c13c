import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { leafHash } from '../../src/tree/hash.ts'
import { tileRoot } from '../../src/tree/tile-root.ts'
import { merkleTreeHash } from './reference.ts'

test('the root of the recursive definition, time after time', () => {
  for (let i = 0; i < 3; i++) {
    const records = Array.from({ length: 256 }, () => randomBytes(20))
    expect(tileRoot(Buffer.concat(records.map(leafHash)))).toEqual(merkleTreeHash(records))
  }
})

test('of a full tile only', () => {
  for (const bytes of [0, 32, 8160, 8224])
    expect(() => tileRoot(Buffer.alloc(bytes))).toThrow(expect.objectContaining({ code: 'invalid_tile' }))
})
