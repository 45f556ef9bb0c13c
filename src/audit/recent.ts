/** What was used of late, in bounded memory. `quick-lru` takes three times as long for what is needed here. */
export class Recent<V> {
  readonly #most: number
  #recent = new Map<string, V>()
  #former = new Map<string, V>()

  /** @param most are kept, and up to as many that were used before them */
  constructor(most: number) {
    this.#most = most
  }

  get(key: string): V | undefined {
    const recent = this.#recent.get(key)
    if (recent !== undefined) return recent
    const former = this.#former.get(key)
    if (former !== undefined) this.set(key, former)
    return former
  }

  set(key: string, value: V): void {
    this.#recent.set(key, value)
    if (this.#recent.size < this.#most) return
    this.#former = this.#recent
    this.#recent = new Map()
  }

  delete(key: string): void {
    this.#recent.delete(key)
    this.#former.delete(key)
  }
}
