/** Sorted lists of entries as one: where several have a key, the first of them counts. */
import type { Entry } from '../storage.ts'

export type EntryLists = AsyncIterator<readonly Entry[], unknown>

/** The value of an entry that says that there is none, whatever the lists behind it have. */
export const noValue: Buffer = Buffer.alloc(0)

interface Head {
  lists: EntryLists
  /** Place among the lists: the lower one counts. */
  rank: number
  entries: readonly Entry[]
  at: number
}

const entriesAtOnce = 1000

/** @param sources all in key order, or all in the reverse of it */
export async function* mergeEntries(
  sources: readonly EntryLists[],
  reverse = false,
): AsyncGenerator<readonly Entry[]> {
  const sign = reverse ? -1 : 1
  const isBefore = (a: Head, b: Head): boolean => {
    const order = a.entries[a.at]![0].compare(b.entries[b.at]![0])
    return order === 0 ? a.rank < b.rank : order * sign < 0
  }
  const heap = new Heap<Head>(isBefore)
  try {
    const firsts = await Promise.all(sources.map((lists) => nextList(lists)))
    for (const [rank, entries] of firsts.entries())
      if (entries) heap.push({ lists: sources[rank]!, rank, entries, at: 0 })
    let out: Entry[] = []
    let lastKey: Buffer | undefined
    for (let head = heap.top; head; head = heap.top) {
      const entry = head.entries[head.at]!
      if (!lastKey?.equals(entry[0])) {
        lastKey = entry[0]
        if (entry[1] !== noValue) out.push(entry)
      }
      head.at++
      if (head.at === head.entries.length) {
        const entries = await nextList(head.lists)
        if (!entries) heap.pop()
        else Object.assign(head, { entries, at: 0 })
      }
      heap.settleTop()
      if (out.length < entriesAtOnce) continue
      yield out
      out = []
    }
    if (out.length > 0) yield out
  } finally {
    for (const lists of sources) await lists.return?.()
  }
}

async function nextList(lists: EntryLists): Promise<readonly Entry[] | undefined> {
  for (;;) {
    const { done, value } = await lists.next()
    if (done) return undefined
    if (value.length > 0) return value
  }
}

class Heap<T> {
  readonly #items: T[] = []
  readonly #isBefore: (a: T, b: T) => boolean

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get top(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let at = items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  /** Takes the top away; `settleTop` must follow. */
  pop(): void {
    const last = this.#items.pop()
    if (last !== undefined && this.#items.length > 0) this.#items[0] = last
  }

  /** Puts the top, which has changed, where it belongs. */
  settleTop(): void {
    const items = this.#items
    const item = items[0]
    if (item === undefined) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.#isBefore(items[child + 1]!, items[child]!)) child++
      if (!this.#isBefore(items[child]!, item)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = item
  }
}
