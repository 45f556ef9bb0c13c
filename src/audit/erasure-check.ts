/**
 * Whether an erased user's side records are gone. Failed logins lie under a keyed hash of the name, which an auditor
 * does not have: theirs are not looked for.
 *
 * An erasure that was cut off is no fault but unfinished: the next start of the server goes on with it.
 */
import { annexKey, sideKey } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { erasingPrefix, personalSides } from '../projections/personal-sides.ts'
import type { Faults } from './fault.ts'

export class ErasureCheck {
  readonly #reader: StorageReader
  readonly #faults: Faults
  #unfinished = 0
  #lastMs: number | undefined

  constructor(reader: StorageReader, faults: Faults) {
    this.#reader = reader
    this.#faults = faults
  }

  /** Erasures that are noted as being under way. */
  get unfinished(): number {
    return this.#unfinished
  }

  /** When the last one was; undefined where there was none. */
  get lastMs(): number | undefined {
    return this.#lastMs
  }

  /** Takes an erasure that stands in the log. */
  async check(subject: string, erasedAt: number, timeMs: number): Promise<void> {
    this.#lastMs = timeMs
    const remaining: number[] = []
    for (const position of await this.#positions(subject))
      if (await this.#reader.get(sideKey(position))) remaining.push(position)
    if (await this.#reader.get(annexKey(erasingPrefix + subject))) this.#unfinished++
    else
      for (const position of remaining)
        this.#faults.add(
          position,
          'side_unerased',
          `the side record of the event at ${position} remains, though ${subject} was erased at ${erasedAt}`,
        )
  }

  /** None where a record is damaged, which is a fault of its own. */
  async #positions(subject: string): Promise<number[]> {
    return personalSides(this.#reader, subject).catch(() => [])
  }
}
