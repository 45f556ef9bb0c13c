/** States of the streams of late, in bounded memory: those that nothing has happened to for long leave it. */
import type { Recorded } from '../oauth/events.ts'
import { type AnyLoaded, evolveLoaded, kindOfStream } from '../projections/rows.ts'
import { Recent } from './recent.ts'
import { mayGoOn } from './stream-states.ts'

/** What a state and its stream's name take is about 1 KiB. */
const mostRecent = 20_000

export class RecentStates {
  readonly #leave: (stream: string, loaded: AnyLoaded) => void
  readonly #recent: Recent<AnyLoaded>

  /**
   * @param leave is given each state that is kept no longer
   * @param most are kept, and up to as many that came before them
   */
  constructor(leave: (stream: string, loaded: AnyLoaded) => void, most = mostRecent) {
    this.#leave = leave
    this.#recent = new Recent(most, leave)
  }

  get(stream: string): AnyLoaded | undefined {
    return this.#recent.get(stream)
  }

  /** Goes on by one event; a stream that is over leaves at once. */
  evolve(before: AnyLoaded, recorded: Recorded): void {
    const { stream, version } = recorded
    const after = evolveLoaded(kindOfStream(stream), before, recorded)
    if (mayGoOn(recorded)) this.#recent.set(stream, after)
    else {
      if (version > 0) this.#recent.delete(stream)
      this.#leave(stream, after)
    }
  }

  /** Nothing is kept any longer. */
  clear(): void {
    this.#recent.clear()
  }
}
