/**
 * The durable read models against a fresh fold of the events, by the projection that wrote them, and which of them are
 * others.
 *
 * A row that still names an erased person is a fault: the fold no longer knows the name.
 */
import { rangeOf } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import type { Recorded } from '../oauth/events.ts'
import { projectIndexRows, sessionOfExpiryRow, stateRow, stateRowKey } from '../projections/rows.ts'
import { bucketOf } from './entry-comparison.ts'
import { ExpectedRows } from './expected-rows.ts'
import type { Faults } from './fault.ts'
import { followLate } from './late-events.ts'
import { RowComparison } from './row-comparison.ts'
import { foldStates } from './state-fold.ts'
import { addStoredRows, rowPrefixBytes } from './stored-rows.ts'
import { type StateBefore, StreamStates } from './stream-states.ts'

export class RowCheck {
  readonly #reader: StorageReader
  readonly #comparison = new RowComparison()
  readonly #expected: ExpectedRows

  /** @param mostRecent states in memory, and up to twice as many */
  constructor(reader: StorageReader, mostRecent?: number) {
    this.#reader = reader
    this.#expected = new ExpectedRows(this.#comparison, mostRecent)
  }

  /** Takes an event that is not late; `before` is the state of its stream. */
  expect(recorded: Recorded, before: StateBefore): void {
    this.#expected.expect(recorded, before)
  }

  /** Compares with the stored rows, which must be those of just these events and the late ones, by an index that holds. */
  async finish(size: number, faults: Faults): Promise<void> {
    this.#expected.clear()
    await followLate(this.#reader, this.#comparison.fold(this.#reader), { size })
    await addStoredRows(this.#reader, rangeOf('row'), this.#comparison.entries)
    const differing = this.#comparison.entries.differing()
    if (differing.size > 0) await this.#name(differing, size, faults)
  }

  /** The second pass: folds again, keeping the rows of the buckets that differ. */
  async #name(differing: ReadonlySet<number>, size: number, faults: Faults): Promise<void> {
    const expected = new Map<string, { value: Buffer; position: number }>()
    const differs = (key: Buffer) => differing.has(bucketOf(key))
    /** Last events of the streams whose state is looked at. */
    const lastOf = new Map<string, number>()
    const states = new StreamStates(this.#reader)
    await foldStates(this.#reader, size, {
      event(recorded, before) {
        const { stream, position } = recorded
        if (differs(stateRowKey(stream))) lastOf.set(stream, position)
        projectIndexRows(recorded, before, {
          put: (key, value) =>
            void (differs(key) && expected.set(key.toString('latin1'), { value, position })),
          del: (key) => void expected.delete(key.toString('latin1')),
        })
      },
      leave(stream, loaded) {
        const position = lastOf.get(stream)
        const row = position === undefined ? undefined : stateRow(stream, loaded)
        if (row) expected.set(row[0].toString('latin1'), { value: row[1], position: position! })
      },
      recall: (stream, version) => states.at(stream, version),
    })
    for await (const [full, value] of this.#reader.entries(rangeOf('row'))) {
      const key = full.subarray(rowPrefixBytes)
      if (!differs(key)) continue
      const right = expected.get(key.toString('latin1'))
      expected.delete(key.toString('latin1'))
      if (!right) faults.add(null, 'row_unexpected', `${described(key, value)} follows from no event`)
      else if (!right.value.equals(value))
        faults.add(right.position, 'row_altered', `${described(key, right.value)} is another one`)
    }
    for (const [name, { value, position }] of expected)
      faults.add(position, 'row_missing', `${described(Buffer.from(name, 'latin1'), value)} is missing`)
  }
}

/** A row in words. A username is never told, only whose it is. */
function described(key: Buffer, value: Buffer): string {
  const rest = key.subarray(1)
  switch (key.toString('latin1', 0, 1)) {
    case 's':
      return `the state of stream ${rest.toString()}`
    case 't':
      return `the row of token hash ${rest.toString('base64url')}`
    case 'u':
      return `the username of ${value.toString()}`
    case 'e':
      return `the expiry row of session ${sessionOfExpiryRow(key).id}`
    case 'h':
      return `the history row ${rest.subarray(0, -9).toString()} of position ${rest.readUIntBE(rest.length - 6, 6)}`
    default:
      return `the row with the key ${key.toString('hex')}`
  }
}
