/** What one append writes: each key once, with what the last of its events made of it. */
import type { Rows } from './codec.ts'
import { rowKey } from './layout.ts'
import type { Storage } from './storage.ts'

export class AppendWrites implements Rows {
  readonly all: { key: Buffer; value: Buffer | undefined }[] = []
  readonly #storage: Storage
  /** How many of `all` are of the events before the present one. */
  #earlier = 0

  constructor(storage: Storage) {
    this.#storage = storage
  }

  nextEvent(): void {
    this.#earlier = this.all.length
  }

  /** Of a row, as `put` and `del`. */
  get(key: Buffer): Buffer | undefined {
    const full = rowKey(key)
    const written = this.all.findLast((write) => write.key.equals(full))
    return written ? written.value : this.#storage.get(full)
  }

  put(key: Buffer, value: Buffer): void {
    this.#replace(rowKey(key), value)
  }

  del(key: Buffer): void {
    this.#replace(rowKey(key), undefined)
  }

  set(key: Buffer, value: Buffer | undefined): void {
    this.all.push({ key, value })
  }

  #replace(key: Buffer, value: Buffer | undefined): void {
    for (let i = 0; i < this.#earlier; i++) {
      const write = this.all[i]!
      if (!write.key.equals(key)) continue
      write.value = value
      return
    }
    this.set(key, value)
  }
}
