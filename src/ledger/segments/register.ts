/**
 * A segment becomes one of the ledger's: written, registered, opened.
 *
 * Dying before the registration leaves a file that nobody has registered (`Segments`). Dying after it leaves the
 * files that it takes the place of, which are not registered any more.
 */
import { LedgerError } from '../errors.ts'
import { segmentKey } from '../layout.ts'
import type { Entry } from '../storage.ts'
import type { ColdRows } from './cold-rows.ts'
import { trailerBytes } from './format.ts'
import type { SegmentedStorage } from './segmented-storage.ts'
import { type Registration, registrationEntry, type Segment } from './segments.ts'
import { type SegmentContent, writeSegment } from './write-segment.ts'

export async function writeNewSegment(
  { segments: { folder } }: SegmentedStorage,
  coldRows: Pick<ColdRows, 'streamOf'>,
  content: SegmentContent,
): Promise<Registration> {
  const { generation = 0 } = content
  let streams = 0
  async function* counted(): AsyncGenerator<readonly Entry[]> {
    for await (const entries of content.entries) {
      for (const [key] of entries) if (coldRows.streamOf(key) !== undefined) streams++
      yield entries
    }
  }
  const trailer = await writeSegment(folder, { ...content, entries: counted() })
  const { first, last, entries, rawBytes, filterOffset, filterBytes, sha256 } = trailer
  return {
    version: generation === 0 ? 1 : 2,
    first,
    last,
    ...(generation > 0 && { generation }),
    entries,
    rawBytes,
    fileBytes: filterOffset + filterBytes + trailerBytes,
    sha256: sha256.toString('hex'),
    streams,
    isCleared: false,
  }
}

/**
 * @param replaced the segments that it takes the place of
 * @throws LedgerError damaged, unavailable
 */
export async function registerSegment(
  storage: SegmentedStorage,
  registration: Registration,
  replaced: readonly Segment[],
): Promise<void> {
  const { segments } = storage
  const file = segments.openFile(registration)
  for (
    let deleted = storage.deletedMeanwhile;
    deleted && deleted.size > 0;
    deleted = storage.deletedMeanwhile
  ) {
    storage.deletedMeanwhile = new Map()
    await storage.markDeleted([...deleted.values()].filter((key) => file.get(key) !== undefined))
  }
  // It shows nothing that LevelDB or the replaced ones do not, so it may be read before it is registered. Not after:
  // what is deleted by then would be missing for a moment.
  segments.adopt({ registration, file })
  const batch = storage.hot.batch()
  for (const { registration: it } of replaced) batch.del(segmentKey(it.first))
  batch.put(...registrationEntry(registration))
  try {
    await batch.write()
  } catch (cause) {
    await segments.load().catch(() => {})
    throw new LedgerError('unavailable', `${file.name} could not be registered`, { cause })
  }
}
