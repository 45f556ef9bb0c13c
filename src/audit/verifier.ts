/**
 * What verification goes through, in parts or in order: the tree is built up beside the records and held against the roots
 * that are claimed for it, then everything else that is stored is looked at.
 */
import { isDamage } from '../ledger/errors.ts'
import { decodePosition, eventKey } from '../ledger/layout.ts'
import { readRecords } from '../ledger/reader.ts'
import { recordTime, typeOf } from '../ledger/record.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { eventLayouts } from '../oauth/events.ts'
import { Authority } from './authority.ts'
import { type Block, Blocks } from './blocks.ts'
import type { Drops } from './drops.ts'
import { ErasureCheck } from './erasure-check.ts'
import { Faults } from './fault.ts'
import { IndexCheck } from './index-check.ts'
import { checkLifetimes } from './lifetime-check.ts'
import type { LogParts } from './log-parts.ts'
import { MissingSides } from './missing-sides.ts'
import { RecordCheck } from './record-check.ts'
import { RootClaims } from './root-claims.ts'
import { RowCheck } from './row-check.ts'
import { checkStrayEntries } from './stray-entries.ts'
import { StreamStates } from './stream-states.ts'
import type { CheckedStretch } from './stretch-check.ts'
import { sizeOf, storedFrontier, TreeCheck } from './tree-check.ts'
import { uncheckedOf } from './unchecked.ts'
import type { Verification, VerifyOptions, VerifyStep } from './verification.ts'

export interface OpenedLog {
  reader: StorageReader
  size: number
  /** The stored tree head, where it can be read. */
  frontier: Buffer | undefined
  /** Files of older events that are whole. */
  segments: number
  /** Files of older events are damaged: their index entries are missing too. */
  isSalvaged: boolean
  /** What events say was dropped. */
  drops: Drops
  /** What was found until now. */
  faults: Faults
}

