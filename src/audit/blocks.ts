/** The log in blocks of one level-0 tile: records, side records and leaf hashes, read once and side by side. */
import { decodePosition, eventKey, rangeOf, sideKey, tileKey } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { TILE_WIDTH } from '../tree/tiles.ts'
import { EntryCursor } from './entry-cursor.ts'

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
  /** Entries on the way to it under keys of no form that there is, in words. */
  strange: readonly string[]
}

/** Entries of one kind, by their number; those of strange keys are noted and passed over. */
class Lane {
  readonly #cursor: EntryCursor
  readonly #keyBytes: number
  readonly #strange: string[]
  /** Number of the entry it stands at; undefined behind the last. */
  number: number | undefined

  constructor(
    reader: StorageReader,
    range: { gte: Buffer; lt: Buffer },
    keyBytes: number,
    strange: string[],
  ) {
    this.#cursor = new EntryCursor(reader, range)
    this.#keyBytes = keyBytes
    this.#strange = strange
  }

  async next(): Promise<void> {
    await this.#cursor.next()
    this.#look()
    while (this.#isStrange()) {
      await this.#cursor.next()
      this.#look()
    }
  }

  async fill(into: (Buffer | undefined)[], start: number, end: number): Promise<void> {
    while (this.number !== undefined && this.number < end) {
      into[this.number - start] = this.#cursor.head![1]
      const waiting = this.#cursor.next()
      if (waiting) await waiting
      this.#look()
      if (this.#isStrange()) await this.next()
    }
  }

  async close(): Promise<void> {
    await this.#cursor.close()
  }

  #look(): void {
    const key = this.#cursor.head?.[0]
    this.number =
      key?.length === this.#keyBytes ? decodePosition(key, this.#keyBytes - positionBytes) : undefined
  }

  /** Whether it stands at a key of another form, of which it then tells. */
  #isStrange(): boolean {
    const { head } = this.#cursor
    if (this.number !== undefined || !head) return false
    this.#strange.push(`an entry with the key ${head[0].toString('hex')}`)
    return true
  }
}

const positionBytes = 8
const none = Buffer.alloc(0)

export class Blocks {
  readonly #records: Lane
  readonly #sides: Lane
  readonly #tiles: Lane
  readonly #size: number
  readonly #from: number
  readonly #strange: string[] = []

  /** @param from where a block begins: what lies before it is passed over */
  constructor(reader: StorageReader, size: number, from = 0) {
    this.#size = size
    this.#from = from
    const behind = (kind: 'event' | 'side', key: Buffer) =>
      from === 0 ? rangeOf(kind) : { ...rangeOf(kind), gte: key }
    this.#records = new Lane(reader, behind('event', eventKey(from)), eventKey(0).length, this.#strange)
    this.#sides = new Lane(reader, behind('side', sideKey(from)), sideKey(0).length, this.#strange)
    const tiles = { gte: tileKey(0, from / TILE_WIDTH), lt: tileKey(1, 0) }
    this.#tiles = new Lane(reader, tiles, tileKey(0, 0).length, this.#strange)
  }

  /** All blocks in order; ends early after one that is cut. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Block> {
    const lanes = [this.#records, this.#sides, this.#tiles]
    for (const lane of lanes) await lane.next()
    for (let start = this.#from; start < this.#size; start += TILE_WIDTH) {
      const end = Math.min(start + TILE_WIDTH, this.#size)
      const records = new Array<Buffer | undefined>(end - start)
      const sides = new Array<Buffer | undefined>(end - start)
      const tile: (Buffer | undefined)[] = []
      await this.#records.fill(records, start, end)
      await this.#sides.fill(sides, start, end)
      const index = start / TILE_WIDTH
      await this.#tiles.fill(tile, index, index + 1)
      const isCut = this.#records.number === undefined && end < this.#size
      yield { start, end, records, sides, tile: tile[0] ?? none, isCut, strange: this.#strange.splice(0) }
      if (isCut) return
    }
  }

  /** First record, side record and tile behind the log, if there are any that reach past `size`. */
  async behind(
    size: number,
  ): Promise<{ record?: number; side?: number; tile?: number; strange: readonly string[] }> {
    const first = async (lane: Lane, limit: number) => {
      while (lane.number !== undefined && lane.number < limit) await lane.next()
      return lane.number
    }
    const record = await first(this.#records, size)
    const side = await first(this.#sides, size)
    const tile = await first(this.#tiles, Math.ceil(size / TILE_WIDTH))
    return {
      ...(record !== undefined && { record }),
      ...(side !== undefined && { side }),
      ...(tile !== undefined && { tile }),
      strange: this.#strange.splice(0),
    }
  }

  async close(): Promise<void> {
    for (const lane of [this.#records, this.#sides, this.#tiles]) await lane.close()
  }
}
