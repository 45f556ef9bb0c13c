/** What was said about the log at one tree size, read along with the log. */
export interface Sized {
  /** Number of events that it covers. */
  size: number
}

/** Takes items, ordered by size, as far as the log has come. */
export class BySize<T extends Sized> {
  readonly #items: AsyncIterator<T>
  #head: T | undefined
  #hasBegun = false

  constructor(items: AsyncIterable<T>) {
    this.#items = items[Symbol.asyncIterator]()
  }

  /** The items not taken yet of at most this size. */
  async upTo(size: number): Promise<T[]> {
    if (!this.#hasBegun) await this.#next()
    const taken: T[] = []
    while (this.#head && this.#head.size <= size) {
      taken.push(this.#head)
      await this.#next()
    }
    return taken
  }

  async close(): Promise<void> {
    await this.#items.return?.()
  }

  async #next(): Promise<void> {
    this.#hasBegun = true
    const { done, value } = await this.#items.next()
    this.#head = done ? undefined : value
  }
}