/** Records that may have been read behind a block. */
const mostReadAhead = 4096

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
  #blocks: Blocks | undefined
  readonly #tree: TreeCheck
  readonly #authority: Authority
  readonly #claims: RootClaims
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
    this.#claims = new RootClaims(reader, options, faults, this.#warnings)
    this.#erasures = new ErasureCheck(reader, faults)
  }

  /** Everything from the records, in order, as far as the store can be read. */
  async runInOrder(): Promise<void> {
    try {
      await this.#runInOrder()
    } catch (error) {
      if (!isDamage(error)) throw error
      await this.#giveUp(error.message)
    }
  }

  /** @returns whether everything holds; what does not, `runInOrder` tells @throws LedgerError damaged */
  async runInParts(parts: LogParts): Promise<boolean> {
    const states = new StreamStates(this.#reader, { isIndexRight: true })
    const { sums, rows } = parts
    this.#records = new RecordCheck(this.#faults, { ...this.#ofWholeLog, index: sums.index, states, rows })
    for await (const stretch of parts.stretches())
      if (!stretch || !(await this.#takeStretch(stretch))) return false
    await this.#takeBlocks(this.#verified)
    await this.#checkBeyond()
    this.#authority.finish()
    if (this.#faults.count > 0 || this.#tree.isBroken || !(await this.#holdsIndex(parts))) return false
    await this.#checkRows(this.#options.rows ? (found) => this.#compareRows(parts, found) : undefined)
    return this.#faults.count === 0
  }

  async #runInOrder(): Promise<void> {
    const { drops } = this.#log
    const isDamaged = (position: number) => this.#damaged.has(position) || position >= this.#end
    const index = new IndexCheck(this.#reader, this.#faults, this.#size, isDamaged, drops)
    const rows = this.#options.rows ? new RowCheck(this.#reader) : undefined
    const states = new StreamStates(this.#reader, { isDamaged })
    this.#records = new RecordCheck(this.#faults, { ...this.#ofWholeLog, index, states, rows })
    await this.#takeBlocks(0)
    await this.#checkBeyond()
    await index.finish(this.#sizeNow, this.#onProgress('stream index'))
    this.#mayFollow = index.isRight || !this.#records.hasLate
    await this.#checkRows(rows && ((found) => rows.finish(this.#size, found)))
    this.#authority.finish()
  }

  #holdsIndex(parts: LogParts): Promise<boolean> {
    return parts.holdsIndex(this.#sizeNow, this.#onProgress('stream index'))
  }

  async #compareRows(parts: LogParts, found: Faults): Promise<void> {
    if (!(await parts.holdsRows(this.#onProgress('read models'))))
      found.add(null, 'row_altered', 'rows are not those of the events')
  }

  get #ofWholeLog() {
    return {
      missing: new MissingSides(this.#reader),
      drops: this.#log.drops,
      authority: this.#authority,
      erasures: this.#erasures,
    }
  }

  result(): Verification {
    const { checkpoints, savedCheckpoints, anchors, pendingAnchors } = this.#claims.counts
    return {
      ok: this.#faults.count === 0,
      events: this.#verified,
      checkpoints,
      savedCheckpoints,
      anchors,
      pendingAnchors,
      erased: this.#records.erased,
      droppedPayloads: this.#log.drops.payloads.count,
      droppedSideRecords: this.#log.drops.sides.count,
      segments: this.#log.segments,
      root: this.#tree.isBroken ? null : this.#tree.root.toString('base64'),
      servers: this.#authority.servers,
      faults: this.#faults.sorted(),
      hasMoreFaults: this.#faults.hasMore,
      warnings: this.#warnings,
      unchecked: [
        ...this.#unchecked,
        ...uncheckedOf({
          ...this.#claims.counts,
          isTreeBroken: this.#tree.isBroken,
          acts: this.#authority.unchecked,
          erasures: this.#erasures.unfinished,
        }),
      ],
    }
  }

  async close(): Promise<void> {
    await this.#blocks?.close()
    await this.#claims.close()
  }

  /** On a running server the log goes on: what stands behind its end after having been read is a fault. */
  readonly #sizeNow = async (): Promise<number> => {
    const frontier = await storedFrontier(this.#reader)
    return (frontier && sizeOf(frontier)) ?? this.#size
  }

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

  async #giveUp(why: string): Promise<void> {
    const isWithin = this.#verified < this.#size
    this.#faults.add(isWithin ? await this.#firstUnreadable() : null, 'store_damaged', why)
    if (isWithin) this.#tree.cut()
    this.#unchecked.push(
      isWithin
        ? `events from position ${this.#verified} on, and what is said of them: the store cannot be read on`
        : 'what is stored beside the events: the store cannot be read on',
    )
  }

  /** Entries are read ahead of what is gone through. */
  async #firstUnreadable(): Promise<number> {
    const end = Math.min(this.#size, this.#verified + mostReadAhead)
    for (let position = this.#verified; position < end; position++)
      try {
        await this.#reader.get(eventKey(position))
      } catch (error) {
        if (isDamage(error)) return position
        throw error
      }
    return this.#verified
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
    const claims = await this.#claims.upTo(block.end)
    const { damaged, roots } = await this.#tree.append(block, claims.roots)
    for (const position of damaged) await this.#damage(position)
    for (let position = block.start; position < block.end; position++) {
      const record = block.records[position - block.start]
      if (!record) this.#records.checkDropped(position, block.sides[position - block.start])
      if (!record || this.#damaged.has(position)) continue
      const checked = this.#records.check(position, record, block.sides[position - block.start])
      if (!(checked instanceof Promise ? await checked : checked)) await this.#damage(position)
    }
    await this.#claims.check(claims, roots, this.#authority)
  }

  /** Takes what was checked by itself into the log, and checks what depends on what was before it. */
  async #takeStretch(stretch: CheckedStretch): Promise<boolean> {
    if (stretch.firstTimeMs < this.#records.lastTimeMs) return false
    const claims = await this.#claims.upTo(stretch.end)
    const roots = await this.#tree.appendBlocks(stretch.start, Buffer.from(stretch.blockRoots), claims.roots)
    for (const { position, record, side } of stretch.inOrder)
      if (!(await this.#records.check(position, Buffer.from(record), side && Buffer.from(side)))) return false
    this.#records.goOn(stretch)
    await this.#claims.check(claims, roots, this.#authority)
    this.#goOn(stretch.end)
    return this.#faults.count === 0
  }

  async #damage(position: number): Promise<void> {
    this.#damaged.add(position)
    if (this.#authority.isUncertain) return
    if (this.#log.isSalvaged) {
      this.#authority.loseTrack()
      return
    }
    // Its own bytes are not to be believed; the index knows whose event it was.
    const servers = { gte: Buffer.from('sserver:'), lt: Buffer.from('sserver;') }
    for await (const [, value] of this.#reader.entries(servers))
      if (value.length === 8 && decodePosition(value) === position) this.#authority.loseTrack()
  }

  /** What is signed for or stored behind the end of the log. */
  async #checkBeyond(): Promise<void> {
    const sizeNow = await this.#sizeNow()
    await this.#claims.finish(sizeNow, this.#authority)
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
}
