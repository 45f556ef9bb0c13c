/** A file under a name that another file had before: what was read of that one is not read of this one. */
import { expect, test } from 'vitest'
import { eventKey } from '../../../src/ledger/layout.ts'
import { blockCache, SegmentFile } from '../../../src/ledger/segments/segment-file.ts'
import { writeSegment } from '../../../src/ledger/segments/write-segment.ts'
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
