/**
 * Whole-log verification: one pass over the records, block by block, with the tree, the checkpoints, the
 * anchors and the fold built up beside them, then one scan of the stream index (and of the rows). Memory does
 * not grow with the log. Nothing ends it early: it collects faults and goes on with what can be believed.
 */
import type { ChainClient } from '../chain/types.ts'
import { decodePosition, rangeOf } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { Frontier } from '../tree/frontier.ts'
import { AnchorCheck } from './anchor-check.ts'
import { Authority, type OpenedServer, type Trusted, type VerifyMessage } from './authority.ts'
import { type Block, Blocks } from './blocks.ts'
import { CheckpointCheck, type FoundCheckpoint, type SavedCheckpoint } from './checkpoint-check.ts'
import { ErasureCheck } from './erasure-check.ts'
import { type Fault, Faults } from './fault.ts'
import { HashThread } from './hash-thread.ts'
import { IndexCheck } from './index-check.ts'
import { RecordCheck } from './record-check.ts'
import { RowCheck } from './row-check.ts'
import { checkSegments, type SegmentSource } from './segment-check.ts'
import { checkStrayEntries } from './stray-entries.ts'
import { StreamStates } from './stream-states.ts'
import { storedFrontier, TreeCheck } from './tree-check.ts'

export interface VerifyOptions {
  verifyMessage: VerifyMessage
  /** Addresses known from outside the log; without them the log's own word is taken, and told as `servers`. */
  trusted?: Trusted
  /** Compares the read models with a fresh fold too. Only for a log that does not grow meanwhile. */
  rows?: boolean
  /** A node to ask about the anchors. */
  chain?: ChainClient
  /** Checkpoints kept elsewhere: the log must contain the tree of each. */
  savedCheckpoints?: readonly SavedCheckpoint[]
  /** The files of older events, to be checked byte by byte too. */
  segments?: SegmentSource
  /** How many faults are collected; 100 where left out. */
  mostFaults?: number
  onProgress?: (done: number, total: number) => void
  /** Whether a thread of its own hashes; where left out, the size of the log decides. */
  hashThread?: boolean
}

export interface Verification {
  ok: boolean
  /** Positions that were gone through. */
  events: number
  /** Stored checkpoints that hold. */
  checkpoints: number
  /** Checkpoints saved elsewhere that hold: the log they were signed for is the beginning of this one. */
  savedCheckpoints: number
  /** Confirmed anchors that hold. */
  anchors: number
  pendingAnchors: number
  /** Side records that were erased, which is no fault. */
  erased: number
  /** Files of older events that are whole. */
  segments: number
  /** Root hash of all events, base64; null where it cannot be computed. */
  root: string | null
  /** Who may sign checkpoints, by the log's own word. */
  servers: OpenedServer[]
  /** By position. */
  faults: Fault[]
  hasMoreFaults: boolean
  /** What went wrong outside the log. */
  warnings: string[]
  /** What was not proved, and why. */
  unchecked: string[]
}

const mostFaults = 100
/** Blocks whose records are hashed together. */
const blocksAtOnce = 8

export async function verifyLedger(reader: StorageReader, options: VerifyOptions): Promise<Verification> {
  const verifier = await Verifier.open(reader, options)
  try {
    return await verifier.run()
  } finally {
    await verifier.close()
  }
}

class Verifier {
  readonly #reader: StorageReader
  readonly #options: VerifyOptions
  readonly #size: number
  readonly #segments: number
  readonly #mostFaults: number
  readonly #faults: Faults
  readonly #warnings: string[] = []
  readonly #unchecked: string[] = []
  /** Positions whose record is not what was hashed, or cannot be read. */
  readonly #damaged = new Set<number>()
  /** Where the records end, if before the log does. */
  #end = Number.POSITIVE_INFINITY
  #saved = 0
  readonly #blocks: Blocks
  readonly #thread: HashThread | undefined
  readonly #tree: TreeCheck
  readonly #authority: Authority
  readonly #checkpoints: CheckpointCheck
  readonly #anchors: AnchorCheck
  readonly #index: IndexCheck
  readonly #erasures: ErasureCheck
  readonly #rows: RowCheck | undefined
  readonly #records: RecordCheck

