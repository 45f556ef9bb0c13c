/** Files in the folder of the segments that no registration names. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HASH_BYTES, leafHash } from '../../tree/hash.ts'
import { TILE_WIDTH } from '../../tree/tiles.ts'
import { LedgerError } from '../errors.ts'
import { decodePosition, eventKey, kindOf, tileKey } from '../layout.ts'
import type { LevelStorage } from '../storage.ts'
import { blockCache, SegmentFile, type SegmentPlace } from './segment-file.ts'
import {
  type OnDamage,
  onlyDamage,
  type Registration,
  type SegmentDamage,
  type Segments,
} from './segments.ts'
import { partialSuffix, segmentName } from './write-segment.ts'

interface Orphan {
  path: string
  /** What is lost with it. @throws LedgerError damaged */
  loss(): Loss | undefined
}

type Loss = Pick<SegmentDamage, 'kind' | 'message' | 'position'>

/**
 * Deletes them: of a crash, or of segments that were merged.
 *
 * @throws LedgerError damaged, for those of another ledger and those with events that are nowhere else
 */
export function removeOrphans(segments: Segments, hot: LevelStorage): void {
  for (const name of filesIn(segments.folder))
    if (name.endsWith(partialSuffix)) rmSync(join(segments.folder, name), { force: true })
  for (const { path, loss } of orphans(segments, hot)) {
    const lost = loss()
    if (lost) throw new LedgerError('damaged', lost.message)
    rmSync(path, { force: true })
  }
}

/** Tells of those that may not go, and touches nothing. @param known registered, though not among the segments */
export function tellOrphans(
  segments: Segments,
  hot: LevelStorage,
  known: readonly Registration[],
  onDamage: OnDamage,
): void {
  for (const { loss } of orphans(segments, hot, known))
    onlyDamage(
      () => {
        const lost = loss()
        if (lost) onDamage(lost)
      },
      (message) => onDamage({ kind: 'stranger', message }),
    )
}

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
    yield { path: join(folder, name), loss: () => lossOf(join(folder, name), place) }
  }

  function lossOf(path: string, place: SegmentPlace): Loss | undefined {
    const [position, record] = firstEvent(folder, place) ?? []
    // One without events is nobody's loss.
    if (position === undefined || !record) return undefined
    const row = (position % TILE_WIDTH) * HASH_BYTES
    const tile = hot.get(tileKey(0, Math.floor(position / TILE_WIDTH)))
    if (!tile?.subarray(row, row + HASH_BYTES).equals(leafHash(record)))
      return {
        kind: 'stranger',
        message: `${path} belongs to another ledger: move it away, it may be all that is left of its events`,
      }
    const isElsewhere =
      hot.get(eventKey(position)) !== undefined ||
      registered.some(({ first, last }) => first <= position && position <= last)
    return isElsewhere
      ? undefined
      : {
          kind: 'registration',
          position,
          message: `${path} is not registered, but nothing else has its events`,
        }
  }
}

function firstEvent(folder: string, place: SegmentPlace): [position: number, record: Buffer] | undefined {
  const file = SegmentFile.open(folder, place, blockCache())
  try {
    const [key, record] = file.firstEntry() ?? []
    return key && record && kindOf(key) === 'event' ? [decodePosition(key, 1), record] : undefined
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
