/** Writes a segment: under another name, synced, then renamed, so that a file of its name is whole. */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, crc32 } from 'node:zlib'
import { renameDurably, syncFolder } from '../durable-file.ts'
import { filterPart } from '../layout.ts'
import type { Entry } from '../storage.ts'
import { addToFilter, filterBytesFor, filterHash } from './filter.ts'
import { BlockEncoder, encodeTrailer, segmentHeader, type Trailer } from './format.ts'

/** Of hashes, names and numbers side by side, 7 % less than deflate makes; quality 9 saves nothing that counts. */
const quality = { [constants.BROTLI_PARAM_QUALITY]: 6, [constants.BROTLI_PARAM_LGWIN]: 16 }
const compress = (bytes: Buffer): Promise<Buffer> => promisify(brotliCompress)(bytes, { params: quality })

/** @param generation how often a segment of these positions was written anew */
export const segmentName = (first: number, last: number, generation = 0): string =>
  `segment-${first}-${last}${generation === 0 ? '' : `-${generation}`}`
/** Ends the names of files that are being written. */
export const partialSuffix = '.partial'

export interface SegmentContent {
  first: number
  last: number
  generation?: number
  /** In key order. */
  entries: AsyncIterable<readonly Entry[]>
  /** At least as many as there are keys that a filter knows. */
  mostFilterParts: number
}

/** Dying on the way leaves a file that is no segment; after the rename, one that no ledger has registered. */
export async function writeSegment(folder: string, content: SegmentContent): Promise<Trailer> {
  const path = join(folder, segmentName(content.first, content.last, content.generation))
  // A registered segment must not be lost with the entry of its folder.
  if (await mkdir(folder, { recursive: true, mode: 0o700 })) await syncFolder(dirname(folder))
  const file = await open(path + partialSuffix, 'w', 0o600)
  let trailer: Trailer
  try {
    trailer = await new SegmentWriter(file, content).write()
    await file.sync()
  } finally {
    await file.close()
  }
  await renameDurably(path + partialSuffix, path)
  return trailer
}

/** Dying before leaves a file that nobody has registered. */
export const removeSegment = (folder: string, name: string): Promise<void> =>
  rm(join(folder, name), { force: true })

class SegmentWriter {
  readonly #file: FileHandle
  readonly #content: SegmentContent
  readonly #hash = createHash('sha256')
  readonly #index: Buffer[] = []
  readonly #filter: Buffer
  readonly #block = new BlockEncoder()
  #offset = 0
  #entries = 0
  #rawBytes = 0
  #filterParts = 0

  constructor(file: FileHandle, content: SegmentContent) {
    this.#file = file
    this.#content = content
    this.#filter = Buffer.alloc(filterBytesFor(content.mostFilterParts))
  }

  async write(): Promise<Trailer> {
    await this.#put(segmentHeader)
    let lastPart: Buffer | undefined
    for await (const entries of this.#content.entries)
      for (const [key, value] of entries) {
        const part = filterPart(key)
        if (part && !lastPart?.equals(part)) {
          addToFilter(this.#filter, filterHash(part))
          this.#filterParts++
          lastPart = part
        }
        this.#block.add(key, value)
        this.#entries++
        this.#rawBytes += key.length + value.length
        if (this.#block.isFull) await this.#putBlock()
      }
    await this.#putBlock()
    const index = Buffer.concat(this.#index)
    const indexOffset = await this.#put(index)
    const filterOffset = await this.#put(this.#filter)
    const trailer: Trailer = {
      first: this.#content.first,
      last: this.#content.last,
      entries: this.#entries,
      rawBytes: this.#rawBytes,
      indexOffset,
      indexBytes: index.length,
      indexChecksum: crc32(index),
      blocks: this.#index.length,
      filterOffset,
      filterBytes: this.#filter.length,
      filterChecksum: crc32(this.#filter),
      filterParts: this.#filterParts,
      sha256: this.#hash.digest(),
    }
    await this.#file.write(encodeTrailer(trailer))
    return trailer
  }

  async #putBlock(): Promise<void> {
    const { firstKey } = this.#block
    if (!firstKey) return
    const bytes = await compress(this.#block.finish())
    const row = Buffer.alloc(16 + firstKey.length)
    row.writeUIntBE(await this.#put(bytes), 0, 6)
    row.writeUInt32BE(bytes.length, 6)
    row.writeUInt32BE(crc32(bytes), 10)
    row.writeUInt16BE(firstKey.length, 14)
    firstKey.copy(row, 16)
    this.#index.push(row)
  }

  /** @returns where it begins */
  async #put(bytes: Buffer): Promise<number> {
    const at = this.#offset
    this.#hash.update(bytes)
    if (bytes.length > 0) await this.#file.write(bytes)
    this.#offset += bytes.length
    return at
  }
}
