/**
 * A stretch of whole blocks, looked at by itself: whether each record stands in its place, is the one that was hashed
 * and may stand there, as far as that can be said without the stretches before it. What it rests on in other streams is
 * looked up by the index; what is judged in the order of the log is handed on.
 *
 * It says only whether everything holds. What is wrong, the pass through the whole log names (`verify.ts`).
 */
import { decodePosition, eventKey, rangeOf, sideKey, tileKey } from '../ledger/layout.ts'
import { recordTime } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { HASH_BYTES, leafHashText } from '../tree/hash.ts'
import { tileRoot } from '../tree/tile-root.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'
import { isJudgedInOrder } from './authority.ts'
import type { Drops } from './drops.ts'
import { EntryCursor, listsOf } from './entry-cursor.ts'
import { ExpectedRows } from './expected-rows.ts'
import { Faults } from './fault.ts'
import { MissingSides } from './missing-sides.ts'
import type { PartSums } from './part-sums.ts'
import { type Checked, RecordCheck } from './record-check.ts'
import { StreamStates } from './stream-states.ts'

/** Positions from `start` up to but not including `end`, both at the edge of a block. */
export interface Stretch {
  start: number
  end: number
}

export interface CheckedStretch extends Stretch, Checked {
  /** The hash over each block, one behind the other. */
  blockRoots: Uint8Array
  /** Infinite where all of its records were dropped. */
  firstTimeMs: number
  /** Events that are still to be judged, in the order of the log; nothing of them is in the sums. */
  inOrder: StoredEvent[]
}

export interface StoredEvent {
  position: number
  record: Uint8Array
  side: Uint8Array | undefined
}

const positionKeyBytes = eventKey(0).length
const tileKeyBytes = tileKey(0, 0).length
const tileBytes = TILE_WIDTH * HASH_BYTES

/**
 * @param sums get the records of the stretch, and its rows where they are asked for
 * @param drops what may be missing: its stored leaf hash stands for it
 * @returns undefined where anything is not as it should be
 */
export async function checkStretch(
  reader: StorageReader,
  { start, end }: Stretch,
  { index, rows }: PartSums,
  drops: Drops,
): Promise<CheckedStretch | undefined> {
  const tiles = await readTiles(reader, start, end)
  if (!tiles) return undefined
  const faults = new Faults(1)
  const inOrder: StoredEvent[] = []
  let isLeftOut = false
  const missing = new MissingSides(reader)
  const expected = rows && new ExpectedRows(rows)
  const records = new RecordCheck(faults, {
    index,
    rows: expected,
    missing,
    states: new StreamStates(reader, { isIndexRight: true }),
    drops,
    isLeftOut: ({ position, event }) => {
      isLeftOut = position === 0 || isJudgedInOrder(event)
      return isLeftOut
    },
  })
  let firstTimeMs = Number.POSITIVE_INFINITY
  let position = start
  let tile = -1
  let leaves = ''
  const passDropped = () => {
    while (position < end && drops.payloads.has(position)) position++
  }
  const sides = new EntryCursor(reader, part('side', sideKey, start, end))
  try {
    await sides.next()
    for await (const entries of listsOf(reader, part('event', eventKey, start, end))) {
      for (const [key, record] of entries) {
        // A record that is missing, or a key of another form.
        if (positionOf(key) !== position) passDropped()
        if (positionOf(key) !== position) return undefined
        const row = position % TILE_WIDTH
        if (position - row !== tile) {
          tile = position - row
          leaves = tiles[(tile - start) / TILE_WIDTH]!.toString('latin1')
        }
        if (!leaves.startsWith(leafHashText(record), row * HASH_BYTES)) return undefined
        if (firstTimeMs === Number.POSITIVE_INFINITY) firstTimeMs = recordTime(record)
        let side: Buffer | undefined
        if (sides.head && positionOf(sides.head[0]) === position) {
          side = sides.head[1]
          const waiting = sides.next()
          if (waiting) await waiting
        }
        const checked = records.check(position, record, side)
        if (checked instanceof Promise) await checked
        if (faults.count > 0) return undefined
        // Copies: another thread gets them, which would take all of the memory that they are a part of.
        if (isLeftOut)
          inOrder.push({ position, record: Uint8Array.from(record), side: side && Uint8Array.from(side) })
        position++
      }
    }
    passDropped()
    if (position !== end || sides.head) return undefined
    expected?.clear()
  } finally {
    await sides.close()
  }
  const blockRoots = Buffer.concat(tiles.map(tileRoot))
  return {
    start,
    end,
    blockRoots,
    firstTimeMs,
    lastTimeMs: records.lastTimeMs,
    erased: records.erased,
    lastLock: missing.lastLock,
    inOrder,
  }
}

const positionOf = (key: Buffer): number | undefined =>
  key.length === positionKeyBytes ? decodePosition(key, 1) : undefined

/** The entries of the stretch. Stretches that follow on each other leave no key between them, of whatever form. */
const part = (kind: 'event' | 'side', keyOf: (position: number) => Buffer, start: number, end: number) => ({
  gte: start === 0 ? rangeOf(kind).gte : keyOf(start),
  lt: keyOf(end),
})

async function readTiles(reader: StorageReader, start: number, end: number): Promise<Buffer[] | undefined> {
  const [first, stop] = [start / TILE_WIDTH, end / TILE_WIDTH]
  const tiles: Buffer[] = []
  for await (const [key, tile] of reader.entries({ gte: tileKey(0, first), lt: tileKey(0, stop) })) {
    if (key.length !== tileKeyBytes || decodePosition(key, 2) !== first + tiles.length) return undefined
    if (tile.length !== tileBytes) return undefined
    tiles.push(tile)
  }
  return tiles.length === stop - first ? tiles : undefined
}
