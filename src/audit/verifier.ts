/**
 * What verification goes through, in parts or in order: the tree, the checkpoints and the anchors are built up beside
 * the records, then everything else that is stored is looked at.
 */
import { decodePosition } from '../ledger/layout.ts'
import { readRecords } from '../ledger/reader.ts'
import { recordTime, typeOf } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { eventLayouts } from '../oauth/events.ts'
import type { Hash } from '../tree/hash.ts'
import { AnchorCheck } from './anchor-check.ts'
import { Authority } from './authority.ts'
import { type Block, Blocks } from './blocks.ts'
import { CheckpointCheck, type FoundCheckpoint } from './checkpoint-check.ts'
import type { Drops } from './drops.ts'
import { ErasureCheck } from './erasure-check.ts'
import { Faults } from './fault.ts'
import { IndexCheck } from './index-check.ts'
import { checkLifetimes } from './lifetime-check.ts'
import type { LogParts } from './log-parts.ts'
import { MissingSides } from './missing-sides.ts'
import { RecordCheck } from './record-check.ts'
import { RowCheck } from './row-check.ts'
import { checkStrayEntries } from './stray-entries.ts'
import { StreamStates } from './stream-states.ts'
import type { CheckedStretch } from './stretch-check.ts'
import { sizeOf, storedFrontier, TreeCheck } from './tree-check.ts'
import type { Verification, VerifyOptions, VerifyStep } from './verification.ts'

export interface OpenedLog {
  reader: StorageReader
  size: number
  /** The stored tree head, where it can be read. */
  frontier: Buffer | undefined
  /** Files of older events that are whole. */
  segments: number
  /** What events say was dropped. */
  drops: Drops
  /** What was found until now. */
  faults: Faults
}

/** What was signed for sizes up to that of a block or stretch. */
interface Signed {
  checkpoints: FoundCheckpoint[]
  anchors: Awaited<ReturnType<AnchorCheck['upTo']>>
  roots: { size: number; root: Hash }[]
}

export class Verifier {
  readonly #log: OpenedLog
  readonly #reader: StorageReader
  readonly #options: VerifyOptions
  readonly #size: number
  readonly #faults: Faults
  readonly #warnings: string[] = []
  readonly #unchecked: string[] = []
  /** Positions whose record is not what was hashed, or cannot be read. */
  readonly #damaged = new Set<number>()
  /** Where the records end, if before the log does. */
  #end = Number.POSITIVE_INFINITY
  /** Whether all streams can be followed to their ends. */
  #mayFollow = true
  #verified = 0
  #saved = 0
  #blocks: Blocks | undefined
  readonly #tree: TreeCheck
  readonly #authority: Authority
  readonly #checkpoints: CheckpointCheck
  readonly #anchors: AnchorCheck
  readonly #erasures: ErasureCheck
  #records!: RecordCheck

  constructor(log: OpenedLog, options: VerifyOptions, faults: Faults) {
    const { reader, size, frontier, drops } = log
    this.#log = log
    this.#reader = reader
    this.#options = options
    this.#faults = faults
    this.#size = size
    this.#tree = new TreeCheck(reader, faults, size, frontier, (at) => drops.payloads.has(at))
    this.#authority = new Authority(options.verifyMessage, options.trusted ?? {}, faults)
    this.#checkpoints = new CheckpointCheck(reader, options.savedCheckpoints ?? [], faults)
    this.#anchors = new AnchorCheck(reader, options, faults, this.#warnings)
    this.#erasures = new ErasureCheck(reader, faults)
  }

