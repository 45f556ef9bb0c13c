/** A segment file, open for reading. Its index is in memory, a row for each 32 KiB of entries; its filter where asked. */
import { closeSync, constants, fstatSync, openSync, read, readSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress, brotliDecompressSync, crc32 } from 'node:zlib'
import QuickLRU from 'quick-lru'
import { isDamage, LedgerError, unreadable } from '../errors.ts'
import type { Entry, Range } from '../storage.ts'
import { type FilterHash, lineBytes, lineOf, mayContain } from './filter.ts'
import { decodeBlock, decodeTrailer, segmentHeader, type Trailer, trailerBytes } from './format.ts'
import { segmentName } from './write-segment.ts'

const decompress = promisify<Buffer, Buffer>(brotliDecompress)
const readAt = promisify(read)

/** Blocks that were decoded for point reads, of all segments of a ledger. */
export type BlockCache = QuickLRU<string, Entry[]>
/** With what a decoded block takes beside its 32 KiB, about 16 MiB. */
const keptBlocks = 256
export const blockCache = (): BlockCache => new QuickLRU({ maxSize: keptBlocks })

/** A range of so few blocks is a look-up, such as that of a stream, and may come again. */
const fewBlocks = 2

/** What names a file. */
export interface SegmentPlace {
  first: number
  last: number
  generation?: number
}

/** A row of the index, without its key. */
const rowBytes = 16

interface BlockRow {
  offset: number
  length: number
  checksum: number
}

export class SegmentFile {
  readonly name: string
  readonly trailer: Trailer
  readonly fileBytes: number
  readonly #fd: number
  readonly #index: Buffer
  /** Where each block's row begins in the index. */
  readonly #rows: Uint32Array
  readonly #cache: BlockCache
  /** The whole of it, or nothing: then its lines are read from the file. */
  #filter: Buffer | undefined
  #hasFilter = true
  #users = 1

