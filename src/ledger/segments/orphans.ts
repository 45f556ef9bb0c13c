/** Files in the folder of the segments that no registration names. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HASH_BYTES, leafHash } from '../../tree/hash.ts'
import { TILE_WIDTH } from '../../tree/tiles.ts'
import { LedgerError } from '../errors.ts'
import { decodePosition, kindOf, tileKey } from '../layout.ts'
import type { LevelStorage } from '../storage.ts'
import { blockCache, SegmentFile, type SegmentPlace } from './segment-file.ts'
import { type OnDamage, onlyDamage, type Registration, type Segments } from './segments.ts'
import { partialSuffix, segmentName } from './write-segment.ts'

interface Orphan {
  path: string
  /** Whether it is of this ledger. @throws LedgerError damaged */
  isOurs: () => boolean
}

/**
 * Deletes them: of a crash, or of segments that were merged.
 *
 * @throws LedgerError damaged, for those of another ledger
 */
export function removeOrphans(segments: Segments, hot: LevelStorage): void {
  for (const name of filesIn(segments.folder))
    if (name.endsWith(partialSuffix)) rmSync(join(segments.folder, name), { force: true })
  for (const { path, isOurs } of orphans(segments, hot)) {
    if (!isOurs()) throw new LedgerError('damaged', strange(path))
    rmSync(path, { force: true })
  }
}

/** Tells of those of other ledgers, and touches nothing. @param known registered, though not among the segments */
export function tellStrangers(
  segments: Segments,
  hot: LevelStorage,
  known: readonly Registration[],
  onDamage: OnDamage,
): void {
  const tell = (message: string) => onDamage({ kind: 'stranger', message })
  for (const { path, isOurs } of orphans(segments, hot, known))
    onlyDamage(() => {
      if (!isOurs()) tell(strange(path))
    }, tell)
}

const strange = (path: string): string =>
  `${path} belongs to another ledger: move it away, it may be all that is left of its events`

function* orphans(
  { folder, list }: Segments,
  hot: LevelStorage,
  alsoKnown: readonly Registration[] = [],
): Generator<Orphan> {
  const registered = [...list.map(({ registration }) => registration), ...alsoKnown]
  const known = new Set(registered.map(({ first, last, generation }) => segmentName(first, last, generation)))
  for (const name of filesIn(folder)) {
    const [, first, last, generation = '0'] = /^segment-(\d+)-(\d+)(?:-(\d+))?$/.exec(name) ?? []
    if (first === undefined || known.has(name)) continue
    const place = { first: Number(first), last: Number(last), generation: Number(generation) }
    yield { path: join(folder, name), isOurs: () => isOf(hot, folder, place) }
  }
}

/** Whether the tree of this ledger has the first event that is in the file; one without events is nobody's loss. */
function isOf(hot: LevelStorage, folder: string, place: SegmentPlace): boolean {
  const file = SegmentFile.open(folder, place, blockCache())
  try {
    const [key, record] = file.firstEntry() ?? []
    if (!key || !record || kindOf(key) !== 'event') return true
    const position = decodePosition(key, 1)
    const row = (position % TILE_WIDTH) * HASH_BYTES
    const tile = hot.get(tileKey(0, Math.floor(position / TILE_WIDTH)))
    return tile?.subarray(row, row + HASH_BYTES).equals(leafHash(record)) === true
  } finally {
    file.release()
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new LedgerError('unavailable', `${folder} cannot be read`, { cause })
  }
}
