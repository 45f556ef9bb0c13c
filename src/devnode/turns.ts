/**
 * Lets one thing happen after the other: a block is connected, a transaction accepted or a question answered
 * entirely before the next begins, so that nobody sees a state between two.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `action` behind everything asked for before; its failure does not stop those behind it. */
  take<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(action)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
