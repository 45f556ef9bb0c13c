/** The transactions of the watched anchors: made, stored, sent, followed, sent again, replaced. */
import { ChainError } from '../chain/errors.ts'
import type { PrivateKey } from '../chain/keys.ts'
import type { ChainClient } from '../chain/types.ts'
import { type PreparedTransaction, prepareAnchor } from '../chain/wallet.ts'
import { type Anchor, isConfirmed, type WaitingAnchor } from './anchor.ts'
import type { AnchorStore } from './anchor-store.ts'
import type { ChainView } from './chain-view.ts'
import { encodePayload } from './payload.ts'

/** Bitcoin's custom: a reorganisation so deep is not expected. */
const buriedConfirmations = 6
/** A node that asks for more than this times the configured fee rate is not followed. */
const maxFeeFactor = 16

export interface AnchorLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface TransactionSettings {
  readonly chain: ChainClient
  /** They take turns in paying, as far as each can; that they are the server's makes an anchor count. */
  readonly keys: readonly PrivateKey[]
  readonly feeRateSatsPerByte: number
  readonly now: () => number
  readonly log: AnchorLog
}

/** The tree that an anchor commits to. */
export type AnchoredTree = Pick<Anchor, 'size' | 'root' | 'origin'>

/** Thrown between two requests once the anchorer is to stop; no fault. */
export class Stopping extends Error {}

export class AnchorTransactions {
  readonly #settings: TransactionSettings
  readonly #store: AnchorStore
  /** Least recently used first; a restart begins with the order of the settings. */
  #keys: readonly PrivateKey[]
  #feeRate: number
  /** Tip at which every watched anchor was seen in its place: until it changes, none needs to be asked for. */
  #followedTip: string | undefined
  #lastSentMs: number | undefined
  #isStopping = false

  constructor(settings: TransactionSettings, store: AnchorStore) {
    this.#settings = settings
    this.#store = store
    this.#keys = settings.keys
    this.#feeRate = settings.feeRateSatsPerByte
    const sent = store.watched.map((anchor) => anchor.sentAtMs)
    this.#lastSentMs = sent.length > 0 ? Math.max(...sent) : undefined
  }

  /** When a transaction was last made, as far as one is watched. */
  get lastSentMs(): number | undefined {
    return this.#lastSentMs
  }

  /** What is under way ends before its next request. */
  stop(): void {
    this.#isStopping = true
  }

  /** Something failed, and a node that was away may come back with less than it had: ask for every anchor again. */
  forgetTip(): void {
    this.#followedTip = undefined
  }

  /**
   * Brings every watched anchor up to what the node says, and sends again what it does not have.
   *
   * @returns why an anchor could not be followed, where the others could
   * @throws ChainError where an anchor is not with the node: no new one may be built then, it might spend the
   *   same coins; LedgerError
   */
  async follow(view: ChainView): Promise<unknown> {
    if (view.tip.bestBlockHash === this.#followedTip) return undefined
    this.#followedTip = undefined
    let fault: unknown
    const lost: WaitingAnchor[] = []
    for (const anchor of this.#store.watched) {
      this.#throwIfStopping()
      try {
        const waiting = await this.#followOne(anchor, view)
        if (waiting) lost.push(waiting)
      } catch (error) {
        if (!(error instanceof ChainError) || error.code === 'unreachable') throw error
        fault ??= error
      }
    }
    await this.#sendAgain(lost)
    if (fault === undefined) this.#followedTip = view.tip.bestBlockHash
    return fault
  }

  /** Makes, stores and sends the first transaction for a tree. @throws ChainError, LedgerError */
  async anchor(tree: AnchoredTree): Promise<void> {
    this.#throwIfStopping()
    const followedTip = this.#followedTip
    await this.#send(tree, await this.#prepare(tree))
    this.#followedTip = followedTip
  }

  /** @returns the anchor where it must be sent again */
  async #followOne(anchor: Anchor, view: ChainView): Promise<WaitingAnchor | undefined> {
    const isInPlace =
      isConfirmed(anchor) && (await view.isOnBestChain(anchor.block.hash, anchor.block.height))
    const found = isInPlace ? anchor.block : await view.find(anchor.txid)
    const { size, root, origin, txid, raw, sentAtMs } = anchor
    const transaction = { size, root, origin, txid, raw, sentAtMs }
    if (typeof found === 'object') {
      const isBuried = view.confirmations(found) >= buriedConfirmations
      if (isInPlace && !isBuried) return undefined
      await this.#store.save({ ...transaction, status: isBuried ? 'buried' : 'confirmed', block: found })
      if (!isInPlace) this.#tell('anchor confirmed', anchor, { block: found.hash, height: found.height })
      return undefined
    }
    const waiting: WaitingAnchor = isConfirmed(anchor) ? { ...transaction, status: 'reorged' } : anchor
    if (waiting !== anchor) {
      await this.#store.save(waiting)
      this.#tell('anchor lost its block', anchor)
    }
    return found === 'lost' ? waiting : undefined
  }

