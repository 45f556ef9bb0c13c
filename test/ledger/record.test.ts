/** The event record, version 1 (src/ledger/record.ts). */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LedgerError } from '../../src/ledger/errors.ts'
import { decodeRecord, type EventRecord, encodeRecord } from '../../src/ledger/record.ts'

const sample: EventRecord = {
  position: 0x1_0000_0002,
  timeMs: 0x0123_4567_89ab,
  type: 0x0102,
  stream: 'g:\u00e9',
  version: 3,
  body: Buffer.from('body'),
}
const header = '01 0000000100000002 0123456789ab 0102 00000003'
const hex = (text: string) => text.replaceAll(' ', '')

describe('the bytes', () => {
  test('without side record', () => {
    expect(encodeRecord(sample).toString('hex')).toBe(hex(`${header} 00 04 673ac3a9 626f6479`))
  })

  test('with a commitment', () => {
    const commitment = Buffer.alloc(32, 0xcc)
    expect(encodeRecord({ ...sample, commitment }).toString('hex')).toBe(
      hex(`${header} 01 04 673ac3a9 ${'cc'.repeat(32)} 626f6479`),
    )
  })

  const anyRecord: fc.Arbitrary<EventRecord> = fc.record(
    {
      position: fc.maxSafeNat(),
      timeMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      type: fc.integer({ min: 0, max: 0xffff }),
      stream: fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
        .filter((text) => Buffer.byteLength(text) <= 255 && !text.includes('\0')),
      version: fc.integer({ min: 0, max: 0xffff_ffff }),
      body: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      commitment: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    },
    { requiredKeys: ['position', 'timeMs', 'type', 'stream', 'version', 'body'], noNullPrototype: true },
  )

  test('come back as they were', () => {
    fc.assert(
      fc.property(anyRecord, (record) => void expect(decodeRecord(encodeRecord(record))).toEqual(record)),
    )
  })

  test('of two records are the same only where the records are', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, (one, other) => {
        const isSame = encodeRecord(one).equals(encodeRecord(other))
        if (isSame) expect(one).toEqual(other)
      }),
    )
  })
})

describe('a record that cannot be', () => {
  test.each<[string, Partial<EventRecord>]>([
    ['no stream', { stream: '' }],
    ['a stream of 256 bytes', { stream: 'a'.repeat(256) }],
    ['a stream of 128 letters of two bytes', { stream: '\u00e9'.repeat(128) }],
    ['a zero in the stream: it ends the name in the index', { stream: 'client:a\0b' }],
    ['a time before 1970', { timeMs: -1 }],
    ['a time of 49 bits', { timeMs: 2 ** 48 }],
    ['a type of 17 bits', { type: 0x1_0000 }],
    ['a negative version', { version: -1 }],
    ['a negative position', { position: -1 }],
  ])('%s', (_, changes) => {
    expect(() => encodeRecord({ ...sample, ...changes })).toThrow(RangeError)
  })

  test('the longest stream still fits', () => {
    const stream = 'a'.repeat(255)
    expect(decodeRecord(encodeRecord({ ...sample, stream })).stream).toBe(stream)
  })
})

describe('bytes that are no record are damaged', () => {
  const good = encodeRecord({ ...sample, commitment: Buffer.alloc(32) })
  const withByte = (offset: number, value: number) => {
    const bytes = Buffer.from(good)
    bytes[offset] = value
    return bytes
  }
  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['only the version', Buffer.of(1)],
    ['one byte short of a header', good.subarray(0, 22)],
    ['a stream cut off', good.subarray(0, 25)],
    ['a commitment cut off', good.subarray(0, 58)],
    ['version 0', withByte(0, 0)],
    ['version 2', withByte(0, 2)],
    ['an unknown flag', withByte(21, 3)],
    ['a stream longer than the bytes', withByte(22, 255)],
  ])('%s', (_, bytes) => {
    expect(() => decodeRecord(bytes)).toThrow(expect.objectContaining({ code: 'damaged' }))
  })

  test('whatever they are', () => {
    const bytes = fc
      .uint8Array({ maxLength: 100 })
      .chain((rest) => fc.constantFrom(Buffer.from(rest), Buffer.from([1, ...rest])))
    fc.assert(
      fc.property(bytes, (of) => {
        try {
          decodeRecord(of)
        } catch (error) {
          expect(error).toBeInstanceOf(LedgerError)
        }
      }),
    )
  })
})
