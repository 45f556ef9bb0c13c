/** The log in blocks of one level-0 tile: records, side records and leaf hashes, read once and side by side. */
import { decodePosition, eventKey, rangeOf, sideKey, tileKey } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'
import type { Faults } from './fault.ts'

export interface Block {
  start: number
  end: number
  /** By place in the block; undefined where nothing is stored. */
  records: (Buffer | undefined)[]
  sides: (Buffer | undefined)[]
  /** Leaf hashes as they are stored, as many as there are. */
  tile: Buffer
  /** No record follows, though the log should be longer. */
  isCut: boolean
}

type Entry = [number: number, value: Buffer]

/** Entries of one kind, by their number; strange keys are faults and passed over. */
class Lane {
  readonly #entries: AsyncIterator<[Buffer, Buffer]>
  readonly #keyBytes: number
  readonly #faults: Faults
  head: Entry | undefined

  constructor(reader: StorageReader, range: { gte: Buffer; lt: Buffer }, keyBytes: number, faults: Faults) {
    this.#entries = reader.entries(range)[Symbol.asyncIterator]()
    this.#keyBytes = keyBytes
    this.#faults = faults
  }

  async next(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#entries.next()
      if (done) {
        this.head = undefined
        return
      }
      const [key, bytes] = value
      if (key.length === this.#keyBytes) {
        this.head = [decodePosition(key, this.#keyBytes - 8), bytes]
        return
      }
      this.#faults.add(null, 'entry_unexpected', `an entry with the key ${key.toString('hex')}`)
    }
  }

  async fill(into: (Buffer | undefined)[], start: number, end: number): Promise<void> {
    while (this.head && this.head[0] < end) {
      into[this.head[0] - start] = this.head[1]
      await this.next()
    }
  }

  async close(): Promise<void> {
    await this.#entries.return?.()
  }
}

const none = Buffer.alloc(0)

export class Blocks {
  readonly #records: Lane
  readonly #sides: Lane
  readonly #tiles: Lane
  readonly #size: number

  constructor(reader: StorageReader, size: number, faults: Faults) {
    this.#size = size
    this.#records = new Lane(reader, rangeOf('event'), eventKey(0).length, faults)
    this.#sides = new Lane(reader, rangeOf('side'), sideKey(0).length, faults)
    const tiles = { gte: tileKey(0, 0), lt: tileKey(1, 0) }
    this.#tiles = new Lane(reader, tiles, tileKey(0, 0).length, faults)
  }

  /** All blocks in order; ends early after one that is cut. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Block> {
    const lanes = [this.#records, this.#sides, this.#tiles]
    for (const lane of lanes) await lane.next()
    for (let start = 0; start < this.#size; start += TILE_WIDTH) {
      const end = Math.min(start + TILE_WIDTH, this.#size)
      const records = new Array<Buffer | undefined>(end - start)
      const sides = new Array<Buffer | undefined>(end - start)
      const tile: (Buffer | undefined)[] = []
      await this.#records.fill(records, start, end)
      await this.#sides.fill(sides, start, end)
      const index = start / TILE_WIDTH
      await this.#tiles.fill(tile, index, index + 1)
      const isCut = this.#records.head === undefined && end < this.#size
      yield { start, end, records, sides, tile: tile[0] ?? none, isCut }
      if (isCut) return
    }
  }

  /** First record, side record and tile behind the log, if there are any that reach past `size`. */
  async behind(size: number): Promise<{ record?: number; side?: number; tile?: number }> {
    const first = async (lane: Lane, limit: number) => {
      while (lane.head && lane.head[0] < limit) await lane.next()
      return lane.head?.[0]
    }
    const record = await first(this.#records, size)
    const side = await first(this.#sides, size)
    const tile = await first(this.#tiles, Math.ceil(size / TILE_WIDTH))
    return {
      ...(record !== undefined && { record }),
      ...(side !== undefined && { side }),
      ...(tile !== undefined && { tile }),
    }
  }

  async close(): Promise<void> {
    for (const lane of [this.#records, this.#sides, this.#tiles]) await lane.close()
  }
}
