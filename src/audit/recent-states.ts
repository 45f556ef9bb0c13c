/** States of the streams of late, in bounded memory: those that nothing has happened to for long leave it. */
import type { AnyLoaded } from '../projections/rows.ts'

/** What a state and its stream's name take is about 1 KiB. */
const mostRecent = 20_000

export class RecentStates {
  readonly #leave: (stream: string, loaded: AnyLoaded) => void
  readonly #most: number
  #recent = new Map<string, AnyLoaded>()
  #former = new Map<string, AnyLoaded>()

  /**
   * @param leave is given each state that is kept no longer
   * @param most are kept, and up to as many that came before them
   */
  constructor(leave: (stream: string, loaded: AnyLoaded) => void, most = mostRecent) {
    this.#leave = leave
    this.#most = most
  }

  get(stream: string): AnyLoaded | undefined {
    const recent = this.#recent.get(stream)
    if (recent) return recent
    const former = this.#former.get(stream)
    if (!former) return undefined
    this.#former.delete(stream)
    this.#recent.set(stream, former)
    return former
  }

  set(stream: string, loaded: AnyLoaded): void {
    this.#recent.set(stream, loaded)
    if (this.#recent.size < this.#most) return
    this.#leaveAll(this.#former)
    this.#former = this.#recent
    this.#recent = new Map()
  }

  /** It is asked for no more. */
  delete(stream: string): void {
    if (!this.#recent.delete(stream)) this.#former.delete(stream)
  }

  /** Nothing is kept any longer. */
  clear(): void {
    for (const states of [this.#former, this.#recent]) {
      this.#leaveAll(states)
      states.clear()
    }
  }

  #leaveAll(states: ReadonlyMap<string, AnyLoaded>): void {
    for (const [stream, loaded] of states) this.#leave(stream, loaded)
  }
}
