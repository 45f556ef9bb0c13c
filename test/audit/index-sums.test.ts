/** Laws: sums tell equal sets from others, in any order, and of parts they add up. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { drawSumKey, IndexSums } from '../../src/audit/index-sums.ts'
import { encodePosition, streamKey } from '../../src/ledger/layout.ts'
import { encodeRecord } from '../../src/ledger/record.ts'

interface Named {
  stream: string
  version: number
  position: number
}

const named: fc.Arbitrary<Named> = fc.record({
  stream: fc
    .string({ minLength: 1, maxLength: 60, unit: 'grapheme' })
    .filter((it) => !it.includes('\0') && Buffer.byteLength(it) <= 255),
  version: fc.nat({ max: 0xffff_ffff }),
  position: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
})
const log = fc.uniqueArray(named, { minLength: 2, maxLength: 20, selector: ({ position }) => position })

const recordOf = ({ stream, version, position }: Named) =>
  encodeRecord({ position, timeMs: 1, type: 1, stream, version, body: Buffer.from('body') })

const expectAll = (sums: IndexSums, all: readonly Named[]) => {
  for (const it of all) sums.expect(recordOf(it))
}
const findAll = (sums: IndexSums, all: readonly Named[]) => {
  for (const { stream, version, position } of all)
    sums.found(streamKey(stream, version), encodePosition(position))
}

test('the same events, whatever the order and whoever went through them', () => {
  fc.assert(
    fc.property(log, fc.nat(), (events, cut) => {
      const key = drawSumKey()
      const [one, other] = [new IndexSums(key), new IndexSums(key)]
      const middle = cut % events.length
      expectAll(one, events.slice(0, middle))
      findAll(one, events.toReversed().slice(middle))
      expectAll(other, events.slice(middle))
      findAll(other, events.toReversed().slice(0, middle))
      const all = new IndexSums(key)
      all.add(one.sum)
      all.add(other.sum)
      expect(all.isZero).toBe(true)
    }),
  )
})

test('other events: one more, one less, names or positions exchanged', () => {
  fc.assert(
    fc.property(log, (events) => {
      const [first, second, ...rest] = events as [Named, Named, ...Named[]]
      const exchanged = [
        { ...first, position: second.position },
        { ...second, position: first.position },
      ]
      const others = [
        [first, ...rest],
        [first, second, ...rest, first],
        [{ ...first, version: (first.version + 1) % 2 ** 32 }, second, ...rest],
        [{ ...first, position: first.position === 0 ? 1 : first.position - 1 }, second, ...rest],
        ...(first.stream === second.stream && first.version === second.version
          ? []
          : [[...exchanged, ...rest]]),
      ]
      for (const other of others) {
        const sums = new IndexSums(drawSumKey())
        expectAll(sums, events)
        findAll(sums, other)
        expect(sums.isZero).toBe(false)
      }
    }),
  )
})
