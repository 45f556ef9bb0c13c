/**
 * Anchors the ledger's newest checkpoint, one an interval while there is something new, and follows each anchor
 * until it is buried. Nothing here is waited for by a request.
 *
 * A step first puts back what the chain has lost, then anchors. Whatever fails waits for the next step, which
 * begins again from what is stored and what the node says: there is no other recovery.
 *
 * Crash points: before an anchor is stored, nothing has happened; from then on the stored transaction is the
 * one that is sent, as often as needed, and no other tree of its size ever gets one.
 */
import { BehaviorSubject, type Observable, type SchedulerLike } from 'rxjs'
import { ChainError } from '../chain/errors.ts'
import type { Checkpoints } from '../ledger/checkpoints.ts'
import { LedgerError } from '../ledger/errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Checkpoint } from '../tree/checkpoint.ts'
import { AnchorStore } from './anchor-store.ts'
import { AnchorTransactions, Stopping, type TransactionSettings } from './anchor-transactions.ts'
import { ChainView } from './chain-view.ts'
import { repeat } from './loop.ts'

/** Each waiting anchor may spend the change of the one before; Bitcoin Core takes chains of 25 (policy/policy.h). */
const maxPending = 16

const pollMs = 1000
const maxBackoffMs = 10_000

export interface AnchorerSettings extends TransactionSettings {
  readonly ledger: Pick<Ledger<never>, 'storage' | 'size'>
  readonly checkpoints: Pick<Checkpoints, 'sign'>
  /** Least time between two anchors. */
  readonly intervalMs: number
  readonly scheduler?: SchedulerLike
}

export interface AnchorerStatus {
  /** Anchors that stand in the best chain. */
  readonly confirmed: number
  /** Anchors that wait for a block, those that lost theirs included. */
  readonly pending: number
  /** Size of the largest tree with a confirmed anchor. */
  readonly anchoredSize: number
  readonly node: 'reachable' | 'unreachable' | 'unknown'
  /** Why the last step did not do all it should; `code` is that of a ChainError or LedgerError, or `internal`. */
  readonly lastError?: { readonly code: string; readonly message: string }
}

/** Nothing is sent before `start` or `tick`. @throws LedgerError damaged or unavailable */
export async function openAnchorer(settings: AnchorerSettings): Promise<Anchorer> {
  return new Anchorer(settings, await AnchorStore.open(settings.ledger.storage))
}

export class Anchorer {
  /** The present status, then each other one. */
  readonly changes$: Observable<AnchorerStatus>
  readonly #settings: AnchorerSettings
  readonly #store: AnchorStore
  readonly #transactions: AnchorTransactions
  readonly #status$: BehaviorSubject<AnchorerStatus>
  #node: AnchorerStatus['node'] = 'unknown'
  #lastError: AnchorerStatus['lastError']
  #lastSignedMs: number | undefined
  #lastContactMs: number | undefined
  #failures = 0
  #underWay: Promise<void> | undefined
  #stopLoop: (() => Promise<void>) | undefined

  constructor(settings: AnchorerSettings, store: AnchorStore) {
    this.#settings = settings
    this.#store = store
    this.#transactions = new AnchorTransactions(settings, store)
    this.#status$ = new BehaviorSubject(this.#currentStatus())
    this.changes$ = this.#status$.asObservable()
  }

  status(): AnchorerStatus {
    return this.#status$.value
  }

  /** One step, also of the loop. Never rejects; a call while one is under way gets that one. */
  tick(): Promise<void> {
    this.#underWay ??= this.#step().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  start(): void {
    this.#stopLoop ??= repeat(async () => {
      if (!this.#isIdle()) await this.tick()
      return this.#failures === 0 ? pollMs : Math.min(pollMs * 2 ** (this.#failures - 1), maxBackoffMs)
    }, this.#settings.scheduler)
  }

  /** Waits for the request under way, at most as long as the chain client does. The next start goes on from there. */
  async stop(): Promise<void> {
    this.#transactions.stop()
    await this.#stopLoop?.()
    await this.#underWay
    this.#status$.complete()
  }

  async #step(): Promise<void> {
    let fault: unknown
    try {
      fault = await this.#followAndAnchor()
    } catch (error) {
      fault = error
    }
    try {
      // Also while the chain fails: what is signed holds the log to its past.
      if (this.#isPast(this.#lastSignedMs, this.#settings.intervalMs)) await this.#sign()
    } catch (error) {
      fault ??= error
    }
    this.#report(fault)
  }

  async #followAndAnchor(): Promise<unknown> {
    await this.#store.refresh()
    const view = await ChainView.open(this.#settings.chain)
    this.#node = 'reachable'
    this.#lastContactMs = this.#settings.now()
    const fault = await this.#transactions.follow(view)
    if (this.#isDue() && this.#store.pending < maxPending) {
      const newest = await this.#sign()
      if (newest && newest.size > this.#store.newestSize) await this.#transactions.anchor(newest)
    }
    return fault
  }

  async #sign(): Promise<Checkpoint | undefined> {
    const signed = await this.#settings.checkpoints.sign()
    this.#lastSignedMs = this.#settings.now()
    return signed?.checkpoint
  }

  #isDue(): boolean {
    return this.#isPast(this.#transactions.lastSentMs, this.#settings.intervalMs)
  }

  /** A clock that was set back makes everything past: it must not stop the anchors. */
  #isPast(timeMs: number | undefined, periodMs: number): boolean {
    const passedMs = timeMs === undefined ? periodMs : this.#settings.now() - timeMs
    return passedMs < 0 || passedMs >= periodMs
  }

  /** Nothing to follow, nothing new, and the node was heard of lately. */
  #isIdle(): boolean {
    if (this.#store.watched.length > 0 || this.#lastError !== undefined) return false
    if (this.#isDue() && this.#settings.ledger.size > this.#store.newestSize) return false
    return !this.#isPast(this.#lastContactMs, maxBackoffMs)
  }

  #report(fault: unknown): void {
    if (!(fault instanceof Stopping)) this.#judge(fault)
    const status = this.#currentStatus()
    if (JSON.stringify(status) !== JSON.stringify(this.#status$.value)) this.#status$.next(status)
  }

  #judge(fault: unknown): void {
    const { log } = this.#settings
    const previous = this.#lastError
    if (fault === undefined) {
      this.#failures = 0
      this.#lastError = undefined
      if (previous) log.info({}, 'anchoring goes on')
      return
    }
    this.#failures += 1
    this.#lastError = describe(fault)
    this.#transactions.forgetTip()
    if (this.#lastError.code === 'unreachable') this.#node = 'unreachable'
    // Once for each kind: the loop comes by here every few seconds.
    if (this.#lastError.code !== previous?.code) log.warn({ ...this.#lastError }, 'anchoring waits')
  }

  #currentStatus(): AnchorerStatus {
    const { confirmed, pending, anchoredSize } = this.#store
    const lastError = this.#lastError
    return { confirmed, pending, anchoredSize, node: this.#node, ...(lastError && { lastError }) }
  }
}

function describe(error: unknown): { code: string; message: string } {
  const code = error instanceof ChainError || error instanceof LedgerError ? error.code : 'internal'
  return { code, message: error instanceof Error ? error.message : String(error) }
}
