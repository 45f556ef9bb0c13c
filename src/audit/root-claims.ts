/**
 * Who says which root the log has at a size: the signed checkpoints, the anchors, and the server's head file. Each is held
 * against the tree of the records when that has come to its size.
 */
import { parseHead } from '../ledger/head-file.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { Frontier } from '../tree/frontier.ts'
import type { Hash } from '../tree/hash.ts'
import { AnchorCheck } from './anchor-check.ts'
import type { Authority } from './authority.ts'
import { CheckpointCheck, type FoundCheckpoint } from './checkpoint-check.ts'
import type { Faults } from './fault.ts'
import type { ClaimedRoot } from './leaf-choice.ts'
import type { VerifyOptions } from './verification.ts'

/** What is claimed for sizes up to that of a block or stretch. */
export interface Claims {
  checkpoints: FoundCheckpoint[]
  anchors: Awaited<ReturnType<AnchorCheck['upTo']>>
  head: ClaimedRoot | undefined
  roots: ClaimedRoot[]
}

export class RootClaims {
  readonly #faults: Faults
  readonly #saved: ReadonlySet<string>
  readonly #checkpoints: CheckpointCheck
  readonly #anchors: AnchorCheck
  readonly #headFile: string
  #head: ClaimedRoot | undefined
  #savedHolding = 0

  constructor(reader: StorageReader, options: VerifyOptions, faults: Faults, warnings: string[]) {
    const { savedCheckpoints = [], kept } = options
    this.#faults = faults
    this.#saved = new Set(savedCheckpoints.map(({ source }) => source))
    const notes = kept?.checkpoint ? [...savedCheckpoints, kept.checkpoint] : savedCheckpoints
    this.#checkpoints = new CheckpointCheck(reader, notes, faults)
    this.#anchors = new AnchorCheck(reader, options, faults, warnings)
    this.#headFile = kept?.head?.source ?? ''
    this.#head = kept?.head && this.#readHead(kept.head.text)
  }

  /** What is claimed beyond what was asked for before. */
  async upTo(size: number): Promise<Claims> {
    const checkpoints = await this.#checkpoints.upTo(size)
    const anchors = await this.#anchors.upTo(size)
    const head = this.#headUpTo(size)
    const roots = [
      ...checkpoints.map(({ size, checkpoint }) => ({ size, root: checkpoint.root })),
      ...anchors.map(({ size, anchor }) => ({ size, root: anchor.root })),
      ...(head ? [head] : []),
    ]
    return { checkpoints, anchors, head, roots }
  }

  /** @param roots those of the records, as far as they can be computed */
  async check(
    { checkpoints, anchors, head }: Claims,
    roots: ReadonlyMap<number, Hash>,
    authority: Authority,
  ): Promise<void> {
    const good = new Map<number, FoundCheckpoint>()
    for (const found of checkpoints)
      if (this.#checkpoints.check(found, roots.get(found.size), authority)) {
        good.set(found.size, found)
        if (this.#saved.has(found.source)) this.#savedHolding++
      }
    const told = new Set(checkpoints.map(({ size }) => size))
    for (const found of anchors)
      await this.#anchors.check(found, {
        root: roots.get(found.size),
        checkpoint: good.get(found.size)?.checkpoint,
        hasDoubtfulCheckpoint: told.has(found.size),
        serverAddresses: authority.anchorSigners,
        mayMissServers: authority.isUncertain,
      })
    if (head) this.#checkHead(head, roots.get(head.size))
  }

  /** What covers more events than the log has. */
  async finish(size: number, authority: Authority): Promise<void> {
    await this.#checkpoints.finish(size)
    await this.#anchors.finish(size, authority)
    const head = this.#headUpTo(Number.MAX_SAFE_INTEGER)
    if (head && head.size > size)
      this.#faults.add(
        head.size - 1,
        'head_beyond_log',
        `the log has ${size} events, but ${head.size} were acknowledged (${this.#headFile}): its end is lost, or an ` +
          'older one was put back',
      )
  }

  get counts() {
    const { verified, unsigned } = this.#checkpoints
    const { confirmed, pending, notAsked } = this.#anchors
    return {
      /** Stored checkpoints that hold. */
      checkpoints: verified,
      savedCheckpoints: this.#savedHolding,
      /** Checkpoints whose key is in a damaged event. */
      unsigned,
      anchors: confirmed,
      pendingAnchors: pending,
      /** Anchors of which no node was asked. */
      notAsked,
    }
  }

  async close(): Promise<void> {
    await this.#checkpoints.close()
    await this.#anchors.close()
  }

  #headUpTo(size: number): ClaimedRoot | undefined {
    const head = this.#head
    if (!head || head.size > size) return undefined
    this.#head = undefined
    return head
  }

  #readHead(text: string): ClaimedRoot | undefined {
    const head = parseHead(text)
    if (!head) this.#faults.add(null, 'head_malformed', `${this.#headFile} cannot be read`)
    return head
  }

  #checkHead({ size, root }: ClaimedRoot, computed: Hash | undefined): void {
    const found = size === 0 ? new Frontier().root() : computed
    if (!found || found.equals(root)) return
    this.#faults.add(
      size === 0 ? null : size - 1,
      'head_root',
      `the first ${size} events have root ${found.toString('base64')}, but those acknowledged had ` +
        `${root.toString('base64')} (${this.#headFile})`,
    )
  }
}
