/**
 * What retention dropped of the range of a bundle. A record is missing exactly where an event of the covering tree names
 * its position; what such an event says is held against what is left, as in a live ledger (drops.ts).
 */
import type { PositionRun } from '../oauth/dropped-positions.ts'
import type { Recorded } from '../oauth/events.ts'
import { dropFault } from '../oauth/retention.ts'
import { type Drop, Drops, earlyDrop } from './drops.ts'
import { Faults } from './fault.ts'
import { misplacement } from './laws.ts'
import type { Stations } from './stations.ts'

export class BundleDrops {
  readonly #range: PositionRun
  readonly #faults: Faults
  #drops = new Drops()
  /** Those that are still to be held against older records, by the position behind the last that went. */
  #waiting: Drop[] = []
  #newestMs = Number.NEGATIVE_INFINITY
  #count = 0

  /** @param faults hears of what is found at positions of the range */
  constructor(range: PositionRun, faults: Faults) {
    this.#range = range
    this.#faults = faults
  }

  /** Records that are not there. */
  get count(): number {
    return this.#count
  }

  /** Where the last event stands that says that the stream was dropped; undefined where none does. */
  droppedAt(stream: string): number | undefined {
    return this.#drops.droppedAt(stream)
  }

  /** @param events of the covering tree, in the order of the log @throws RangeError where one cannot be believed */
  async read(events: AsyncIterable<Recorded>): Promise<void> {
    const faults = new Faults(1)
    const drops = await Drops.of(lawful(events), faults, this.#range)
    for (const { detail } of faults.sorted()) throw new RangeError(detail)
    const idle = drops.all.find(({ count }) => count === 0)
    if (idle) throw new RangeError(`the event at ${idle.position} dropped nothing of this range`)
    if (drops.all.length === 0) throw new RangeError('it says of nothing that it was dropped')
    this.#drops = drops
    this.#waiting = drops.all.toSorted((a, b) => b.to - a.to)
  }

  /** Takes a record that is there. */
  keep({ position, stream, timeMs }: Recorded): void {
    if (this.#drops.payloads.has(position))
      this.#faults.add(position, 'drop_undone', 'the record is there, though it was dropped')
    const droppedAt = this.#drops.droppedBehind(stream, position)
    if (droppedAt !== undefined)
      this.#faults.add(
        position,
        'drop_partial',
        `stream ${stream} was dropped at ${droppedAt}, but not all of it`,
      )
    this.#checkAges(position)
    this.#newestMs = timeMs
  }

  /** Takes a position without a record. */
  pass(position: number): void {
    this.#count++
    if (!this.#drops.payloads.has(position))
      this.#faults.add(
        position,
        'record_missing',
        'there is no record, and no event says that it was dropped',
      )
  }

  /** Takes the end of the range. */
  end(): void {
    this.#checkAges(Number.POSITIVE_INFINITY)
  }

  /** Takes what holds as a whole. */
  finish(stations: Stations): void {
    if (this.#count === 0) return
    for (const ageSeconds of new Set(this.#drops.all.map((drop) => drop.ageSeconds))) {
      const drops = this.#drops.all.filter((drop) => drop.ageSeconds === ageSeconds)
      const count = drops.reduce((sum, drop) => sum + drop.count, 0)
      stations.proved(
        'inclusion',
        'bundle',
        `the leaf hashes of ${count} records that were dropped by policy, ${ageSeconds} s after they were over, as ${namesOf(drops)}`,
      )
    }
    stations.notProved('record', 'bundle', `what stood in the ${this.#count} records that were dropped`)
    stations.notProved('protocol', 'bundle', 'that the streams which were dropped kept to the laws')
  }

  /** Times never run backwards: the last record before a position is the newest. */
  #checkAges(position: number): void {
    for (let drop = this.#waiting.at(-1); drop && drop.to <= position; drop = this.#waiting.at(-1)) {
      const early = earlyDrop(drop, this.#newestMs)
      if (early) this.#faults.add(drop.position, 'drop_early', early)
      this.#waiting.pop()
    }
  }
}

async function* lawful(events: AsyncIterable<Recorded>): AsyncGenerator<Recorded> {
  let last = -1
  for await (const recorded of events) {
    const { event, stream, position } = recorded
    if (event.type !== 'payloads.dropped') throw new RangeError(`the event at ${position} drops no records`)
    const fault = misplacement(event, stream) ?? dropFault(event)
    if (fault) throw new RangeError(`the event at ${position}: ${fault}`)
    if (position <= last)
      throw new RangeError(`the event at ${position} does not stand behind that at ${last}`)
    last = position
    yield recorded
  }
}

function namesOf(drops: readonly Drop[]): string {
  const [first, last] = [drops[0]!.position, drops.at(-1)!.position]
  return first === last
    ? `the event at position ${first} says`
    : `${drops.length} events from position ${first} to ${last} say`
}
