/** What of the log anybody may have: the last checkpoint and the tree's hashes under it (C2SP tlog-tiles). */
import { parseTilePath, tileWidth } from '../tree/tiles.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { Storage } from './storage.ts'
import { readTile } from './tree-writer.ts'

export interface PublishedLog {
  /** The last signed checkpoint as a note; undefined before the first. */
  checkpoint(): string | undefined
  /** The key of the checkpoints (C2SP verifier key). As trustworthy as the connection: compare it by another way. */
  verifierKey(): string
  /**
   * A tile by its path, `tile/<L>/<N>` or `tile/<L>/<N>.p/<W>`; undefined where the last checkpoint's tree has no
   * such tile. What is served for a path never changes.
   *
   * @throws LedgerError damaged or unavailable
   */
  tile(path: string): Buffer | undefined
}

/** Records are not published: hashes tell nothing but that there is an event. */
export const publishedLog = (
  storage: Pick<Storage, 'get'>,
  checkpoints: Pick<Checkpoints, 'last' | 'verifierKey'>,
): PublishedLog => ({
  checkpoint: () => checkpoints.last?.note,
  verifierKey: () => checkpoints.verifierKey,
  tile(path) {
    const tile = parseTilePath(path)
    const size = checkpoints.last?.checkpoint.size ?? 0
    if (!tile || tileWidth(tile.level, tile.index, size) < tile.width) return undefined
    return readTile(storage, tile.level, tile.index, tile.width)
  },
})
