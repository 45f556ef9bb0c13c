/** Many writes into a store of one's own: a batch is filled while the one before is being written. */
import type { Storage, StorageBatch } from '../ledger/storage.ts'

export class BehindWriter {
  readonly #storage: Storage
  readonly #bytesAtOnce: number
  #batch: StorageBatch
  #bytes = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(storage: Storage, bytesAtOnce: number) {
    this.#storage = storage
    this.#bytesAtOnce = bytesAtOnce
    this.#batch = storage.batch()
  }

  put(key: Buffer, value: Buffer): void {
    this.#batch.put(key, value)
    this.#bytes += key.length + value.length
  }

  del(key: Buffer): void {
    this.#batch.del(key)
    this.#bytes += key.length
  }

  /** Whether the batch is as large as it should become: then `next` is to be called. */
  get isFull(): boolean {
    return this.#bytes >= this.#bytesAtOnce
  }

  /** Begins to write the batch, once the one before is written. */
  async next(): Promise<void> {
    await this.#writing
    this.#writing = this.#batch.write()
    // Whoever waits for it next hears of it.
    this.#writing.catch(() => {})
    this.#batch = this.#storage.batch()
    this.#bytes = 0
  }

  async finish(): Promise<void> {
    await this.next()
    await this.#writing
  }
}
