import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ChainError } from '../../src/chain/errors.ts'
import {
  addressOfPublicKey,
  addressOfScript,
  createPrivateKey,
  isAddress,
  parseWif,
  scriptOfAddress,
} from '../../src/chain/keys.ts'
import { testKey } from './support.ts'

describe('keys', () => {
  test.each([
    ['KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn', '1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH', true],
    ['5HpHagT65TZzG1PH3CSu63k8DbpvD8s5ip4nEB3kEsreAnchuDf', '1EHNa6Q4Jz2uvNExL497mE43ikXhwF6kZm', false],
  ])('private key 1 as %s', (wif, address, compressed) => {
    const key = parseWif(` ${wif}\n`)
    expect(key).toMatchObject({ address, compressed })
    expect(key.privateKey).toEqual(Buffer.from('1'.padStart(64, '0'), 'hex'))
    expect(key.toWif()).toBe(wif)
    expect(addressOfPublicKey(key.publicKey)).toBe(address)
  })

  test('the example of the Bitcoin wiki, "Wallet import format"', () => {
    const key = parseWif('5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ')
    expect(key.privateKey.toString('hex')).toBe(
      '0c28fca386c7a227600b2fe50b7cae11ec86d3bf1fbe471be89827e19d72aa1d',
    )
  })

  test('a new key differs from the one before and survives its own format', () => {
    const [one, two] = [createPrivateKey(), createPrivateKey()]
    expect(one.address).not.toBe(two.address)
    expect(parseWif(one.toWif()).address).toBe(one.address)
    expect(isAddress(one.address)).toBe(true)
  })

  test('a draw outside the range of the group is drawn again', () => {
    const draws = [Buffer.alloc(32, 0xff), Buffer.alloc(32), Buffer.alloc(32, 1)]
    expect(createPrivateKey(() => draws.shift()!).privateKey).toEqual(Buffer.alloc(32, 1))
  })

  test.each([
    ['', /empty/],
    ['KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWO', /base58/],
    ['KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWm', /checksum/],
    ['KwDiBf89QgGbjEhKnhXJuH7Lrci', /27 characters/],
    ['cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N', /another network/],
  ])('a bad key %j is refused and not echoed', (wif, message) => {
    let error: unknown
    try {
      parseWif(wif)
    } catch (caught) {
      error = caught
    }
    expect(error).toBeInstanceOf(ChainError)
    expect(error).toMatchObject({ code: 'bad_key', message: expect.stringMatching(message) })
    expect(error).not.toHaveProperty('cause')
    if (wif !== '') expect(inspect(error)).not.toContain(wif.slice(0, 12))
  })

  test('printing a key shows its address only', () => {
    const key = testKey('printed')
    const printed = [
      inspect(key, { depth: 9, showHidden: true }),
      JSON.stringify({ key }),
      `${inspect([key])}`,
    ].join()
    expect(printed).toContain(key.address)
    expect(printed).not.toContain(key.toWif())
    expect(printed).not.toContain(key.privateKey.toString('hex'))
  })

  test.each([
    ['1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix', true],
    ['1KkM2NLZEK9SL4sChJVgg45k3godj7Tniy', false],
    ['3JvL6Ymt8MVWiCNHC7oWU6nLeHNJKLZGLN', false],
    ['bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', false],
    ['mpLQjfK79b7CCV4VMJWEWAj5Mpx8Up5zxB', false],
    ['', false],
  ])('address %j: %s', (address, valid) => {
    expect(isAddress(address)).toBe(valid)
    if (valid) expect(addressOfScript(scriptOfAddress(address))).toBe(address)
    else expect(() => scriptOfAddress(address)).toThrow(expect.objectContaining({ code: 'bad_address' }))
  })
})
