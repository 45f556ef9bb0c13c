/**
 * A walk through the entries of a range that waits only where the store is asked again, not for each entry: waiting for
 * something that is there costs more than reading it (docs/performance.md).
 */
import type { Entry, Range, StorageReader } from '../ledger/storage.ts'

export class EntryCursor {
  readonly #lists: AsyncIterator<readonly Entry[]>
  #list: readonly Entry[] = []
  #at = 0

  /** Stands before the first entry. */
  constructor(reader: StorageReader, range: Range) {
    this.#lists = listsOf(reader, range)[Symbol.asyncIterator]()
  }

  /** The entry it stands at; undefined before the first and behind the last. */
  get head(): Entry | undefined {
    return this.#list[this.#at]
  }

  /** Goes on by one; a promise only where the store is asked. */
  next(): Promise<void> | undefined {
    if (this.#at + 1 < this.#list.length) {
      this.#at++
      return undefined
    }
    return this.#nextList()
  }

  async close(): Promise<void> {
    await this.#lists.return?.()
  }

  async #nextList(): Promise<void> {
    this.#at = 0
    do {
      const { done, value } = await this.#lists.next()
      this.#list = done ? [] : value
      if (done) return
    } while (this.#list.length === 0)
  }
}

/** Entries of a range in lists, as they were read. */
export const listsOf = (reader: StorageReader, range: Range): AsyncIterable<readonly Entry[]> =>
  reader.entryLists?.(range) ?? gathered(reader.entries(range))

/** Values of a range in lists, as they were read. */
export const valueListsOf = (reader: StorageReader, range: Range): AsyncIterable<readonly Buffer[]> =>
  reader.valueLists?.(range) ?? valuesOf(listsOf(reader, range))

async function* valuesOf(lists: AsyncIterable<readonly Entry[]>): AsyncGenerator<readonly Buffer[]> {
  for await (const entries of lists) yield entries.map(([, value]) => value)
}

const gatheredAtOnce = 256

async function* gathered(entries: AsyncIterable<Entry>): AsyncGenerator<readonly Entry[]> {
  let list: Entry[] = []
  for await (const entry of entries) {
    list.push(entry)
    if (list.length < gatheredAtOnce) continue
    yield list
    list = []
  }
  if (list.length > 0) yield list
}
