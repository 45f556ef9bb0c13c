/** What was used of late, in bounded memory. `quick-lru` takes three times as long for what is needed here. */
export class Recent<V> {
  readonly #most: number
  readonly #leave: ((key: string, value: V) => void) | undefined
  #recent = new Map<string, V>()
  #former = new Map<string, V>()

  /**
   * @param most are kept, and up to as many that were used before them
   * @param leave is given each that is kept no longer, unless it was deleted
   */
  constructor(most: number, leave?: (key: string, value: V) => void) {
    this.#most = most
    this.#leave = leave
  }

  get(key: string): V | undefined {
    const recent = this.#recent.get(key)
    if (recent !== undefined) return recent
    const former = this.#former.get(key)
    if (former === undefined) return undefined
    // It stands in one of the two, and nothing leaves by being asked for.
    this.#former.delete(key)
    this.#recent.set(key, former)
    return former
  }

  set(key: string, value: V): void {
    this.#recent.set(key, value)
    if (this.#recent.size < this.#most) return
    this.#leaveAll(this.#former)
    this.#former = this.#recent
    this.#recent = new Map()
  }

  delete(key: string): void {
    this.#recent.delete(key)
    this.#former.delete(key)
  }

  /** Nothing is kept any longer. */
  clear(): void {
    for (const values of [this.#former, this.#recent]) {
      this.#leaveAll(values)
      values.clear()
    }
  }

  #leaveAll(values: ReadonlyMap<string, V>): void {
    if (this.#leave) for (const [key, value] of values) this.#leave(key, value)
  }
}
