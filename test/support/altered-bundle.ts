/** Bundles whose files are altered, and whose manifests are made to fit. */
import { hash } from 'node:crypto'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BundleFile, decodeManifest, encodeManifest, type Manifest } from '../../src/audit/bundle.ts'
import { temporaryDirectory } from '../audit/support.ts'

/** What a file gets instead; nothing where it goes. */
export type Alterations = { [name in BundleFile]?: (bytes: Buffer) => Buffer | undefined }

export const manifestOf = async (target: string): Promise<Manifest> =>
  decodeManifest(await readFile(join(target, 'manifest.json'), 'utf8'))

/** A copy. */
export async function altered(target: string, alterations: Alterations): Promise<string> {
  const copy = join(await temporaryDirectory(), 'bundle')
  await cp(target, copy, { recursive: true })
  const manifest = await manifestOf(target)
  const files = { ...manifest.files }
  for (const [name, alter] of Object.entries(alterations) as [BundleFile, (bytes: Buffer) => Buffer][]) {
    const bytes: Buffer | undefined = alter(await readFile(join(copy, name)))
    if (bytes) {
      await writeFile(join(copy, name), bytes)
      files[name] = hash('sha256', bytes)
    } else {
      await rm(join(copy, name))
      delete files[name]
    }
  }
  await writeFile(join(copy, 'manifest.json'), encodeManifest({ ...manifest, files }))
  return copy
}

/** Records of `records.bin`, and leaf hashes where they were dropped. */
export type Frame = { record: Buffer } | { leaf: Buffer }

export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    const end = at + 4 + (length || 32)
    const content = bytes.subarray(at + 4, end)
    frames.push(length === 0 ? { leaf: content } : { record: content })
    at = end
  }
  return frames
}

/** Another frame for the n-th one of `records.bin`. */
export const atFrame =
  (n: number, alter: (content: Buffer) => Frame) =>
  (bytes: Buffer): Buffer => {
    const frames = framesOf(bytes)
    frames[n] = alter(contentOf(frames[n]!))
    return Buffer.concat(
      frames.flatMap((frame) => {
        const length = Buffer.alloc(4)
        if ('record' in frame) length.writeUInt32BE(frame.record.length)
        return [length, contentOf(frame)]
      }),
    )
  }

const contentOf = (frame: Frame): Buffer => ('record' in frame ? frame.record : frame.leaf)
