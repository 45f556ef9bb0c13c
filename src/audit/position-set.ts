import type { PositionRun } from '../oauth/dropped-positions.ts'

/** Positions of one piece. */
const pieceSize = 1 << 16

/** A set of positions, a bit each where there are any nearby. */
export class PositionSet {
  readonly #pieces = new Map<number, Uint8Array>()
  #count = 0

  get count(): number {
    return this.#count
  }

  add({ from, to }: PositionRun): void {
    for (let position = from; position < to; position++) {
      const number = Math.floor(position / pieceSize)
      let piece = this.#pieces.get(number)
      if (!piece) {
        piece = new Uint8Array(pieceSize / 8)
        this.#pieces.set(number, piece)
      }
      const at = position % pieceSize
      const bit = 1 << (at & 7)
      if (!(piece[at >> 3]! & bit)) this.#count++
      piece[at >> 3]! |= bit
    }
  }

  has(position: number): boolean {
    const piece = this.#pieces.get(Math.floor(position / pieceSize))
    const at = position % pieceSize
    return piece !== undefined && (piece[at >> 3]! & (1 << (at & 7))) !== 0
  }

  hasSome({ from, to }: PositionRun): boolean {
    for (let position = from; position < to; position++) if (this.has(position)) return true
    return false
  }
}