  private constructor(
    reader: StorageReader,
    options: VerifyOptions,
    faults: Faults,
    size: number,
    frontier: Buffer | undefined,
    segments: number,
  ) {
    this.#segments = segments
    const isDamaged = (position: number) => this.#damaged.has(position) || position >= this.#end
    this.#reader = reader
    this.#options = options
    this.#mostFaults = options.mostFaults ?? mostFaults
    this.#faults = faults
    this.#size = size
    this.#blocks = new Blocks(reader, size)
    this.#thread = (options.hashThread ?? HashThread.isWorthwhile(size)) ? new HashThread() : undefined
    this.#tree = new TreeCheck(reader, faults, size, frontier)
    this.#authority = new Authority(options.verifyMessage, options.trusted ?? {}, faults)
    this.#checkpoints = new CheckpointCheck(reader, options.savedCheckpoints ?? [], faults)
    this.#anchors = new AnchorCheck(reader, options.chain, faults, this.#warnings)
    this.#index = new IndexCheck(reader, faults, size, isDamaged, this.#thread?.comparison())
    this.#erasures = new ErasureCheck(reader, faults)
    this.#rows = options.rows ? new RowCheck(reader, this.#thread?.comparison()) : undefined
    const states = new StreamStates(reader, isDamaged)
    const [authority, index, rows] = [this.#authority, this.#index, this.#rows]
    this.#records = new RecordCheck(faults, { authority, index, states, erasures: this.#erasures, rows })
  }

  static async open(source: StorageReader, options: VerifyOptions): Promise<Verifier> {
    const faults = new Faults(options.mostFaults ?? mostFaults)
    const { whole, damaged } = options.segments
      ? await checkSegments(options.segments, faults)
      : { whole: 0, damaged: 0 }
    // What is altered cannot be read: it is verified as if it were not there.
    const reader = damaged > 0 ? (source.salvage ?? source) : source
    const frontier = await storedFrontier(reader)
    const stated = sizeOf(frontier)
    const size = stated ?? (await sizeByRecords(reader))
    if (stated === undefined) faults.add(size - 1, 'frontier_altered', 'the stored tree head cannot be read')
    return new Verifier(reader, options, faults, size, stated === undefined ? undefined : frontier, whole)
  }

  async run(): Promise<Verification> {
    let verified = 0
    for await (const block of this.#hashedBlocks()) {
      await this.#checkBlock(block)
      verified = block.end
      this.#options.onProgress?.(verified, this.#size)
      if (!block.isCut) continue
      this.#faults.add(verified, 'record_missing', `there are no records from position ${verified} on`)
      this.#tree.cut()
      this.#end = verified
    }
    // On a running server the log goes on: what stands behind its end after having been read is a fault.
    const sizeNow = async () => sizeOf(await storedFrontier(this.#reader)) ?? this.#size
    await this.#tree.finish(sizeNow)
    await this.#checkBehind(await sizeNow())
    await this.#index.finish(sizeNow)
    await this.#checkRows(sizeNow)
    this.#authority.finish()
    this.#tellUnchecked()
    const hasMoreFaults = this.#faults.hasMore
    return {
      ok: this.#faults.count === 0,
      events: verified,
      checkpoints: this.#checkpoints.verified,
      savedCheckpoints: this.#saved,
      anchors: this.#anchors.confirmed,
      pendingAnchors: this.#anchors.pending,
      erased: this.#records.erased,
      segments: this.#segments,
      root: this.#tree.isBroken ? null : this.#tree.root.toString('base64'),
      servers: this.#authority.servers,
      faults: this.#faults.sorted(),
      hasMoreFaults,
      warnings: this.#warnings,
      unchecked: this.#unchecked,
    }
  }

  async close(): Promise<void> {
    await this.#blocks.close()
    await this.#checkpoints.close()
    await this.#anchors.close()
    await this.#thread?.close()
  }

  /** The blocks, some of them read ahead so that the thread hashes their records while others are looked at. */
  async *#hashedBlocks(): AsyncGenerator<Block> {
    const thread = this.#thread
    if (!thread) {
      yield* this.#blocks
      return
    }
    let group: Block[] = []
    let hashing: Block[] = []
    for await (const block of this.#blocks) {
      group.push(block)
      if (group.length < blocksAtOnce) continue
      const next = thread.hash(group)
      yield* hashing
      hashing = next
      group = []
    }
    const last = thread.hash(group)
    yield* hashing
    yield* last
  }

  async #checkBlock(block: Block): Promise<void> {
    for (const detail of block.strange) this.#faults.add(null, 'entry_unexpected', detail)
    const checkpoints = await this.#checkpoints.upTo(block.end)
    const anchors = await this.#anchors.upTo(block.end)
    const signed = [
      ...checkpoints.map(({ size, checkpoint }) => ({ size, root: checkpoint.root })),
      ...anchors.map(({ size, anchor }) => ({ size, root: anchor.root })),
    ]
    const { damaged, roots } = await this.#tree.append(block, signed)
    for (const position of damaged) await this.#damage(position)
    for (let position = block.start; position < block.end; position++) {
      const record = block.records[position - block.start]
      if (!record || this.#damaged.has(position)) continue
      const checked = this.#records.check(position, record, block.sides[position - block.start])
      if (!(checked instanceof Promise ? await checked : checked)) await this.#damage(position)
    }
    await this.#index.relieved()
    await this.#rows?.relieved()
    const good = new Map<number, FoundCheckpoint>()
    for (const found of checkpoints)
      if (this.#checkpoints.check(found, roots.get(found.size), this.#authority)) {
        good.set(found.size, found)
        if (this.#options.savedCheckpoints?.some(({ source }) => source === found.source)) this.#saved++
      }
    const told = new Set(checkpoints.map(({ size }) => size))
    for (const found of anchors) {
      await this.#anchors.check(found, {
        root: roots.get(found.size),
        checkpoint: good.get(found.size)?.checkpoint,
        hasDoubtfulCheckpoint: told.has(found.size),
        serverAddresses: this.#authority.anchorSigners,
        mayMissServers: this.#authority.isUncertain,
      })
    }
  }

  async #damage(position: number): Promise<void> {
    this.#damaged.add(position)
    if (this.#authority.isUncertain) return
    // Its own bytes are not to be believed; the index knows whose event it was.
    const servers = { gte: Buffer.from('sserver:'), lt: Buffer.from('sserver;') }
    for await (const [, value] of this.#reader.entries(servers))
      if (value.length === 8 && decodePosition(value) === position) this.#authority.loseTrack()
  }

  async #checkBehind(sizeNow: number): Promise<void> {
    await this.#checkpoints.finish(sizeNow)
    await this.#anchors.finish(sizeNow, this.#authority)
    const { record, side, tile, strange } = await this.#blocks.behind(sizeNow)
    for (const detail of strange) this.#faults.add(null, 'entry_unexpected', detail)
    if (record !== undefined)
      this.#faults.add(record, 'record_unexpected', `the log ends before position ${record}`)
    if (side !== undefined) this.#faults.add(side, 'side_unexpected', `the log ends before position ${side}`)
    if (tile !== undefined) this.#faults.add(null, 'entry_unexpected', `tile 0/${tile} is behind the log`)
    await checkStrayEntries(this.#reader, this.#faults)
  }

  async #checkRows(sizeNow: () => Promise<number>): Promise<void> {
    if (!this.#rows) this.#unchecked.push('the read models were not compared with the events')
    else if (this.#damaged.size > 0 || this.#tree.isBroken || this.#records.hasAlteredSides)
      this.#unchecked.push('the read models cannot be compared while records or side records are damaged')
    else {
      const found = new Faults(this.#mostFaults)
      await this.#rows.finish(this.#size, found)
      if ((await sizeNow()) === this.#size)
        for (const { position, kind, detail } of found.sorted()) this.#faults.add(position, kind, detail)
      else this.#unchecked.push('the read models were not compared: the log has grown meanwhile')
    }
  }

  #tellUnchecked(): void {
    if (this.#tree.isBroken) this.#unchecked.push('roots behind the first lost record cannot be computed')
    if (this.#authority.unchecked > 0)
      this.#unchecked.push(
        `${this.#authority.unchecked} acts of administration: the event that names the administrator is damaged`,
      )
    if (this.#checkpoints.unsigned > 0)
      this.#unchecked.push(
        `the signatures of ${this.#checkpoints.unsigned} checkpoints: the event that names their key is damaged`,
      )
    if (this.#erasures.unfinished > 0)
      this.#unchecked.push(
        `${this.#erasures.unfinished} erasures are not finished: a start of the server goes on with them`,
      )
    if (this.#anchors.notAsked > 0)
      this.#unchecked.push(
        `that the blocks of ${this.#anchors.notAsked} anchors are on the best chain: no node was asked`,
      )
  }
}

function sizeOf(frontier: Buffer): number | undefined {
  try {
    return Frontier.deserialize(frontier).size
  } catch {
    return undefined
  }
}

async function sizeByRecords(reader: StorageReader): Promise<number> {
  for await (const [key] of reader.entries({ ...rangeOf('event'), reverse: true, limit: 1 }))
    return decodePosition(key, 1) + 1
  return 0
}
