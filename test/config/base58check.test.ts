import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBase58Check, isP2pkhAddress, isPrivateKeyWif } from '../../src/config/base58check.ts'

// Bitcoin wiki, "Wallet import format": the private key 0C28FCA3...D471242AA471D in both forms.
const uncompressed = '5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ'
const compressed = 'KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617'
// The genesis block's address.
const address = '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa'

describe('base58check', () => {
  test('decodes what it was made from', () => {
    expect(decodeBase58Check(address)?.toString('hex')).toBe('0062e907b15cbf27d5425399ebf6f0fb50ebb88f18')
  })

  test('tells addresses and keys apart', () => {
    expect(isP2pkhAddress(address)).toBe(true)
    expect(isP2pkhAddress('1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix')).toBe(true)
    // P2SH (BIP 16 example), and bech32 (BIP 173).
    expect(isP2pkhAddress('3P14159f73E4gFr7JterCCQh9QjiTjiZrG')).toBe(false)
    expect(isP2pkhAddress('bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4')).toBe(false)
    expect(isP2pkhAddress(compressed)).toBe(false)
    expect(isPrivateKeyWif(uncompressed)).toBe(true)
    expect(isPrivateKeyWif(compressed)).toBe(true)
    expect(isPrivateKeyWif(address)).toBe(false)
    expect(isPrivateKeyWif('')).toBe(false)
  })

  test('no single wrong character passes', () => {
    const character = fc.constantFrom(...'123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0OIl')
    fc.assert(
      fc.property(fc.nat(compressed.length - 1), character, (index, other) => {
        fc.pre(compressed[index] !== other)
        expect(isPrivateKeyWif(compressed.slice(0, index) + other + compressed.slice(index + 1))).toBe(false)
      }),
    )
  })
})
