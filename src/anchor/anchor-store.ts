/**
 * The anchors in the ledger's annex, one record a tree size, and the state beside them: the sizes still to be
 * watched and the counts of all others. Start-up and memory go with the number of watched anchors, not with
 * the number of all.
 */
import { listAnnex, putAnnex } from '../ledger/annex.ts'
import { LedgerError } from '../ledger/errors.ts'
import { annexKey } from '../ledger/layout.ts'
import type { Storage, StorageReader } from '../ledger/storage.ts'
import { type Anchor, decodeAnchor, encodeAnchor, isConfirmed } from './anchor.ts'

const prefix = 'anchor/'
const nameOf = (size: number) => prefix + String(size).padStart(16, '0')

/** Outside the records' prefix, written in the batch of each record that changes it. */
const stateName = 'anchors'
const stateVersion = 1

/** A stored anchor, or what is wrong with the entry of that name. */
export type StoredAnchor =
  | { readonly name: string; readonly anchor: Anchor }
  | { readonly name: string; readonly fault: string }

/** All anchors by tree size. A damaged entry is told and does not end the list. */
export async function* listAnchors(reader: StorageReader): AsyncGenerator<StoredAnchor> {
  for await (const [name, value] of listAnnex(reader, prefix)) yield readEntry(name, value)
}

/** How many anchors there are by the state beside them; undefined where that is missing. @throws LedgerError damaged */
export async function countedAnchors(reader: StorageReader): Promise<number | undefined> {
  const value = await reader.get(annexKey(stateName))
  if (!value) return undefined
  const { buried, watched } = decodeState(value)
  return buried + watched.length
}

function readEntry(name: string, value: Buffer): StoredAnchor {
  try {
    const anchor = decodeAnchor(value)
    if (nameOf(anchor.size) === name) return { name, anchor }
    return { name, fault: `it holds an anchor of size ${anchor.size}` }
  } catch (error) {
    return { name, fault: (error as RangeError).message }
  }
}

interface State {
  /** Number of buried anchors, and the largest tree among them. */
  readonly buried: number
  readonly buriedSize: number
  /** Anchors not yet buried, by size. */
  readonly watched: ReadonlyMap<number, Anchor>
}

export class AnchorStore {
  readonly #storage: Storage
  #state: State
  /** True after a failed write: what is on disk is unknown until it has been read again. */
  #isStale = false

  private constructor(storage: Storage, state: State) {
    this.#storage = storage
    this.#state = state
  }

  /** @throws LedgerError damaged or unavailable */
  static async open(storage: Storage): Promise<AnchorStore> {
    return new AnchorStore(storage, await load(storage))
  }

  /** Anchors not yet buried, by size. */
  get watched(): readonly Anchor[] {
    return [...this.#state.watched.values()]
  }

  get confirmed(): number {
    return this.#state.buried + this.watched.filter(isConfirmed).length
  }

  get pending(): number {
    return this.watched.filter((anchor) => !isConfirmed(anchor)).length
  }

  /** Size of the largest tree with a confirmed anchor. */
  get anchoredSize(): number {
    return Math.max(this.#state.buriedSize, ...this.watched.filter(isConfirmed).map((anchor) => anchor.size))
  }

  /** Size of the largest tree with any anchor. */
  get newestSize(): number {
    return Math.max(this.#state.buriedSize, ...this.#state.watched.keys())
  }

  /** Reads everything again after a failed write; else does nothing. */
  async refresh(): Promise<void> {
    if (!this.#isStale) return
    this.#state = await load(this.#storage)
    this.#isStale = false
  }

  /**
   * Stores an anchor durably, new or changed. A size keeps its tree for ever: another transaction may replace
   * the stored one, another root may not.
   *
   * @throws LedgerError damaged where another tree of that size is anchored; unavailable
   */
  async save(anchor: Anchor): Promise<void> {
    const name = nameOf(anchor.size)
    const stored = this.#storage.get(annexKey(name))
    if (stored) assertSameTree(readRecord(name, stored), anchor)
    const watched = new Map(this.#state.watched)
    watched.set(anchor.size, anchor)
    let { buried, buriedSize } = this.#state
    if (anchor.status === 'buried') {
      watched.delete(anchor.size)
      buried += 1
      buriedSize = Math.max(buriedSize, anchor.size)
    }
    const state = { buried, buriedSize, watched }
    try {
      await putAnnex(this.#storage, { [name]: encodeAnchor(anchor), [stateName]: encodeState(state) })
    } catch (cause) {
      this.#isStale = true
      if (cause instanceof LedgerError) throw cause
      throw new LedgerError('unavailable', 'the anchor could not be stored', { cause })
    }
    this.#state = state
  }
}

function assertSameTree(stored: Anchor, anchor: Anchor): void {
  if (stored.root.equals(anchor.root) && stored.origin === anchor.origin) return
  throw new LedgerError(
    'damaged',
    `the tree of ${anchor.size} events of ${anchor.origin} has root ${anchor.root.toString('base64')}, ` +
      `but root ${stored.root.toString('base64')} of ${stored.origin} was anchored at that size`,
  )
}

function encodeState({ buried, buriedSize, watched }: State): Buffer {
  return Buffer.from(
    JSON.stringify({ version: stateVersion, buried, buriedSize, watched: [...watched.keys()] }),
  )
}

async function load(storage: Storage): Promise<State> {
  const value = storage.get(annexKey(stateName))
  // Nothing anchored yet, or the entry was removed: it follows from the records.
  if (!value) return stateOfRecords(storage)
  const { buried, buriedSize, watched } = decodeState(value)
  const anchors = watched.map((size): [number, Anchor] => {
    const record = storage.get(annexKey(nameOf(size)))
    if (!record) throw new LedgerError('damaged', `the entry ${nameOf(size)} is missing`)
    return [size, readRecord(nameOf(size), record)]
  })
  return { buried, buriedSize, watched: new Map(anchors) }
}

async function stateOfRecords(reader: StorageReader): Promise<State> {
  const watched = new Map<number, Anchor>()
  let buried = 0
  let buriedSize = 0
  for await (const [name, value] of listAnnex(reader, prefix)) {
    const anchor = readRecord(name, value)
    if (anchor.status !== 'buried') {
      watched.set(anchor.size, anchor)
      continue
    }
    buried += 1
    buriedSize = anchor.size
  }
  return { buried, buriedSize, watched }
}

function readRecord(name: string, value: Buffer): Anchor {
  const entry = readEntry(name, value)
  if ('fault' in entry) throw new LedgerError('damaged', `the entry ${name} is damaged: ${entry.fault}`)
  return entry.anchor
}

function decodeState(value: Buffer): { buried: number; buriedSize: number; watched: number[] } {
  const isCount = (number: unknown): number is number =>
    Number.isSafeInteger(number) && (number as number) >= 0
  try {
    const { version, buried, buriedSize, watched } = JSON.parse(value.toString())
    const isRight = version === stateVersion && isCount(buried) && isCount(buriedSize)
    if (isRight && Array.isArray(watched) && watched.every(isCount)) return { buried, buriedSize, watched }
  } catch {
    // Told below.
  }
  throw new LedgerError('damaged', `the entry ${stateName} is damaged`)
}
