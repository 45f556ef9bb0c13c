/**
 * The index by time against the states of grants and sessions, which have been compared with the events before: each has
 * its rows and there are no others, in constant memory. An index that lags is right as far as its place says. Of what it
 * holds for valid now, the state tells whether it says enough; what was over by then has exactly one form.
 */
import { annexKey, decodePosition, eventKey, rangeOf, rowKey } from '../ledger/layout.ts'
import { readRecords } from '../ledger/reader.ts'
import { decodeRecord, recordTime } from '../ledger/record.ts'
import type { Entry, StorageReader } from '../ledger/storage.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import {
  isNote,
  type LifeRow,
  lifeRows,
  lifetimeOf,
  lifetimesPlace,
  readLifeRow,
} from '../projections/lifetimes.ts'
import { decodeLoaded, kindOfStream, stateRowKey } from '../projections/rows.ts'
import { bucketOf, EntryComparison } from './entry-comparison.ts'
import { listsOf } from './entry-cursor.ts'
import type { Faults } from './fault.ts'

/** @param size of the log, which does not grow meanwhile */
export async function checkLifetimes(reader: StorageReader, size: number, faults: Faults): Promise<void> {
  const stored = await reader.get(annexKey(lifetimesPlace))
  const place = stored?.length === 8 ? decodePosition(stored) : 0
  if (place > size) {
    faults.add(null, 'lifetime_unexpected', 'the index by time goes on behind the end of the log')
    return
  }
  await new LifetimeCheck(reader, size, place, faults).run()
}

class LifetimeCheck {
  readonly #reader: StorageReader
  readonly #size: number
  readonly #place: number
  readonly #faults: Faults
  /** Time of the last event that the index knows of. */
  #knownMs = 0

  constructor(reader: StorageReader, size: number, place: number, faults: Faults) {
    this.#reader = reader
    this.#size = size
    this.#place = place
    this.#faults = faults
  }

  async run(): Promise<void> {
    // The last record that was not dropped: of what may be over since, less is asked.
    const last = { gte: eventKey(0), lt: eventKey(this.#place), reverse: true, limit: 1 }
    for await (const [, bytes] of this.#reader.entries(last)) this.#knownMs = recordTime(bytes)
    const comparison = new EntryComparison()
    await this.#eachExpected(
      ([key, value]) => comparison.expect(key, value),
      ([key, value]) => comparison.unexpect(key, value),
    )
    for await (const [[key, value]] of this.#found()) comparison.found(key, value)
    const differing = comparison.differing()
    if (differing.size > 0) await this.#name(differing)
  }

  /** The second pass: names the streams in the buckets that differ. */
  async #name(differing: ReadonlySet<number>): Promise<void> {
    const expected = new Map<string, string>()
    const nameOf = ([key, value]: Entry) => `${key.toString('latin1')}\0${value.toString('latin1')}`
    const isMeant = ([key]: Entry) => differing.has(bucketOf(key))
    await this.#eachExpected(
      (row, stream) => isMeant(row) && expected.set(nameOf(row), stream),
      (row) => isMeant(row) && expected.delete(nameOf(row)),
    )
    for await (const [row, stream] of this.#found())
      if (isMeant(row) && !expected.delete(nameOf(row)))
        this.#faults.add(
          null,
          'lifetime_unexpected',
          `the index by time has a row of ${stream} that is not right`,
        )
    for (const stream of new Set(expected.values()))
      this.#faults.add(null, 'lifetime_missing', `the index by time does not lead to ${stream}`)
  }

  /** The rows of all that began before the place, as they are once it is over. */
  async #eachExpected(
    take: (row: Entry, stream: string) => void,
    takeBack: (row: Entry) => void,
  ): Promise<void> {
    if (this.#place === 0) return
    for (const kind of ['grant:', 'session:']) {
      const gte = rowKey(stateRowKey(kind))
      const range = { gte, lt: Buffer.concat([gte, Buffer.of(0xff)]) }
      for await (const entries of listsOf(this.#reader, range))
        for (const [key, value] of entries) {
          const stream = key.toString('utf8', 2)
          for (const row of wholeRows(stream, value)) take(row, stream)
        }
    }
    for await (const [, bytes] of readRecords(this.#reader, this.#place, this.#size)) {
      const { stream, type, body } = decodeRecord(bytes)
      const event = decodeEvent(type, body)
      if (event.type !== 'token.issued' && event.type !== 'session.started') continue
      for (const row of wholeRows(stream, await this.#state(stream))) takeBack(row)
    }
  }

  /** What there is, each row as it is once its stream is over, where what it says now is enough. */
  async *#found(): AsyncGenerator<[row: Entry, stream: string]> {
    for await (const entries of listsOf(this.#reader, rangeOf('life')))
      for (const entry of entries) {
        if (isNote(entry[0])) continue
        const row = readLifeRow(entry)
        if (!row) yield [entry, `key ${entry[0].toString('hex')}`]
        else yield [(await this.#whole(row)) ?? entry, row.stream]
      }
  }

  /** Undefined for a row that is over, and for one that says less than the state. */
  async #whole(row: LifeRow): Promise<Entry | undefined> {
    if (row.endSeconds * 1000 <= this.#knownMs) return undefined
    for (const entry of wholeRows(row.stream, await this.#state(row.stream))) {
      const whole = readLifeRow(entry)
      const isSame =
        whole?.kind === row.kind && whole.owner === row.owner && whole.startSeconds === row.startSeconds
      if (isSame && whole.endSeconds <= row.endSeconds) return entry
    }
    return undefined
  }

  async #state(stream: string): Promise<Buffer | undefined> {
    return this.#reader.get(rowKey(stateRowKey(stream)))
  }
}

function wholeRows(stream: string, state: Buffer | undefined): Entry[] {
  const life = lifetimeOf(stream, decodeLoaded(kindOfStream(stream), state).state)
  return life ? lifeRows(life, life.endSeconds) : []
}
