/** Writes a bundle: beside its place first, checked there as its reader will check it, then moved whole. */
import { createHash } from 'node:crypto'
import { access, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { LedgerError } from '../ledger/errors.ts'
import { sideKey } from '../ledger/layout.ts'
import { leafReader, logSize, readRecords } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import type { PositionRun } from '../oauth/dropped-positions.ts'
import { subtreeHash } from '../tree/tile-proofs.ts'
import type { VerifyMessage } from './authority.ts'
import {
  type BundleFile,
  droppedName,
  encodeManifest,
  type Manifest,
  manifestName,
  sidesName,
  subtreesBefore,
  subtreesBehind,
} from './bundle.ts'
import { type BundleVerdict, checkBundle } from './bundle-check.ts'
import { dropsWithin } from './drops.ts'
import { PositionSet } from './position-set.ts'
import { ProofFileError } from './proof-file.ts'
import { encodeAnchor, encodeProven } from './receipt.ts'
import { openedServers, payerOf, provenAnchor, provenRecord, ReceiptError, treeWith } from './receipts.ts'
import { confirmedAnchors, type SignedTree, signedTrees, tilesOf } from './signed-trees.ts'

export interface ExportOptions {
  /** First and last position. */
  from: number
  to: number
  verifyMessage: VerifyMessage
  disclose?: boolean
  /** Contents itself with a signed checkpoint where no anchor behind the range stands in a block yet. */
  unanchored?: boolean
}

export interface Exported {
  manifest: Manifest
  /** Records that were dropped by policy. */
  dropped: number
}

/**
 * @param directory must not be there yet; its parent must
 * @throws ProofFileError exists; ReceiptError; LedgerError damaged or unavailable
 */
export async function exportBundle(
  reader: StorageReader,
  directory: string,
  options: ExportOptions,
): Promise<Exported> {
  const { from, to, verifyMessage, unanchored = false } = options
  const size = await logSize(reader)
  if (from > to || to >= size)
    throw new ReceiptError('not_found', `the ledger has ${size} events: there are none from ${from} to ${to}`)
  const target = resolve(directory)
  await assertAbsent(target)
  // Said before anything is written.
  await treeWith(reader, to, unanchored)
  const parent = dirname(target)
  const temporary = await mkdtemp(`${target}.new-`)
  try {
    const manifest = await writeFiles(reader, temporary, options)
    await writeFile(join(temporary, manifestName), encodeManifest(manifest), { flush: true })
    const { dropped } = await assertHolds(temporary, verifyMessage)
    // Dying before this line leaves a folder whose name says that it is none.
    await assertAbsent(target)
    await rename(temporary, target)
    await syncDirectory(parent)
    return { manifest, dropped }
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

/** A damaged ledger gives no bundles. Who paid for an anchor is for the reader to judge, who may know more keys. */
async function assertHolds(directory: string, verifyMessage: VerifyMessage): Promise<BundleVerdict> {
  const verdict = await checkBundle(directory, { verifyMessage })
  const { faults, stations } = verdict
  const isOfPayer = ({ detail }: { detail: string }) =>
    stations.some(
      (it) =>
        it.station === 'anchor_signature' &&
        it.outcome === 'failed' &&
        detail === `${it.about}: ${it.detail}`,
    )
  const wrong = faults.find((fault) => !isOfPayer(fault))
  if (wrong) throw new LedgerError('damaged', `the ledger gives no bundle: ${wrong.file}: ${wrong.detail}`)
  return verdict
}

/**
 * The tree of the bundle: behind the range, behind the events that dropped records of it, and behind the introduction of
 * every key of the ledger that paid for an anchor in it. A key that was introduced only now stands in no signed tree yet:
 * its address is then for the reader to know.
 */
async function treeWithPayers(
  reader: StorageReader,
  { from, to, unanchored = false }: ExportOptions,
  drops: readonly number[],
): Promise<SignedTree> {
  const servers = await openedServers(reader)
  let tree = await treeWithDrops(reader, to, drops, unanchored)
  for (;;) {
    const { size } = tree.checkpoint
    let last = 0
    for await (const anchor of anchorsOf(reader, from, to, tree))
      last = Math.max(last, payerOf(anchor, tree.checkpoint, servers)?.position ?? 0)
    if (last < size) return tree
    try {
      tree = await treeWith(reader, last, unanchored)
    } catch (error) {
      if (error instanceof ReceiptError) return tree
      throw error
    }
  }
}

/** The tree that shows the range and what dropped records of it. @throws ReceiptError not_anchored */
async function treeWithDrops(
  reader: StorageReader,
  to: number,
  drops: readonly number[],
  unanchored: boolean,
): Promise<SignedTree> {
  const last = drops.at(-1) ?? to
  if (last <= to) return treeWith(reader, to, unanchored)
  try {
    return await treeWith(reader, last, unanchored)
  } catch (error) {
    if (!(error instanceof ReceiptError)) throw error
    throw new ReceiptError(
      error.code,
      `records of the range were dropped by policy, and the event that says so is to be proved too: ${error.message}`,
    )
  }
}

async function writeFiles(
  reader: StorageReader,
  directory: string,
  options: ExportOptions,
): Promise<Manifest> {
  const { from, to, disclose = false } = options
  const write = (name: BundleFile, parts: AsyncIterable<Buffer | string>) =>
    writeHashed(join(directory, name), parts)
  // The records are of one snapshot, and those that one event drops are in it all or none: what is read of the events
  // only now tells of all that are not.
  const gone = new PositionSet()
  const records = await write('records.bin', recordFrames(reader, from, to, gone))
  const drops: number[] = []
  if (gone.count > 0)
    for await (const { position, runs } of dropsWithin(reader, { from, to: to + 1 }))
      if (runs.some((run) => gone.hasSome(run))) drops.push(position)
  const tree = await treeWithPayers(reader, options, drops)
  const { origin, size } = tree.checkpoint
  const hashOf = (subtree: { height: number; index: number }) => subtreeHash(tilesOf(reader), subtree)
  return {
    origin,
    from,
    to,
    size,
    files: {
      'records.bin': records,
      ...(disclose && { [sidesName]: await write(sidesName, sideFrames(reader, from, to)) }),
      ...(drops.length > 0 && { [droppedName]: await write(droppedName, provenLines(reader, tree, drops)) }),
      'servers.jsonl': await write('servers.jsonl', serverLines(reader, tree)),
      'checkpoints.jsonl': await write('checkpoints.jsonl', checkpointLines(reader, from, to, tree)),
      'anchors.jsonl': await write('anchors.jsonl', anchorLines(reader, from, to, tree)),
    },
    left: await Promise.all(subtreesBefore(from).map(hashOf)),
    right: await Promise.all(subtreesBehind(to + 1, size).map(hashOf)),
  }
}

/** @param gone gets the positions without a record */
async function* recordFrames(
  reader: StorageReader,
  from: number,
  to: number,
  gone: PositionSet,
): AsyncGenerator<Buffer> {
  const leafAt = leafReader(reader)
  const leafFrames = async function* (run: PositionRun) {
    gone.add(run)
    for (let at = run.from; at < run.to; at++) yield Buffer.concat([uint32(0), await leafAt(at)])
  }
  let next = from
  for await (const [position, record] of readRecords(reader, from, to + 1)) {
    yield* leafFrames({ from: next, to: position })
    yield Buffer.concat([uint32(record.length), record])
    next = position + 1
  }
  yield* leafFrames({ from: next, to: to + 1 })
}

async function* sideFrames(reader: StorageReader, from: number, to: number): AsyncGenerator<Buffer> {
  for await (const [position, bytes] of readRecords(reader, from, to + 1)) {
    const side = decodeRecord(bytes).commitment && (await reader.get(sideKey(position)))
    if (!side) continue
    const place = Buffer.alloc(8)
    place.writeBigUInt64BE(BigInt(position))
    yield Buffer.concat([place, uint32(side.length), side])
  }
}

async function* serverLines(reader: StorageReader, tree: SignedTree): AsyncGenerator<string> {
  const positions = (await openedServers(reader)).map(({ position }) => position)
  yield* provenLines(
    reader,
    tree,
    positions.filter((position) => position < tree.checkpoint.size),
  )
}

async function* provenLines(reader: StorageReader, tree: SignedTree, positions: readonly number[]) {
  for (const position of positions)
    yield line(encodeProven(await provenRecord(reader, position, tree, false)))
}

async function* checkpointLines(reader: StorageReader, from: number, to: number, tree: SignedTree) {
  for await (const { checkpoint, note } of signedTrees(reader, from + 1)) {
    if (checkpoint.size > to + 1 || checkpoint.size >= tree.checkpoint.size) break
    yield line(note)
  }
  yield line(tree.note)
}

async function* anchorLines(reader: StorageReader, from: number, to: number, tree: SignedTree) {
  for await (const anchor of anchorsOf(reader, from, to, tree)) yield line(encodeAnchor(provenAnchor(anchor)))
}

/** The anchors of the checkpoints of a range, and that of the covering tree. */
async function* anchorsOf(reader: StorageReader, from: number, to: number, tree: SignedTree) {
  const { size } = tree.checkpoint
  for await (const anchor of confirmedAnchors(reader, from + 1)) {
    if (anchor.size > size) break
    if (anchor.size <= to + 1 || anchor.size === size) yield anchor
  }
}

const line = (value: object | string): string => `${JSON.stringify(value)}\n`

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Buffered, since a write a record is slow; on disk when it resolves. @returns SHA-256, hex */
async function writeHashed(file: string, parts: AsyncIterable<Buffer | string>): Promise<string> {
  const digest = createHash('sha256')
  const handle = await open(file, 'wx')
  try {
    let waiting: Buffer[] = []
    let bytes = 0
    const flush = async () => {
      const chunk = Buffer.concat(waiting)
      waiting = []
      bytes = 0
      digest.update(chunk)
      await handle.writeFile(chunk)
    }
    for await (const part of parts) {
      const chunk = Buffer.from(part as string)
      waiting.push(chunk)
      bytes += chunk.length
      if (bytes >= 1 << 20) await flush()
    }
    await flush()
    await handle.sync()
  } finally {
    await handle.close()
  }
  return digest.digest('hex')
}

async function assertAbsent(path: string): Promise<void> {
  try {
    await access(path)
  } catch {
    return
  }
  throw new ProofFileError('exists', `${path} is there already`)
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
