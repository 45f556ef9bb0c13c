/**
 * The rows that follow from events as they are gone through, in bounded memory. What a stream's state comes to counts once
 * the stream leaves the memory; where it goes on after all, that is taken back. So events may be gone through in parts
 * and by several: each step of a stream is counted where it is taken.
 */
import type { Recorded } from '../oauth/events.ts'
import { RecentStates } from './recent-states.ts'
import type { RowComparison } from './row-comparison.ts'
import { type StateBefore, unknownState } from './stream-states.ts'

export class ExpectedRows {
  readonly #comparison: RowComparison
  readonly #states: RecentStates

  /** @param mostRecent states in memory, and up to twice as many */
  constructor(comparison: RowComparison, mostRecent?: number) {
    this.#comparison = comparison
    this.#states = new RecentStates((stream, loaded) => comparison.leave(stream, loaded), mostRecent)
  }

  /** Takes an event that is not late; `before` is the state of its stream. */
  expect(recorded: Recorded, before: StateBefore): void {
    if (before === unknownState) return
    const { stream, version } = recorded
    const known = version > 0 ? this.#states.get(stream) : undefined
    if (version > 0 && known?.version !== version) {
      // Steps in between were taken elsewhere.
      if (known) this.#comparison.leave(stream, known)
      this.#comparison.takeBack(stream, before)
    }
    this.#comparison.event(recorded, before)
    this.#states.evolve(before, recorded)
  }

  /** All streams leave. */
  clear(): void {
    this.#states.clear()
  }
}
