/**
 * LevelDB with what is open of it, iterators and batches, in an array instead of abstract-level's `Set`.
 *
 * V8 gives a set a new table every few additions, and the table before it points to the new one and still to what it
 * held. Once a table is old enough to be collected rarely, all tables behind it live as long, and with them the bytes
 * of batches and iterators, which V8 does not count. A server under load had 100 MB of them (docs/performance.md).
 */
import { Level } from 'level'

type Resource = Parameters<Level['attachResource']>[0]

export class LevelDatabase extends Level<Buffer, Buffer> {
  readonly #resources = new Resources()
  // `level` tells only what it has in every environment; on Node it is classic-level, which has these too.
  declare compactRange: (from: Buffer, to: Buffer) => Promise<void>
  declare getProperty: (name: string) => string

  override attachResource(resource: Resource): void {
    super.attachResource(this.#resources)
    this.#resources.add(resource)
  }

  override detachResource(resource: Resource): void {
    this.#resources.delete(resource)
  }
}

/** One resource to the database: it closes all that there are when it closes. */
class Resources implements Resource {
  /** A place that is free is taken again, so that the array hardly ever grows. */
  readonly #places: (Resource | undefined)[] = []

  add(resource: Resource): void {
    const free = this.#places.indexOf(undefined)
    if (free < 0) this.#places.push(resource)
    else this.#places[free] = resource
  }

  delete(resource: Resource): void {
    const place = this.#places.indexOf(resource)
    if (place >= 0) this.#places[place] = undefined
  }

  async close(): Promise<void> {
    await Promise.all(this.#places.map((resource) => resource?.close()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
