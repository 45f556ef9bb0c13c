/** Signed checkpoints and confirmed anchors by the events they cover: a few reads each, however long the log. */
import { type ConfirmedAnchor, decodeAnchor, isConfirmed } from '../anchor/anchor.ts'
import { listAnnex } from '../ledger/annex.ts'
import { checkpointPrefix } from '../ledger/checkpoints.ts'
import { LedgerError } from '../ledger/errors.ts'
import { annexKey, tileKey } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { type Checkpoint, parseCheckpoint } from '../tree/checkpoint.ts'
import type { Hash } from '../tree/hash.ts'
import { parseNote } from '../tree/signed-note.ts'
import { inclusionProof, type ReadTile } from '../tree/tile-proofs.ts'
import { formatTlogProof } from './tlog-proof.ts'

export interface SignedTree {
  checkpoint: Checkpoint
  note: string
  /** Undefined where none is confirmed, or none was asked for. */
  anchor: ConfirmedAnchor | undefined
}

const anchorPrefix = 'anchor/'
const digitsOf = (size: number): string => String(size).padStart(16, '0')

/** Nearly always the first one serves; a page more of them costs little. */
const pageLength = 16

/** Anchors of trees of at least this size that stand in a block, by size. @throws LedgerError damaged */
export async function* confirmedAnchors(
  reader: StorageReader,
  leastSize: number,
): AsyncGenerator<ConfirmedAnchor> {
  for await (const [name, value] of listFrom(reader, anchorPrefix, leastSize)) {
    const anchor = readEntry(name, () => decodeAnchor(value))
    if (isConfirmed(anchor)) yield anchor
  }
}

/** Signed trees of at least this size, by size; without their anchors. @throws LedgerError damaged */
export async function* signedTrees(reader: StorageReader, leastSize: number): AsyncGenerator<SignedTree> {
  for await (const [name, value] of listFrom(reader, checkpointPrefix, leastSize))
    yield readTree(name, value, undefined)
}

/** The smallest tree with this event whose anchor stands in a block. @throws LedgerError damaged */
export async function firstAnchoredTree(
  reader: StorageReader,
  position: number,
): Promise<SignedTree | undefined> {
  for await (const anchor of confirmedAnchors(reader, position + 1)) {
    const name = checkpointPrefix + digitsOf(anchor.size)
    const value = await reader.get(annexKey(name))
    if (!value) throw new LedgerError('damaged', `the checkpoint of ${anchor.size} events is missing`)
    return readTree(name, value, anchor)
  }
  return undefined
}

/** The smallest signed tree with this event. @throws LedgerError damaged */
export async function firstSignedTree(
  reader: StorageReader,
  position: number,
): Promise<SignedTree | undefined> {
  for await (const tree of signedTrees(reader, position + 1)) return tree
  return undefined
}

/** That the record at a position is in the tree, as C2SP tlog-proof. @throws TreeError invalid_tile */
export async function proofIn(reader: StorageReader, position: number, { checkpoint, note }: SignedTree) {
  const path: Hash[] = await inclusionProof(tilesOf(reader), position, checkpoint.size)
  return formatTlogProof({ index: position, path, checkpoint: note })
}

/** Tiles as they stand in the store. */
export const tilesOf =
  (reader: StorageReader): ReadTile<Promise<Buffer | undefined>> =>
  async (level, index) =>
    reader.get(tileKey(level, index))

async function* listFrom(
  reader: StorageReader,
  prefix: string,
  leastSize: number,
): AsyncGenerator<[name: string, value: Buffer]> {
  let from = prefix + digitsOf(leastSize)
  for (;;) {
    let count = 0
    for await (const [name, value] of listAnnex(reader, prefix, { from, limit: pageLength })) {
      count++
      // The next name there can be.
      from = `${name}\0`
      yield [name, value]
    }
    if (count < pageLength) return
  }
}

function readTree(name: string, value: Buffer, anchor: ConfirmedAnchor | undefined): SignedTree {
  const note = value.toString()
  return { checkpoint: readEntry(name, () => parseCheckpoint(parseNote(note).text)), note, anchor }
}

function readEntry<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new LedgerError('damaged', `the entry ${name} is damaged: ${(cause as Error).message}`, { cause })
  }
}