  /** Everything from the records, in order. */
  async runInOrder(): Promise<void> {
    const { authority, erasures, drops } = this.#ofWholeLog
    const isDamaged = (position: number) => this.#damaged.has(position) || position >= this.#end
    const index = new IndexCheck(this.#reader, this.#faults, this.#size, isDamaged, drops)
    const rows = this.#options.rows ? new RowCheck(this.#reader) : undefined
    const states = new StreamStates(this.#reader, { isDamaged })
    const missing = new MissingSides(this.#reader)
    this.#records = new RecordCheck(this.#faults, {
      index,
      states,
      missing,
      drops,
      authority,
      erasures,
      rows,
    })
    await this.#takeBlocks(0)
    await this.#checkBeyond()
    await index.finish(this.#sizeNow, this.#onProgress('stream index'))
    this.#mayFollow = index.isRight || !this.#records.hasLate
    await this.#checkRows(rows && ((found) => rows.finish(this.#size, found)))
    this.#authority.finish()
  }

  /** @returns whether everything holds; what does not, `runInOrder` tells */
  async runInParts(parts: LogParts): Promise<boolean> {
    const { authority, erasures, drops } = this.#ofWholeLog
    const states = new StreamStates(this.#reader, { isIndexRight: true })
    const { sums, rows } = parts
    this.#records = new RecordCheck(this.#faults, {
      index: sums.index,
      states,
      missing: new MissingSides(this.#reader),
      drops,
      authority,
      erasures,
      rows,
    })
    for await (const stretch of parts.stretches())
      if (!stretch || !(await this.#takeStretch(stretch))) return false
    await this.#takeBlocks(this.#verified)
    await this.#checkBeyond()
    this.#authority.finish()
    if (this.#faults.count > 0 || this.#tree.isBroken || !(await this.#holdsIndex(parts))) return false
    await this.#checkRows(this.#options.rows ? (found) => this.#compareRows(parts, found) : undefined)
    return this.#faults.count === 0
  }

  #holdsIndex(parts: LogParts): Promise<boolean> {
    return parts.holdsIndex(this.#sizeNow, this.#onProgress('stream index'))
  }

  async #compareRows(parts: LogParts, found: Faults): Promise<void> {
    if (!(await parts.holdsRows(this.#onProgress('read models'))))
      found.add(null, 'row_altered', 'rows are not those of the events')
  }

  get #ofWholeLog() {
    return { authority: this.#authority, erasures: this.#erasures, drops: this.#log.drops }
  }

  result(): Verification {
    return {
      ok: this.#faults.count === 0,
      events: this.#verified,
      checkpoints: this.#checkpoints.verified,
      savedCheckpoints: this.#saved,
      anchors: this.#anchors.confirmed,
      pendingAnchors: this.#anchors.pending,
      erased: this.#records.erased,
      droppedPayloads: this.#log.drops.payloads.count,
      droppedSideRecords: this.#log.drops.sides.count,
      segments: this.#log.segments,
      root: this.#tree.isBroken ? null : this.#tree.root.toString('base64'),
      servers: this.#authority.servers,
      faults: this.#faults.sorted(),
      hasMoreFaults: this.#faults.hasMore,
      warnings: this.#warnings,
      unchecked: [...this.#unchecked, ...this.#uncheckedOfAll()],
    }
  }

  async close(): Promise<void> {
    await this.#blocks?.close()
    await this.#checkpoints.close()
    await this.#anchors.close()
  }

  /** On a running server the log goes on: what stands behind its end after having been read is a fault. */
  readonly #sizeNow = async (): Promise<number> => sizeOf(await storedFrontier(this.#reader)) ?? this.#size

  /** The blocks from this position on. */
  async #takeBlocks(from: number): Promise<void> {
    this.#blocks = new Blocks(this.#reader, this.#size, from)
    for await (const block of this.#blocks) {
      await this.#takeBlock(block)
      this.#goOn(block.end)
      if (!block.isCut) continue
      const { end } = block
      this.#faults.add(end, 'record_missing', `there are no records from position ${end} on`)
      this.#tree.cut()
      this.#end = end
    }
    await this.#tree.finish(this.#sizeNow)
  }

  #onProgress(step: VerifyStep): (done: number, total: number) => void {
    return (done, total) => this.#options.onProgress?.(done, total, step)
  }

  #goOn(verified: number): void {
    this.#verified = verified
    this.#options.onProgress?.(verified, this.#size, 'events')
  }

  async #takeBlock(block: Block): Promise<void> {
    for (const detail of block.strange) this.#faults.add(null, 'entry_unexpected', detail)
    const signed = await this.#signedUpTo(block.end)
    const { damaged, roots } = await this.#tree.append(block, signed.roots)
    for (const position of damaged) await this.#damage(position)
    for (let position = block.start; position < block.end; position++) {
      const record = block.records[position - block.start]
      if (!record) this.#records.checkDropped(position, block.sides[position - block.start])
      if (!record || this.#damaged.has(position)) continue
      const checked = this.#records.check(position, record, block.sides[position - block.start])
      if (!(checked instanceof Promise ? await checked : checked)) await this.#damage(position)
    }
    await this.#checkSigned(signed, roots)
  }

  /** Takes what was checked by itself into the log, and checks what depends on what was before it. */
  async #takeStretch(stretch: CheckedStretch): Promise<boolean> {
    if (stretch.firstTimeMs < this.#records.lastTimeMs) return false
    const signed = await this.#signedUpTo(stretch.end)
    const roots = await this.#tree.appendBlocks(stretch.start, Buffer.from(stretch.blockRoots), signed.roots)
    for (const { position, record, side } of stretch.inOrder)
      if (!(await this.#records.check(position, Buffer.from(record), side && Buffer.from(side)))) return false
    this.#records.goOn(stretch)
    await this.#checkSigned(signed, roots)
    this.#goOn(stretch.end)
    return this.#faults.count === 0
  }

  async #signedUpTo(size: number): Promise<Signed> {
    const checkpoints = await this.#checkpoints.upTo(size)
    const anchors = await this.#anchors.upTo(size)
    const roots = [
      ...checkpoints.map(({ size, checkpoint }) => ({ size, root: checkpoint.root })),
      ...anchors.map(({ size, anchor }) => ({ size, root: anchor.root })),
    ]
    return { checkpoints, anchors, roots }
  }

  async #checkSigned({ checkpoints, anchors }: Signed, roots: ReadonlyMap<number, Hash>): Promise<void> {
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

  /** What is signed for or stored behind the end of the log. */
  async #checkBeyond(): Promise<void> {
    const sizeNow = await this.#sizeNow()
    await this.#checkpoints.finish(sizeNow)
    await this.#anchors.finish(sizeNow, this.#authority)
    const { record, side, tile, strange } = await this.#blocks!.behind(sizeNow)
    for (const detail of strange) this.#faults.add(null, 'entry_unexpected', detail)
    if (record !== undefined)
      this.#faults.add(record, 'record_unexpected', `the log ends before position ${record}`)
    if (side !== undefined) this.#faults.add(side, 'side_unexpected', `the log ends before position ${side}`)
    if (tile !== undefined) this.#faults.add(null, 'entry_unexpected', `tile 0/${tile} is behind the log`)
    this.#records.finish(await this.#lastErasureMs(sizeNow))
    await checkStrayEntries(this.#reader, this.#faults)
    await this.#log.drops.checkAges(this.#reader, this.#faults)
  }

  /** When the last person was erased, by the events that came meanwhile too. */
  async #lastErasureMs(sizeNow: number): Promise<number | undefined> {
    let lastMs = this.#erasures.lastMs
    for await (const [, bytes] of readRecords(this.#reader, this.#size, sizeNow))
      if (typeOf(bytes) === eventLayouts['user.erased'].code) lastMs = recordTime(bytes)
    return lastMs
  }

  /** @param compare tells of the rows that are other ones; left out where nobody asks */
  async #checkRows(compare: ((found: Faults) => Promise<void>) | undefined): Promise<void> {
    if (!compare) this.#unchecked.push('the read models were not compared with the events')
    else if (this.#damaged.size > 0 || this.#tree.isBroken || this.#records.hasAlteredSides)
      this.#unchecked.push('the read models cannot be compared while records or side records are damaged')
    else if (!this.#mayFollow)
      this.#unchecked.push('the read models cannot be compared while the stream index is damaged')
    else {
      const found = new Faults(this.#log.faults.most)
      await compare(found)
      if (found.count === 0) await checkLifetimes(this.#reader, this.#size, found)
      if ((await this.#sizeNow()) === this.#size)
        for (const { position, kind, detail } of found.sorted()) this.#faults.add(position, kind, detail)
      else this.#unchecked.push('the read models were not compared: the log has grown meanwhile')
    }
  }

  #uncheckedOfAll(): string[] {
    const { unchecked: unsignedActs } = this.#authority
    const { unsigned } = this.#checkpoints
    const { unfinished } = this.#erasures
    const { notAsked } = this.#anchors
    return [
      ...(this.#tree.isBroken ? ['roots behind the first lost record cannot be computed'] : []),
      ...(unsignedActs > 0
        ? [`${unsignedActs} acts of administration: the event that names the administrator is damaged`]
        : []),
      ...(unsigned > 0
        ? [`the signatures of ${unsigned} checkpoints: the event that names their key is damaged`]
        : []),
      ...(unfinished > 0
        ? [`${unfinished} erasures are not finished: a start of the server goes on with them`]
        : []),
      ...(notAsked > 0
        ? [`that the blocks of ${notAsked} anchors are on the best chain: no node was asked`]
        : []),
    ]
  }
}
