/**
 * The export bundle: a range of the log and all that proves it, as a folder (docs/formats.md). Version 1 where every
 * record of the range is there, version 2 where some were dropped.
 *
 *     manifest.json       origin, range, the tree that covers it, the hashes beside the range, SHA-256 of each file
 *     records.bin         length(4) and record, for each position of the range; 0(4) and leaf hash for a dropped one
 *     sides.bin           position(8), length(4) and side record; only where disclosed
 *     dropped.jsonl       the events that say what was dropped, each with its place in the covering tree; version 2 only
 *     servers.jsonl       the events that bind the keys that signed, each with its place in the covering tree
 *     checkpoints.jsonl   signed notes: those of the range, by size, and last that of the covering tree
 *     anchors.jsonl       anchors of these checkpoints
 */
import { assertSize, type Range, type Subtree, treeSubtrees } from '../tree/subtrees.ts'
import { encodeJson, ProofFileError, readHex, readList, readMembers, readObject } from './proof-file.ts'

export const manifestName = 'manifest.json'
export const bundleFiles = ['records.bin', 'servers.jsonl', 'checkpoints.jsonl', 'anchors.jsonl'] as const
export const sidesName = 'sides.bin'
export const droppedName = 'dropped.jsonl'
export type BundleFile = (typeof bundleFiles)[number] | typeof sidesName | typeof droppedName

export interface Manifest {
  origin: string
  /** First and last position. */
  from: number
  to: number
  /** Size of the tree that covers the range. */
  size: number
  /** Hashes of the full subtrees before and behind the range, from the left to the right. */
  left: Buffer[]
  right: Buffer[]
  /** SHA-256 of each file, hex. */
  files: Partial<Record<BundleFile, string>>
}

const format = 'coinstack-signon bundle'
const versions = [1, 2]
/** A range has at most 53 full subtrees before it and 106 behind it. */
const mostSubtrees = 160
export const longestManifestBytes = 1 << 20

export const encodeManifest = ({ left, right, ...manifest }: Manifest): string =>
  encodeJson({
    format,
    version: manifest.files[droppedName] === undefined ? 1 : 2,
    ...manifest,
    left: left.map(toHex),
    right: right.map(toHex),
  })

const toHex = (hash: Buffer) => hash.toString('hex')

/**
 * Strict to the byte: what decodes is what `encodeManifest` writes.
 *
 * @throws ProofFileError malformed, unknown_version
 */
export function decodeManifest(text: string): Manifest {
  const members = readMembers(text, format, versions, [
    'origin',
    'from',
    'to',
    'size',
    'files',
    'left',
    'right',
  ])
  const { origin, from, to, size } = members
  if (typeof origin !== 'string' || origin === '') throw new ProofFileError('malformed', 'origin is no name')
  const files = readObject(members.files, 'files', bundleFiles, [sidesName, droppedName])
  const hashes = (value: unknown, name: string) =>
    readList(value, name, mostSubtrees).map((hash) => readHex(hash, name, 32))
  const manifest: Manifest = {
    origin,
    from: count(from, 'from'),
    to: count(to, 'to'),
    size: count(size, 'size'),
    files: Object.fromEntries(
      Object.entries(files).map(([name, hash]) => [name, readHex(hash, `files.${name}`, 32).toString('hex')]),
    ),
    left: hashes(members.left, 'left'),
    right: hashes(members.right, 'right'),
  }
  if (manifest.from > manifest.to || manifest.to >= manifest.size)
    throw new ProofFileError('malformed', 'the range does not lie in its tree')
  if (encodeManifest(manifest) !== text)
    throw new ProofFileError('malformed', 'the manifest is not written as this program writes it')
  return manifest
}

function count(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw new ProofFileError('malformed', `${name} is no count`)
  return value as number
}

/** The full subtrees of the leaves before a position. */
export const subtreesBefore = (position: number): Range => treeSubtrees(position)

/** The full subtrees of the leaves from a position up to the end of a tree, each as large as its place allows. */
export function subtreesBehind(position: number, size: number): Subtree[] {
  assertSize(size)
  const subtrees: Subtree[] = []
  for (let at = position; at < size; ) {
    let width = 1
    let height = 0
    while (at % (width * 2) === 0 && at + width * 2 <= size) {
      width *= 2
      height++
    }
    subtrees.push({ height, index: at / width })
    at += width
  }
  return subtrees
}