  /**
   * One may spend the change of another, in an order that is not known here: so the refused ones are tried again
   * as long as others went through. What then is still refused has lost its inputs, or pays too little.
   */
  async #sendAgain(lost: readonly WaitingAnchor[]): Promise<void> {
    let refusals: [WaitingAnchor, ChainError][] = []
    for (let waiting = lost; waiting.length > 0; waiting = refusals.map(([anchor]) => anchor)) {
      refusals = []
      for (const anchor of waiting) {
        this.#throwIfStopping()
        try {
          await this.#settings.chain.send(anchor.raw)
          this.#tell('anchor sent again', anchor)
        } catch (error) {
          if (!isRefusal(error)) throw error
          refusals.push([anchor, error])
        }
      }
      if (refusals.length === waiting.length) break
    }
    if (refusals.some(([, error]) => error.code === 'fee_too_low'))
      this.#feeRate = Math.min(this.#feeRate * 2, this.#settings.feeRateSatsPerByte * maxFeeFactor)
    for (const [anchor, refusal] of refusals) await this.#replace(anchor, refusal)
  }

  /** Another transaction for the same tree. */
  async #replace(anchor: WaitingAnchor, refusal: ChainError): Promise<void> {
    this.#throwIfStopping()
    const prepared = await this.#prepare(anchor)
    // The same coins at the same fee are the same bytes: the refusal has another reason.
    if (prepared.raw.equals(anchor.raw)) throw refusal
    await this.#send(anchor, prepared)
  }

  #prepare(tree: AnchoredTree) {
    const payload = encodePayload(tree)
    return prepareAnchor({
      client: this.#settings.chain,
      keys: this.#keys,
      payload,
      feeRate: this.#feeRate,
    })
  }

  async #send({ size, root, origin }: AnchoredTree, prepared: PreparedTransaction): Promise<void> {
    const { txid, raw, address } = prepared
    const sentAtMs = this.#settings.now()
    this.#followedTip = undefined
    // Dying before this is written, nothing was sent; after it, the next start sends these bytes.
    await this.#store.save({ size, root, origin, txid, raw, status: 'pending', sentAtMs })
    this.#lastSentMs = sentAtMs
    await this.#settings.chain.send(raw)
    // Only now: a transaction that is refused is made again of the same coins, and known by that.
    const isPayer = (key: PrivateKey) => key.address === address
    this.#keys = [...this.#keys.filter((key) => !isPayer(key)), ...this.#keys.filter(isPayer)]
    this.#tell('anchor sent', { size, txid })
  }

  #throwIfStopping(): void {
    if (this.#isStopping) throw new Stopping()
  }

  #tell(message: string, { size, txid }: Pick<Anchor, 'size' | 'txid'>, more: object = {}): void {
    this.#settings.log.info({ size, txid, ...more }, message)
  }
}

/** Refused for what the transaction is, so that sending it again would not help. */
const isRefusal = (error: unknown): error is ChainError =>
  error instanceof ChainError && (error.code === 'refused' || error.code === 'fee_too_low') && !error.retry
