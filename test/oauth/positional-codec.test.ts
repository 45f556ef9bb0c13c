/** Rows read where they stand: the same as cbor-x reads them first and the table is laid over it then. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeOther } from '../../src/oauth/cbor.ts'
import { type PositionalCodec, positionalCodec } from '../../src/oauth/positional-codec.ts'
import { anyHash, anyText } from '../support/event-arbitraries.ts'

const inner = positionalCodec(['hash:hash', 'text', 'number?'])
const codec = positionalCodec(['text', 'hash:hash', 'inner', 'list', 'rest?', 'last:hash?'], {
  inner: inner.field,
})

const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const anyRow = fc.record(
  {
    text: orNull(anyText),
    hash: orNull(anyHash),
    inner: orNull(
      fc.record(
        { hash: orNull(anyHash), text: anyText, number: fc.nat() },
        { requiredKeys: ['hash', 'text'], noNullPrototype: true },
      ),
    ),
    list: orNull(fc.array(anyText, { maxLength: 3 })),
    rest: fc.jsonValue(),
    last: anyHash,
  },
  { requiredKeys: ['text', 'hash', 'inner', 'list'], noNullPrototype: true },
)

function outcome(decode: () => unknown): unknown {
  try {
    return { value: decode() }
  } catch (error) {
    expect(error).toBeInstanceOf(Error)
    return 'refused'
  }
}

function expectSame(of: PositionalCodec, bytes: Buffer): void {
  expect(outcome(() => of.decode(bytes))).toStrictEqual(outcome(() => of.field.decode(decodeOther(bytes))))
}

test('of what was written', () => {
  fc.assert(fc.property(anyRow, (row) => expectSame(codec, codec.encode(row))))
})

test('of anything else', () => {
  fc.assert(
    fc.property(
      anyRow,
      fc.nat(),
      fc.nat(255),
      fc.constantFrom('cut', 'altered', 'longer'),
      (row, at, byte, how) => {
        const bytes = codec.encode(row)
        const place = at % bytes.length
        if (how === 'altered') bytes[place] = byte
        if (how === 'cut') expectSame(codec, bytes.subarray(0, place))
        else expectSame(codec, how === 'longer' ? Buffer.concat([bytes, Buffer.of(byte)]) : bytes)
      },
    ),
    { numRuns: 5000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => expectSame(inner, Buffer.from(bytes))),
    { numRuns: 2000 },
  )
})

test('a row within a row has no more fields than its table, and takes none of the row around it', () => {
  const wide = positionalCodec(['inner', 'text'], { inner: positionalCodec(['a', 'b']).field })
  const bytes = wide.encode({ inner: { a: 1, b: 2 }, text: 'x' })
  expect(wide.decode(bytes)).toEqual({ inner: { a: 1, b: 2 }, text: 'x' })
  const narrow = positionalCodec(['inner', 'next', 'text'], { inner: positionalCodec(['a']).field })
  // The outer array claims one item more, so that the bytes would come out even.
  bytes[0]! += 1
  expect(() => narrow.decode(bytes)).toThrow(RangeError)
})
