/**
 * The filter of a segment: whether a key may be in it, for two bytes a key and without reading a block. Lines of
 * 64 bytes; a key sets six bits of one line (a blocked Bloom filter), so that a look-up touches one line.
 *
 *     h(seed) = fmix32(FNV-1a of the bytes, from seed)      a = h(0x811c9dc5), b = h(0x9747b28c), c = fmix32(a XOR b)
 *     line a mod lines; bits 0 to 8, 9 to 17 and 18 to 26 of b, and the same of c, each name a bit of it
 *
 * One key in about a thousand that is not there is said to be.
 */
export const lineBytes = 64
const bitsEach = 16

const fnvOffset = 0x811c9dc5
const otherSeed = 0x9747b28c

/** The three numbers that a key is looked up by, the same for every segment. */
export interface FilterHash {
  a: number
  b: number
  c: number
}

/** The finaliser of MurmurHash3. */
function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

export function filterHash(part: Buffer): FilterHash {
  let a = fnvOffset
  let b = otherSeed
  for (let i = 0; i < part.length; i++) {
    const byte = part[i]!
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(b ^ byte, 0x01000193)
  }
  a = mix(a)
  b = mix(b)
  return { a, b, c: mix(a ^ b) }
}

export const filterBytesFor = (parts: number): number =>
  Math.max(1, Math.ceil((parts * bitsEach) / (8 * lineBytes))) * lineBytes

/** Where in a filter of this many bytes the line of a key begins. */
export const lineOf = ({ a }: FilterHash, filterBytes: number): number =>
  (a % (filterBytes / lineBytes)) * lineBytes

export function addToFilter(filter: Buffer, hash: FilterHash): void {
  const line = lineOf(hash, filter.length)
  for (const word of [hash.b, hash.c])
    for (let shift = 0; shift < 27; shift += 9) {
      const bit = (word >>> shift) & 511
      filter[line + (bit >> 3)]! |= 1 << (bit & 7)
    }
}

/** @param line offset of the key's line in `bytes` */
export function mayContain(bytes: Buffer, line: number, { b, c }: FilterHash): boolean {
  for (let shift = 0; shift < 27; shift += 9) {
    const bit = (b >>> shift) & 511
    if (!(bytes[line + (bit >> 3)]! & (1 << (bit & 7)))) return false
  }
  for (let shift = 0; shift < 27; shift += 9) {
    const bit = (c >>> shift) & 511
    if (!(bytes[line + (bit >> 3)]! & (1 << (bit & 7)))) return false
  }
  return true
}
