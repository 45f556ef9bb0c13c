/**
 * Making LevelDB forget: deleting a key only writes a mark of deletion; the bytes stay in the write-ahead log and
 * in table files until those are compacted. A compaction rewrites a file only where it merges it with one of a
 * lower level, and a value may stand in one file with its own mark of deletion. So the files are compacted, then
 * marks beside the keys are written and everything is compacted again: the new file lies over the old one.
 *
 * What is left are keys, in the manifest until the next opening: keys name nobody (src/projections/rows.ts).
 */
import type { LevelDatabase } from './level-database.ts'

/** A key just below, and one just above: neither is ever written with a value (see layout.ts). */
function neighbours(key: Buffer): [Buffer, Buffer] {
  const last = key.at(-1)!
  const before = Buffer.from(key.subarray(0, -1))
  // Names of streams are UTF-8, which has no byte ff and whose last byte is not 00; all other keys have one length.
  const below = last === 0 ? before : Buffer.concat([before, Buffer.of(last - 1, 0xff, 0xff)])
  return [below, Buffer.concat([key, Buffer.of(0)])]
}

/** Rewrites every file that may hold an old value of these keys. @param inTurn what every write goes through */
export async function compact(
  db: LevelDatabase,
  keys: readonly Buffer[],
  inTurn: (write: () => Promise<void>) => Promise<void>,
): Promise<void> {
  if (keys.length === 0) return
  const ranges = byKind(keys)
  for (const [from, to] of ranges) await db.compactRange(from, to)
  const marks = keys.flatMap((key) => neighbours(key).map((at) => ({ type: 'del', key: at }) as const))
  await inTurn(() => db.batch(marks, { sync: true }))
  for (const [from, to] of ranges) await db.compactRange(from, to)
}

/** One range for each kind of key: those of different kinds lie far apart. */
function byKind(keys: readonly Buffer[]): [from: Buffer, to: Buffer][] {
  const kinds = new Map<number, Buffer[]>()
  for (const key of keys.flatMap(neighbours).toSorted(Buffer.compare)) {
    const kind = kinds.get(key[0]!)
    if (kind) kind.push(key)
    else kinds.set(key[0]!, [key])
  }
  return [...kinds.values()].map((all) => [all[0]!, all.at(-1)!])
}

/** The snapshots that are being read: what they can see, no compaction drops. */
export class Snapshots {
  readonly #held = new Set<Promise<void>>()

  /** @returns what ends it */
  hold(): () => void {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#held.add(held)
    return () => {
      this.#held.delete(held)
      release()
    }
  }

  /** Whether all that are held now end within this time. */
  async over(longestMs: number): Promise<boolean> {
    if (this.#held.size === 0) return true
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), longestMs)
    })
    const ended = await Promise.race([Promise.all(this.#held).then(() => true), late])
    clearTimeout(timer)
    return ended
  }
}
