/** Writes a bundle: beside its place first, checked there as its reader will check it, then moved whole. */
import { createHash } from 'node:crypto'
import { access, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { LedgerError } from '../ledger/errors.ts'
import { sideKey } from '../ledger/layout.ts'
import { logSize, readRecords } from '../ledger/reader.ts'
import { decodeRecord } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { subtreeHash } from '../tree/tile-proofs.ts'
import type { VerifyMessage } from './authority.ts'
import {
  type BundleFile,
  encodeManifest,
  type Manifest,
  manifestName,
  sidesName,
  subtreesBefore,
  subtreesBehind,
} from './bundle.ts'
import { checkBundle } from './bundle-check.ts'
import { ProofFileError } from './proof-file.ts'
import { encodeAnchor, encodeProven } from './receipt.ts'
import {
  assertKept,
  openedServers,
  payerOf,
  provenAnchor,
  provenRecord,
  ReceiptError,
  treeWith,
} from './receipts.ts'
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

/**
 * @param directory must not be there yet; its parent must
 * @throws ProofFileError exists; ReceiptError; LedgerError damaged or unavailable
 */
export async function exportBundle(
  reader: StorageReader,
  directory: string,
  options: ExportOptions,
): Promise<Manifest> {
  const { from, to, verifyMessage } = options
  const size = await logSize(reader)
  if (from > to || to >= size)
    throw new ReceiptError('not_found', `the ledger has ${size} events: there are none from ${from} to ${to}`)
  const target = resolve(directory)
  await assertAbsent(target)
  await assertAllKept(reader, from, to)
  const tree = await treeWithPayers(reader, from, to, options.unanchored ?? false)
  const parent = dirname(target)
  const temporary = await mkdtemp(`${target}.new-`)
  try {
    const manifest = await writeFiles(reader, temporary, tree, options)
    await writeFile(join(temporary, manifestName), encodeManifest(manifest), { flush: true })
    await assertHolds(temporary, verifyMessage)
    // Dying before this line leaves a folder whose name says that it is none.
    await assertAbsent(target)
    await rename(temporary, target)
    await syncDirectory(parent)
    return manifest
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

/** A damaged ledger gives no bundles. Who paid for an anchor is for the reader to judge, who may know more keys. */
async function assertHolds(directory: string, verifyMessage: VerifyMessage): Promise<void> {
  const { faults, stations } = await checkBundle(directory, { verifyMessage })
  const isOfPayer = ({ detail }: { detail: string }) =>
    stations.some(
      (it) =>
        it.station === 'anchor_signature' &&
        it.outcome === 'failed' &&
        detail === `${it.about}: ${it.detail}`,
    )
  const wrong = faults.find((fault) => !isOfPayer(fault))
  if (wrong) throw new LedgerError('damaged', `the ledger gives no bundle: ${wrong.file}: ${wrong.detail}`)
}

/**
 * The tree of the bundle: behind the range, and behind the introduction of every key of the ledger that paid for an
 * anchor in it. A key that was introduced only now stands in no signed tree yet: its address is then for the reader to
 * know.
 */
async function treeWithPayers(
  reader: StorageReader,
  from: number,
  to: number,
  unanchored: boolean,
): Promise<SignedTree> {
  const servers = await openedServers(reader)
  let tree = await treeWith(reader, to, unanchored)
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

async function writeFiles(
  reader: StorageReader,
  directory: string,
  tree: SignedTree,
  { from, to, disclose = false }: ExportOptions,
): Promise<Manifest> {
  const { origin, size } = tree.checkpoint
  const write = (name: BundleFile, parts: AsyncIterable<Buffer | string>) =>
    writeHashed(join(directory, name), parts)
  const hashOf = (subtree: { height: number; index: number }) => subtreeHash(tilesOf(reader), subtree)
  return {
    origin,
    from,
    to,
    size,
    files: {
      'records.bin': await write('records.bin', recordFrames(reader, from, to)),
      ...(disclose && { [sidesName]: await write(sidesName, sideFrames(reader, from, to)) }),
      'servers.jsonl': await write('servers.jsonl', serverLines(reader, tree)),
      'checkpoints.jsonl': await write('checkpoints.jsonl', checkpointLines(reader, from, to, tree)),
      'anchors.jsonl': await write('anchors.jsonl', anchorLines(reader, from, to, tree)),
    },
    left: await Promise.all(subtreesBefore(from).map(hashOf)),
    right: await Promise.all(subtreesBehind(to + 1, size).map(hashOf)),
  }
}

/** A bundle holds every record of its range. @throws ReceiptError dropped; LedgerError damaged */
async function assertAllKept(reader: StorageReader, from: number, to: number): Promise<void> {
  let expected = from
  for await (const [position] of readRecords(reader, from, to + 1)) {
    if (position !== expected) break
    expected++
  }
  if (expected <= to) await assertKept(reader, expected)
}

async function* recordFrames(reader: StorageReader, from: number, to: number): AsyncGenerator<Buffer> {
  let expected = from
  for await (const [position, record] of readRecords(reader, from, to + 1)) {
    if (position !== expected++) break
    yield Buffer.concat([uint32(record.length), record])
  }
  if (expected !== to + 1) throw new LedgerError('damaged', `a record from ${from} to ${to} is missing`)
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
  for (const { position } of await openedServers(reader))
    if (position < tree.checkpoint.size)
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
