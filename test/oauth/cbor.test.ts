/** CBOR by hand for what is frequent: the same bytes and the same values as cbor-x alone. */
import { Decoder, Encoder } from 'cbor-x'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeCbor, encodeCbor, encodeWith, writeHash } from '../../src/oauth/cbor.ts'

const options = {
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  variableMapSize: true,
} as const
const encoder = new Encoder(options)
const decoder = new Decoder(options)

const anyLeaf = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ minLength: 20, maxLength: 300 }),
  fc.nat(),
  fc.nat({ max: 70_000 }),
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32),
  fc.boolean(),
  fc.constant(null),
)
const anyValue = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    anyLeaf,
    fc.array(tie('value'), { maxLength: 30 }),
    fc.dictionary(fc.string(), tie('value')),
  ),
})).value

test('writes the bytes that cbor-x writes, and reads them back as cbor-x does', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = encodeCbor(value)
      expect(bytes.toString('hex')).toBe(encoder.encode(value).toString('hex'))
      expect(decodeCbor(bytes)).toStrictEqual(decoder.decode(bytes))
    }),
    { numRuns: 2000 },
  )
})

test('texts of every length up to the next head', () => {
  for (const length of [0, 1, 23, 24, 31, 32, 33, 254, 255, 256, 257, 65_535, 65_536])
    for (const letter of ['x', 'ä', '日'])
      for (const text of [letter.repeat(length), `${'x'.repeat(length)}${letter}`]) {
        expect(encodeCbor([text]).equals(encoder.encode([text]))).toBe(true)
        expect(decodeCbor(encodeCbor([text]))).toEqual([text])
      }
})

test('takes or refuses any bytes as cbor-x does', () => {
  const outcome = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array) => {
    try {
      return { value: decode(bytes) }
    } catch {
      return 'refused'
    }
  }
  const agree = (bytes: Uint8Array) => {
    expect(outcome(decodeCbor, bytes)).toEqual(outcome((all) => decoder.decode(all), bytes))
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 12 }), agree), { numRuns: 5000 })
  // One byte of something right is another one, or the end is missing.
  fc.assert(
    fc.property(anyValue, fc.nat(), fc.nat(255), fc.boolean(), (value, place, byte, isCut) => {
      const bytes = Buffer.from(encodeCbor(value))
      if (isCut) agree(bytes.subarray(0, place % bytes.length))
      else {
        bytes[place % bytes.length] = byte
        agree(bytes)
      }
    }),
    { numRuns: 5000 },
  )
})

test('a hash is written as the bytes that Buffer reads from the text', () => {
  const written = (text: string) => encodeWith(() => writeHash(text))
  const expected = (text: string) => Buffer.from(encoder.encode(Buffer.from(text, 'base64url')))
  const hash = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => Buffer.from(bytes).toString('base64url'))
  const near = fc.tuple(hash, fc.nat(42), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }))
  const altered = near.map(([text, place, letter]) => text.slice(0, place) + letter + text.slice(place + 1))
  for (const texts of [hash, altered, fc.string(), fc.constant('ŁŁŁ'.repeat(20).slice(0, 43))])
    fc.assert(
      fc.property(texts, (text) => {
        expect(written(text).toString('hex')).toBe(expected(text).toString('hex'))
      }),
    )
})

test('what is reserved in front stays free', () => {
  expect(
    encodeWith(() => writeHash('A'.repeat(43)), 4)
      .subarray(4)
      .equals(encoder.encode(Buffer.alloc(32))),
  ).toBe(true)
})
