/**
 * Takes what was dropped out of the files: segments that hold keys which are marked as deleted are written anew
 * without them, then the marks go. Readers see no difference: they have not been shown these entries before.
 *
 * Dying on the way leaves some files as they were, with their marks; the next call does the rest. A file that was
 * replaced and is still there is removed at the next opening.
 */

import { decodePosition, filterPart, kindOf, ownRange } from '../layout.ts'
import type { ColdRows } from './cold-rows.ts'
import { mergeEntries, noValue } from './merge.ts'
import { registerSegment, writeNewSegment } from './register.ts'
import type { SegmentedStorage } from './segmented-storage.ts'
import type { Segment } from './segments.ts'
import { removeSegment } from './write-segment.ts'

const markBytes = 2
/** So many look-ups in segments take about 2 ms. */
const lookUpsAtOnce = 64
const marksAtOnce = 512

/**
 * @param breathe lets requests run; what it throws ends the call
 * @returns bytes of files that are gained
 * @throws LedgerError damaged, unavailable
 */
export async function purge(
  storage: SegmentedStorage,
  coldRows: Pick<ColdRows, 'streamOf'>,
  breathe: () => Promise<void>,
): Promise<number> {
  let gained = 0
  for (const segment of await touchedSegments(storage, breathe))
    gained += await rewrite(storage, coldRows, segment, breathe)
  await removeMarks(storage, breathe)
  return gained
}

/** The segments that hold a marked key. Index entries and rows of the history lie where their event does. */
async function touchedSegments(storage: SegmentedStorage, breathe: () => Promise<void>): Promise<Segment[]> {
  const { segments } = storage
  const touched = new Set<number>()
  let lookUps = 0
  let behindEvent = 0
  for await (const key of markedKeys(storage)) {
    const isEvent = kindOf(key) === 'event'
    if (isEvent && decodePosition(key, 1) < behindEvent) continue
    if (!isEvent && (kindOf(key) === 'stream' || !filterPart(key))) continue
    for (const { registration } of segments.holders(key)) {
      touched.add(registration.first)
      if (isEvent) behindEvent = registration.last + 1
    }
    if (++lookUps % lookUpsAtOnce === 0) await breathe()
  }
  return segments.list.filter(({ registration }) => touched.has(registration.first))
}

async function rewrite(
  storage: SegmentedStorage,
  coldRows: Pick<ColdRows, 'streamOf'>,
  segment: Segment,
  breathe: () => Promise<void>,
): Promise<number> {
  const { registration: former, file } = segment
  const { first, last, generation = 0, isCleared } = former
  const marks = storage.hot.entryLists(ownRange('deleted'))
  const entries = mergeEntries([asNoValues(marks), file.entryLists(everything)])
  const registration = await writeNewSegment(storage, coldRows, {
    first,
    last,
    generation: generation + 1,
    entries: breathing(entries, breathe),
    mostFilterParts: file.trailer.filterParts,
  })
  await registerSegment(storage, { ...registration, isCleared }, [segment])
  await removeSegment(storage.segments.folder, file.name)
  return former.fileBytes - registration.fileBytes
}

async function removeMarks(storage: SegmentedStorage, breathe: () => Promise<void>): Promise<void> {
  const { segments } = storage
  let gone: Buffer[] = []
  let lookUps = 0
  for await (const key of markedKeys(storage)) {
    if (segments.get(key) === undefined) gone.push(key)
    if (++lookUps % lookUpsAtOnce === 0) await breathe()
    if (gone.length < marksAtOnce) continue
    await storage.unmark(gone)
    gone = []
  }
  await storage.unmark(gone)
}

async function* markedKeys({ hot }: SegmentedStorage): AsyncGenerator<Buffer> {
  for await (const [mark] of hot.entries(ownRange('deleted'))) yield mark.subarray(markBytes)
}

async function* asNoValues(
  lists: AsyncIterable<readonly [Buffer, Buffer][]>,
): AsyncGenerator<[Buffer, Buffer][]> {
  for await (const entries of lists) yield entries.map(([mark]) => [mark.subarray(markBytes), noValue])
}

async function* breathing<T>(items: AsyncIterable<T>, breathe: () => Promise<void>): AsyncGenerator<T> {
  for await (const item of items) {
    await breathe()
    yield item
  }
}

const everything = { gte: Buffer.alloc(0), lt: Buffer.of(0xff) }
