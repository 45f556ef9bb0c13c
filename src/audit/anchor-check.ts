/** The anchors: against the tree of the records, by themselves, and with a node where one is given. */
import { type Anchor, isConfirmed } from '../anchor/anchor.ts'
import { countedAnchors, listAnchors } from '../anchor/anchor-store.ts'
import { type AnchorFinding, verifyAnchor, verifyAnchorOnChain } from '../anchor/verify.ts'
import { readEvidence } from '../chain/transaction-evidence.ts'
import type { ChainClient } from '../chain/types.ts'
import type { StorageReader } from '../ledger/storage.ts'
import type { Checkpoint } from '../tree/checkpoint.ts'
import type { Hash } from '../tree/hash.ts'
import type { Authority } from './authority.ts'
import { BySize, type Sized } from './by-size.ts'
import type { FaultKind, Faults } from './fault.ts'

interface FoundAnchor extends Sized {
  anchor: Anchor
}

/** The log at the size of an anchor, as far as it is known. */
export interface AnchoredLog {
  root: Hash | undefined
  /** The signed checkpoint; undefined where there is none or it does not hold. */
  checkpoint: Checkpoint | undefined
  /** There is a checkpoint, but it was found wrong or could not be checked: told once, and not again here. */
  hasDoubtfulCheckpoint: boolean
  serverAddresses: readonly string[]
  /** An event that binds server keys is damaged. */
  mayMissServers: boolean
}

/** Anchors paid by keys that the log has not named so far; it may name them later. */
interface UnknownPayer {
  signers: readonly string[]
  /** Confirmed, and nothing else is wrong with them. */
  holding: number
  faults: { size: number; finding: AnchorFinding }[]
}

/** More of them from one payer would tell nothing new. */
const mostFaultsOfPayer = 100

/** A reorganisation that the anchorer has still to follow is no fault of the log. */
const followable: readonly string[] = ['anchor_unconfirmed', 'anchor_reorged']

export interface AnchorCheckOptions {
  chain?: ChainClient | undefined
  /** That it could not be asked is a fault then: it must not pass for checked. */
  mustAskChain?: boolean | undefined
}

export class AnchorCheck {
  readonly #reader: StorageReader
  readonly #faults: Faults
  readonly #chain: ChainClient | undefined
  readonly #mustAsk: boolean
  readonly #warnings: string[]
  readonly #stored: BySize<FoundAnchor>
  readonly #unknownPayers = new Map<string, UnknownPayer>()
  #node: 'asked' | 'unreachable'
  /** As the state beside them said before they were listed. */
  #counted: number | undefined
  #listed = 0
  #confirmed = 0
  #pending = 0
  #notAsked = 0

  constructor(
    reader: StorageReader,
    { chain, mustAskChain = false }: AnchorCheckOptions,
    faults: Faults,
    warnings: string[],
  ) {
    this.#reader = reader
    this.#faults = faults
    this.#chain = chain
    this.#mustAsk = mustAskChain
    this.#node = 'asked'
    this.#warnings = warnings
    this.#stored = new BySize(this.#list(reader))
  }

  /** Anchors in a block that hold, as far as they could be checked. */
  get confirmed(): number {
    return this.#confirmed
  }

  /** Anchors that wait for a block. */
  get pending(): number {
    return this.#pending
  }

  /** Confirmed anchors of which no node was asked. */
  get notAsked(): number {
    return this.#notAsked
  }

  upTo(size: number): Promise<FoundAnchor[]> {
    return this.#stored.upTo(size)
  }

