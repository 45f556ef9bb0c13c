/**
 * The durable read models against a fresh fold of the events, by the projection that wrote them, in the memory
 * of `StreamStates` and one `EntryComparison`.
 *
 * A row that still names an erased person is a fault: the fold no longer knows the name.
 */
import type { Rows } from '../ledger/codec.ts'
import { rangeOf } from '../ledger/layout.ts'
import { readEvents } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import type { Event, Recorded } from '../oauth/events.ts'
import {
  encodeLoaded,
  kindOfStream,
  projectRows,
  sessionOfExpiryRow,
  stateRowKey,
} from '../projections/rows.ts'
import { bucketOf, type Comparison, EntryComparison } from './entry-comparison.ts'
import { listsOf } from './entry-cursor.ts'
import type { Faults } from './fault.ts'
import { type StateBefore, StreamStates, unknownState } from './stream-states.ts'

const codec = { encode: encodeEvent, decode: decodeEvent }
const rowPrefixBytes = 1

interface RowChanges {
  put(key: Buffer, value: Buffer, replaced: Buffer | undefined): void
  del(key: Buffer, value: Buffer): void
}

/** The rows that one event changes. */
function changesOf(recorded: Recorded, before: StateBefore, changes: RowChanges): void {
  if (before === unknownState) return
  const { event, stream } = recorded
  const stateKey = stateRowKey(stream)
  const present = () =>
    before.state && encodeLoaded<never>(kindOfStream(stream) as never, before.state as never, before.version)
  const rows: Rows = {
    get: (key) => {
      if (!key.equals(stateKey)) throw new Error('a projection reads a row that verification does not keep')
      return present()
    },
    put: (key, value) => changes.put(key, value, key.equals(stateKey) ? present() : undefined),
    // Rows that are taken away: that of a username, which holds the subject, and that of a session's expiry.
    del: (key) => changes.del(key, Buffer.from(subjectOf(event))),
  }
  projectRows(recorded, rows, before)
}

const subjectOf = (event: Event): string =>
  event.type.startsWith('user.') && 'subject' in event ? (event.subject ?? '') : ''

export class RowCheck {
  readonly #reader: StorageReader
  readonly #comparison: Comparison

  constructor(reader: StorageReader, comparison: Comparison = new EntryComparison()) {
    this.#reader = reader
    this.#comparison = comparison
  }

  /** Where what was expected is still on its way: to be waited for now and then. */
  relieved(): Promise<void> | undefined {
    return this.#comparison.relieved?.()
  }

  /** Takes an event; `before` is the state of its stream. */
  expect(recorded: Recorded, before: StateBefore): void {
    changesOf(recorded, before, {
      put: (key, value, replaced) => {
        if (replaced) this.#comparison.unexpect(key, replaced)
        this.#comparison.expect(key, value)
      },
      del: (key, value) => this.#comparison.unexpect(key, value),
    })
  }

  /** Compares with the stored rows, which must be those of just these events. */
  async finish(size: number, faults: Faults): Promise<void> {
    for await (const entries of listsOf(this.#reader, rangeOf('row'))) {
      for (const [key, value] of entries) this.#comparison.found(key.subarray(rowPrefixBytes), value)
      await this.relieved()
    }
    const differing = await this.#comparison.differing()
    if (differing.size > 0) await this.#name(differing, size, faults)
  }

  /** The second pass: folds again, keeping the rows of the buckets that differ. */
  async #name(differing: ReadonlySet<number>, size: number, faults: Faults): Promise<void> {
    const expected = new Map<string, { value: Buffer; position: number }>()
    const states = new StreamStates(this.#reader)
    for await (const recorded of readEvents(this.#reader, codec, 0, size)) {
      const before = await states.before(recorded)
      const { position } = recorded
      changesOf(recorded, before, {
        put: (key, value) => {
          if (differing.has(bucketOf(key))) expected.set(key.toString('latin1'), { value, position })
        },
        del: (key) => expected.delete(key.toString('latin1')),
      })
      states.evolve(before, recorded)
    }
    for await (const [full, value] of this.#reader.entries(rangeOf('row'))) {
      const key = full.subarray(rowPrefixBytes)
      if (!differing.has(bucketOf(key))) continue
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