  private constructor(name: string, fd: number, fileBytes: number, trailer: Trailer, cache: BlockCache) {
    this.name = name
    this.#fd = fd
    this.fileBytes = fileBytes
    this.trailer = trailer
    this.#cache = cache
    this.#checkLayout()
    this.#index = this.#part(trailer.indexOffset, trailer.indexBytes, trailer.indexChecksum, 'index')
    this.#rows = new Uint32Array(trailer.blocks)
    let at = 0
    for (let block = 0; block < trailer.blocks; block++) {
      this.#rows[block] = at
      if (at + rowBytes > this.#index.length) throw this.#misshapen()
      at += rowBytes + this.#index.readUInt16BE(at + rowBytes - 2)
      if (at > this.#index.length) throw this.#misshapen()
      const { offset, length } = this.#row(block)
      if (offset + length > trailer.indexOffset) throw this.#misshapen()
    }
    if (at !== this.#index.length) throw this.#misshapen()
  }

  /** Index, filter and trailer lie side by side to the end of the file. */
  #checkLayout(): void {
    const { indexOffset, indexBytes, filterOffset, filterBytes, blocks } = this.trailer
    const isWhole =
      indexOffset >= segmentHeader.length &&
      indexOffset + indexBytes === filterOffset &&
      filterOffset + filterBytes === this.fileBytes - trailerBytes &&
      filterBytes > 0 &&
      filterBytes % lineBytes === 0 &&
      blocks <= indexBytes / rowBytes
    if (!isWhole) throw this.#misshapen()
  }

  #misshapen(): LedgerError {
    return new LedgerError('damaged', `the parts of ${this.name} are not where its trailer says`)
  }

  /** @throws LedgerError damaged, naming the file: it is missing, altered or of another version */
  static open(folder: string, { first, last, generation = 0 }: SegmentPlace, cache: BlockCache): SegmentFile {
    const name = segmentName(first, last, generation)
    let fd: number
    try {
      fd = openSync(join(folder, name), constants.O_RDONLY)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
        throw new LedgerError('damaged', `${name} is missing in ${folder}`, { cause })
      throw unreadable(`${name} cannot be read in ${folder}`, cause)
    }
    try {
      const { size } = fstatSync(fd)
      const head = Buffer.alloc(segmentHeader.length)
      readSync(fd, head, 0, head.length, 0)
      if (!head.equals(segmentHeader))
        throw new LedgerError('damaged', `${name} is no segment of a version that this program knows`)
      const tail = Buffer.alloc(trailerBytes)
      if (size > trailerBytes) readSync(fd, tail, 0, trailerBytes, size - trailerBytes)
      const trailer = decodeTrailer(tail)
      if (!trailer) throw new LedgerError('damaged', `the trailer of ${name} is altered`)
      if (trailer.first !== first || trailer.last !== last)
        throw new LedgerError('damaged', `${name} holds positions ${trailer.first} to ${trailer.last}`)
      return new SegmentFile(name, fd, size, trailer, cache)
    } catch (error) {
      closeSync(fd)
      if (error instanceof LedgerError) throw error
      throw unreadable(`${name} cannot be read in ${folder}`, error)
    }
  }

  /** Keeps the filter in memory. @throws LedgerError damaged */
  loadFilter(): void {
    const { filterOffset, filterBytes, filterChecksum } = this.trailer
    this.#filter ??= this.#part(filterOffset, filterBytes, filterChecksum, 'filter')
  }

  /** From now on every key may be here: its filter is altered. */
  doWithoutFilter(): void {
    this.#hasFilter = false
  }

  mayHold(hash: FilterHash): boolean {
    if (!this.#hasFilter) return true
    const { filterOffset, filterBytes } = this.trailer
    const line = lineOf(hash, filterBytes)
    if (this.#filter) return mayContain(this.#filter, line, hash)
    return mayContain(this.#bytes(filterOffset + line, lineBytes), 0, hash)
  }

  /** @throws LedgerError damaged, unavailable */
  get(key: Buffer): Buffer | undefined {
    const block = this.#blockOf(key)
    if (block < 0) return undefined
    const entries = this.#cachedBlock(block)
    const entry = entries[placeOf(entries, key)]
    return entry?.[0].equals(key) ? entry[1] : undefined
  }

  /** @param salvage passes over blocks that are altered, which is an error otherwise */
  async *entryLists({ gte, lt, reverse = false }: Range, salvage = false): AsyncGenerator<readonly Entry[]> {
    if (gte.compare(lt) >= 0) return
    this.hold()
    let ahead: Promise<Entry[]> | undefined
    try {
      const first = Math.max(this.#blockOf(gte), 0)
      const last = this.#blockOf(lt)
      const isShort = last - first < fewBlocks
      const step = reverse ? -1 : 1
      const begin = reverse ? last : first
      for (let block = begin; block >= first && block <= last; block += step) {
        const entries = await (ahead ?? this.#read(block, isShort, salvage))
        const next = block + step
        // Whoever takes more than one block mostly takes all of them.
        const goesOn = block !== begin && next >= first && next <= last
        ahead = goesOn ? this.#read(next, isShort, salvage) : undefined
        // Its failure is met at the await above, or by nobody where the caller stops here.
        ahead?.catch(() => {})
        const inRange = entries.slice(placeOf(entries, gte), placeOf(entries, lt))
        yield reverse ? inRange.reverse() : inRange
      }
    } finally {
      await ahead?.catch(() => {})
      this.release()
    }
  }

  async #read(block: number, isShort: boolean, salvage: boolean): Promise<Entry[]> {
    try {
      return isShort ? this.#cachedBlock(block) : await this.block(block)
    } catch (error) {
      if (salvage && isDamage(error)) return []
      throw error
    }
  }

  /** All entries of a block. @throws LedgerError damaged, naming the block */
  async block(block: number): Promise<Entry[]> {
    const { offset, length, checksum } = this.#row(block)
    const bytes = Buffer.allocUnsafe(length)
    const { bytesRead } = await readAt(this.#fd, bytes, 0, length, offset).catch((cause) => {
      throw this.#unreadable(cause)
    })
    if (bytesRead !== length || crc32(bytes) !== checksum) throw this.#altered(block)
    const raw = await decompress(bytes).catch(() => undefined)
    if (!raw) throw this.#altered(block)
    return this.#decode(block, raw)
  }

  /** @throws LedgerError damaged, unavailable */
  firstEntry(): Entry | undefined {
    return this.trailer.blocks > 0 ? this.#cachedBlock(0)[0] : undefined
  }

  /** First key of a block. */
  firstKey(block: number): Buffer {
    const at = this.#rows[block]!
    return this.#index.subarray(at + 16, at + 16 + this.#index.readUInt16BE(at + 14))
  }

  hold(): void {
    this.#users++
  }

  /** The file stays open until its last reader is done. */
  release(): void {
    if (--this.#users === 0) closeSync(this.#fd)
  }

  #row(block: number): BlockRow {
    const at = this.#rows[block]!
    return {
      offset: this.#index.readUIntBE(at, 6),
      length: this.#index.readUInt32BE(at + 6),
      checksum: this.#index.readUInt32BE(at + 10),
    }
  }

  /** The last block whose first key is not behind this one; -1 where there is none. */
  #blockOf(key: Buffer): number {
    let [low, high] = [0, this.#rows.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const at = this.#rows[middle]!
      const end = at + 16 + this.#index.readUInt16BE(at + 14)
      if (this.#index.compare(key, 0, key.length, at + 16, end) <= 0) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #cachedBlock(block: number): Entry[] {
    // Not by its name: a file that came to be registered is perhaps not the first of that name.
    const name = `${this.trailer.sha256.toString('latin1')} ${block}`
    const cached = this.#cache.get(name)
    if (cached) return cached
    const { offset, length, checksum } = this.#row(block)
    const bytes = this.#bytes(offset, length)
    if (crc32(bytes) !== checksum) throw this.#altered(block)
    let raw: Buffer
    try {
      raw = brotliDecompressSync(bytes)
    } catch {
      throw this.#altered(block)
    }
    const entries = this.#decode(block, raw)
    this.#cache.set(name, entries)
    return entries
  }

  #decode(block: number, bytes: Buffer): Entry[] {
    try {
      return decodeBlock(bytes)
    } catch {
      throw this.#altered(block)
    }
  }

  #part(offset: number, length: number, checksum: number, what: string): Buffer {
    const bytes = this.#bytes(offset, length)
    if (crc32(bytes) !== checksum) throw new LedgerError('damaged', `the ${what} of ${this.name} is altered`)
    return bytes
  }

  #bytes(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length)
    try {
      readSync(this.#fd, bytes, 0, length, offset)
    } catch (cause) {
      throw this.#unreadable(cause)
    }
    return bytes
  }

  #altered(block: number): LedgerError {
    return new LedgerError('damaged', `block ${block} of ${this.name} is altered`)
  }

  #unreadable(cause: unknown): LedgerError {
    return new LedgerError('unavailable', `${this.name} cannot be read`, { cause })
  }
}

/** Of the first entry whose key is not before this one. */
function placeOf(entries: readonly Entry[], key: Buffer): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (entries[middle]![0].compare(key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
