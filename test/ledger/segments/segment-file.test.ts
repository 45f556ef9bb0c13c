/** One segment file: what it says of itself is not taken for true, nor what was read of another one under its name. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventKey } from '../../../src/ledger/layout.ts'
import {
  decodeTrailer,
  encodeTrailer,
  type Trailer,
  trailerBytes,
} from '../../../src/ledger/segments/format.ts'
import { blockCache, SegmentFile } from '../../../src/ledger/segments/segment-file.ts'
import { segmentName, writeSegment } from '../../../src/ledger/segments/write-segment.ts'
import { temporaryFolder } from '../../support/ledger.ts'

test('two files of one name, one after the other, with one cache', async () => {
  const folder = temporaryFolder()
  const cache = blockCache()
  const place = { first: 0, last: 0, generation: 1 }
  for (const text of ['not registered', 'registered']) {
    const value = Buffer.from(text)
    async function* entries() {
      yield [[eventKey(0), value]] as [Buffer, Buffer][]
    }
    await writeSegment(folder, { ...place, entries: entries(), mostFilterParts: 0 })
    const file = SegmentFile.open(folder, place, cache)
    expect(file.get(eventKey(0))?.toString()).toBe(text)
    file.release()
  }
})

const huge = 2 ** 48 - 1
test.each<[name: string, change: (trailer: Trailer) => Partial<Trailer>]>([
  ['more blocks', ({ blocks }) => ({ blocks: blocks + 1 })],
  ['far more blocks', () => ({ blocks: 0xffff_ffff })],
  ['no blocks', () => ({ blocks: 0 })],
  ['a huge index', () => ({ indexBytes: huge })],
  ['an index somewhere else', ({ indexOffset }) => ({ indexOffset: indexOffset + 1 })],
  ['no filter', () => ({ filterBytes: 0 })],
  ['a huge filter', () => ({ filterBytes: huge })],
  ['a filter behind the file', () => ({ filterOffset: huge })],
])('a trailer that is whole and tells of %s', async (_, change) => {
  const folder = temporaryFolder()
  const place = { first: 0, last: 0 }
  async function* entries() {
    yield [[eventKey(0), Buffer.from('a record')]] as [Buffer, Buffer][]
  }
  await writeSegment(folder, { ...place, entries: entries(), mostFilterParts: 0 })
  const path = join(folder, segmentName(0, 0))
  const bytes = readFileSync(path)
  const trailer = decodeTrailer(bytes.subarray(-trailerBytes))!
  encodeTrailer({ ...trailer, ...change(trailer) }).copy(bytes, bytes.length - trailerBytes)
  writeFileSync(path, bytes)
  expect(() => SegmentFile.open(folder, place, blockCache())).toThrow(
    expect.objectContaining({ name: 'LedgerError', code: 'damaged' }),
  )
})
