/**
 * The hash over a full tile (RFC 9162 section 2.1.1), where millions of them are computed: every pair of nodes has its
 * place in one buffer, behind its prefix, so that nothing is allocated but the root.
 */
import { hash as digest } from 'node:crypto'
import { TreeError } from './errors.ts'
import { HASH_BYTES, type Hash, NODE_PREFIX } from './hash.ts'
import { TILE_HEIGHT, TILE_WIDTH } from './tiles.ts'

const pairBytes = 1 + 2 * HASH_BYTES

/** The pairs of one level inside the tile: `01 left right` one behind the other. Visible to no one outside a call. */
interface Level {
  bytes: Buffer
  pairs: Buffer[]
}

const levels: Level[] = Array.from({ length: TILE_HEIGHT }, (_, height) => {
  const count = TILE_WIDTH / 2 ** (height + 1)
  const bytes = Buffer.alloc(count * pairBytes)
  const pairs = Array.from({ length: count }, (_, i) => bytes.subarray(i * pairBytes, (i + 1) * pairBytes))
  for (const pair of pairs) pair[0] = NODE_PREFIX
  return { bytes, pairs }
})

/** @param tile 256 hashes @throws TreeError invalid_tile */
export function tileRoot(tile: Buffer): Hash {
  if (tile.length !== TILE_WIDTH * HASH_BYTES)
    throw new TreeError('invalid_tile', `a full tile has 8,192 bytes, not ${tile.length}`)
  const [lowest] = levels
  for (let i = 0; i < lowest!.pairs.length; i++)
    tile.copy(lowest!.bytes, i * pairBytes + 1, i * 2 * HASH_BYTES, (i + 1) * 2 * HASH_BYTES)
  for (let height = 0; height < levels.length - 1; height++) {
    const { pairs } = levels[height]!
    const { bytes: above } = levels[height + 1]!
    for (let i = 0; i < pairs.length; i++)
      above.write(
        digest('sha256', pairs[i]!, 'binary'),
        (i >> 1) * pairBytes + 1 + (i & 1) * HASH_BYTES,
        'latin1',
      )
  }
  return Buffer.from(digest('sha256', levels.at(-1)!.pairs[0]!, 'binary'), 'latin1')
}