  async check({ anchor, size }: FoundAnchor, log: AnchoredLog): Promise<void> {
    const { root, serverAddresses } = log
    const count = this.#faults.count
    if (root && !root.equals(anchor.root)) {
      this.#faults.add(
        size - 1,
        'anchor_root',
        `the first ${size} events have root ${root.toString('base64')}, ` +
          `but transaction ${anchor.txid} is to anchor ${anchor.root.toString('base64')}`,
      )
    }
    const checkpoint =
      log.checkpoint ?? (log.hasDoubtfulCheckpoint ? { ...anchor, root: root ?? anchor.root } : undefined)
    const isRightRoot = this.#faults.count === count
    let payer: UnknownPayer | undefined
    for (const finding of verifyAnchor(anchor, { checkpoint, serverAddresses })) {
      if (finding.kind === 'anchor_checkpoint' && !isRightRoot) continue
      if (finding.kind === 'anchor_signer') {
        if (!log.mayMissServers) payer = this.#unknownPayer(anchor, finding)
      } else this.#add(size, finding)
    }
    await this.#ask(anchor)
    const holds = this.#faults.count === count
    if (!isConfirmed(anchor)) this.#pending++
    else if (holds && payer) payer.holding++
    else if (holds) this.#confirmed++
  }

  /** Whose anchors have been paid by no server of the whole log, and what covers more events than the log has. */
  async finish(size: number, { anchorSigners, isUncertain }: Authority): Promise<void> {
    for (const { signers, holding, faults } of this.#unknownPayers.values())
      if (signers.some((signer) => anchorSigners.includes(signer))) this.#confirmed += holding
      else if (!isUncertain) for (const fault of faults) this.#add(fault.size, fault.finding)
    for (const found of await this.#stored.upTo(Number.MAX_SAFE_INTEGER))
      if (found.size > size)
        this.#faults.add(
          found.size - 1,
          'anchor_beyond_log',
          `the log has ${size} events, but transaction ${found.anchor.txid} anchors ${found.size}`,
        )
    await this.#checkCount()
  }

  close(): Promise<void> {
    return this.#stored.close()
  }

  /** An anchor is never taken away; a running server makes more meanwhile. */
  async #checkCount(): Promise<void> {
    const least = this.#counted
    if (least === undefined) return
    const most = await this.#count()
    if (most === undefined || (least <= this.#listed && this.#listed <= most)) return
    this.#faults.add(null, 'anchor_count', `${most} anchors were made, ${this.#listed} are stored`)
  }

  async #count(): Promise<number | undefined> {
    try {
      return await countedAnchors(this.#reader)
    } catch (error) {
      this.#faults.add(null, 'anchor_count', (error as Error).message)
      return undefined
    }
  }

  #unknownPayer({ raw, size }: Anchor, finding: AnchorFinding): UnknownPayer {
    const { signers } = readEvidence(raw)
    const name = signers.join(' ')
    const payer = this.#unknownPayers.get(name) ?? { signers, holding: 0, faults: [] }
    this.#unknownPayers.set(name, payer)
    if (payer.faults.length < mostFaultsOfPayer) payer.faults.push({ size, finding })
    return payer
  }

  async *#list(reader: StorageReader): AsyncGenerator<FoundAnchor> {
    this.#counted = await this.#count()
    for await (const found of listAnchors(reader)) {
      this.#listed++
      if ('anchor' in found) yield { anchor: found.anchor, size: found.anchor.size }
      else {
        const digits = /\d{16}$/.exec(found.name)?.[0]
        const position = digits === undefined ? null : Number(digits) - 1
        this.#faults.add(position, 'anchor_malformed', `the entry ${found.name}: ${found.fault}`)
      }
    }
  }

  async #ask(anchor: Anchor): Promise<void> {
    if (!isConfirmed(anchor)) return
    if (!this.#chain || this.#node === 'unreachable') {
      this.#notAsked++
      return
    }
    const { findings } = await verifyAnchorOnChain(anchor, this.#chain)
    for (const { kind, detail } of findings) {
      if (kind === 'node_unreachable') this.#node = 'unreachable'
      if (kind === 'node_unreachable' || kind === 'node_bad_answer') {
        this.#notAsked++
        const said = `the node at ${this.#chain.endpoint} could not be asked: ${detail}`
        if (this.#mustAsk) this.#faults.add(anchor.size - 1, 'anchor_not_asked', said)
        else this.#warnings.push(said)
      } else if (anchor.status === 'confirmed' && followable.includes(kind))
        this.#warnings.push(`the anchor of ${anchor.size} events has been reorganised: ${detail}`)
      else this.#add(anchor.size, { kind, detail })
    }
  }

  #add(size: number, { kind, detail }: AnchorFinding): void {
    this.#faults.add(size - 1, kind as FaultKind, `the anchor of ${size} events: ${detail}`)
  }
}
