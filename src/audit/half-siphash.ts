/**
 * HalfSipHash-2-4 with 64 bits: a keyed hash of short messages in 32-bit arithmetic (J.-P. Aumasson and D. J. Bernstein,
 * SipHash: a fast short-input PRF, 2012, and github.com/veorq/SipHash). Here a third of the time of a call of SHA-256.
 *
 * Good for what is compared within one process under a key that nobody has seen, for nothing else.
 */

/** Key of 64 bits. */
export type HalfSipKey = readonly [number, number]

/**
 * The rounds stand in it twice: a function of their own could give back four words only by way of memory.
 *
 * @param words the message in the byte order of the machine, with room for one word more
 * @param length of the message in bytes
 * @param into gets the 64 bits as two words
 */
export function halfSipHash(
  [key0, key1]: HalfSipKey,
  words: Int32Array,
  length: number,
  into: Int32Array | Uint32Array,
): void {
  const last = length >> 2
  let v0 = key0
  let v1 = key1 ^ 0xee
  let v2 = key0 ^ 0x6c796765
  let v3 = key1 ^ 0x74656462
  for (let i = 0; i <= last; i++) {
    // What stands behind the message does not count; the length does.
    const word = i < last ? words[i]! : (words[i]! & ~(-1 << (8 * (length & 3)))) | (length << 24)
    v3 ^= word
    for (let round = 0; round < 2; round++) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    v0 ^= word
  }
  v2 ^= 0xee
  for (let half = 0; half < 2; half++) {
    for (let round = 0; round < 4; round++) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    into[half] = v1 ^ v3
    v1 ^= 0xdd
  }
}
