/** One record that is as it was hashed: whether it may stand where it stands. */
import { hash } from 'node:crypto'
import { decodeRecord, type EventRecord } from '../ledger/record.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import type { Event, Recorded } from '../oauth/events.ts'
import { mayBeDropped } from '../projections/retention.ts'
import { sameHash } from '../tree/hash.ts'
import type { Authority } from './authority.ts'
import type { Drops } from './drops.ts'
import type { ErasureCheck } from './erasure-check.ts'
import type { ExpectedRows } from './expected-rows.ts'
import type { Faults } from './fault.ts'
import { isLate } from './late-events.ts'
import { brokenLaw, groundless, groundOf, misplacement, type Reference, referencesOf } from './laws.ts'
import type { ErasedLock, MissingSides } from './missing-sides.ts'
import { type StateBefore, type StreamStates, unknownState } from './stream-states.ts'

export interface RecordChecks {
  /** Takes each record with its name, to be compared with the stream index. */
  index: { expect(record: Buffer, stream: string, version: number, position: number): void }
  states: StreamStates
  /** Accounts for side records that are not there. */
  missing: MissingSides
  /** What the log says was dropped. */
  drops: Drops
  /** Events that are checked elsewhere. */
  isLeftOut?: (recorded: Recorded) => boolean
  /** Both only where all events of the log are checked in order. */
  authority?: Authority
  erasures?: ErasureCheck
  /** Left out where read models are not compared. */
  rows?: Pick<ExpectedRows, 'expect'> | undefined
}

/** What is to be known of events that were checked elsewhere. */
export interface Checked {
  lastTimeMs: number
  /** Side records that are committed to and no longer there. */
  erased: number
  /** The last failed login among them. */
  lastLock: ErasedLock | undefined
}

const saltBytes = 32

export class RecordCheck {
  readonly #faults: Faults
  readonly #checks: RecordChecks
  #lastTimeMs = 0
  #erased = 0
  #hasAlteredSides = false
  #hasLate = false

  constructor(faults: Faults, checks: RecordChecks) {
    this.#faults = faults
    this.#checks = checks
  }

  /** Side records that are committed to and no longer there. */
  get erased(): number {
    return this.#erased
  }

  get hasAlteredSides(): boolean {
    return this.#hasAlteredSides
  }

  /** Whether there were events that are followed by the index. */
  get hasLate(): boolean {
    return this.#hasLate
  }

  /** Of the newest event so far. */
  get lastTimeMs(): number {
    return this.#lastTimeMs
  }

  /** Passes over events that were checked elsewhere. */
  goOn({ lastTimeMs, erased, lastLock }: Checked): void {
    this.#lastTimeMs = Math.max(this.#lastTimeMs, lastTimeMs)
    this.#erased += erased
    this.#checks.missing.goOn(lastLock)
  }

  /** @returns false where nothing can be read from the record; a promise only where the store is asked */
  check(position: number, bytes: Buffer, side: Buffer | undefined): boolean | Promise<boolean> {
    const record = this.#decode(position, bytes)
    if (!record) return false
    const { timeMs, stream, version, commitment } = record
    this.#checkKept(record, side)
    const content = this.#checkSide(record, side)
    let event: Event
    try {
      event = decodeEvent(record.type, record.body, content)
    } catch (error) {
      this.#faults.add(
        position,
        'record_undecodable',
        `the event at ${position}: ${(error as Error).message}`,
      )
      return false
    }
    this.#checkTime(position, timeMs)
    const recorded: Recorded = { position, timeMs, stream, version, event }
    if (this.#checks.isLeftOut?.(recorded)) return true
    this.#checks.index.expect(bytes, stream, version, position)
    this.#checks.authority?.check(recorded, commitment)
    const checked = this.#checkProtocol(recorded) ?? true
    if (!commitment || side || this.#checks.drops.sides.has(position)) return checked
    return this.#checkErased(recorded).then(() => checked)
  }

  async #checkErased(recorded: Recorded): Promise<void> {
    if (await this.#checks.missing.isAccountedFor(recorded)) this.#erased++
    else this.#tellMissing(recorded.position)
  }

  /** Once all events were taken. @param lastErasureMs when the last person was erased */
  finish(lastErasureMs: number | undefined): void {
    const lock = this.#checks.missing.lockNotAccountedFor(lastErasureMs)
    if (lock) this.#tellMissing(lock.position)
  }

  #tellMissing(position: number): void {
    this.#faults.add(
      position,
      'side_missing',
      `the side record of the event at ${position} is missing, and no event says why`,
    )
  }

  /** Takes a position without a record. */
  checkDropped(position: number, side: Buffer | undefined): void {
    if (side && this.#checks.drops.payloads.has(position))
      this.#faults.add(
        position,
        'drop_undone',
        `the side record at ${position} remains, though it was dropped`,
      )
  }

  /** Whether what was dropped is gone, and might go. */
  #checkKept({ position, stream }: EventRecord, side: Buffer | undefined): void {
    const { payloads, sides } = this.#checks.drops
    if (payloads.has(position))
      this.#faults.add(position, 'drop_undone', `the record at ${position} remains, though it was dropped`)
    if (!sides.has(position)) return
    if (side)
      this.#faults.add(
        position,
        'drop_undone',
        `the side record at ${position} remains, though it was dropped`,
      )
    if (!mayBeDropped(stream))
      this.#faults.add(position, 'drop_unlawful', `the side record at ${position} is of stream ${stream}`)
  }

  #decode(position: number, bytes: Buffer): EventRecord | undefined {
    let record: EventRecord
    try {
      record = decodeRecord(bytes)
    } catch (error) {
      this.#faults.add(
        position,
        'record_undecodable',
        `the event at ${position}: ${(error as Error).message}`,
      )
      return undefined
    }
    if (record.position === position) return record
    const detail = `the record at position ${position} says it is that of ${record.position}`
    this.#faults.add(position, 'record_misplaced', detail)
    return undefined
  }

  /** @returns the content of the side record, if it is the one that was committed to */
  #checkSide({ position, commitment }: EventRecord, side: Buffer | undefined): Buffer | undefined {
    if (!commitment) {
      if (side) this.#faults.add(position, 'side_unexpected')
      return undefined
    }
    if (!side) return undefined
    if (side.length >= saltBytes && sameHash(hash('sha256', side, 'buffer'), commitment))
      return side.subarray(saltBytes)
    this.#hasAlteredSides = true
    this.#faults.add(
      position,
      'side_altered',
      `the side record of the event at ${position} is not the one it commits to`,
    )
    return undefined
  }

  #checkTime(position: number, timeMs: number): void {
    const behindMs = this.#lastTimeMs - timeMs
    if (behindMs <= 0) this.#lastTimeMs = timeMs
    else
      this.#faults.add(
        position,
        'time_backwards',
        `the event at ${position} is ${behindMs} ms older than one before it`,
      )
  }

  #checkProtocol(recorded: Recorded): Promise<boolean> | undefined {
    const misplaced = misplacement(recorded.event, recorded.stream)
    if (misplaced) {
      this.#faults.add(recorded.position, 'protocol', misplaced)
      return undefined
    }
    // The rest of it is looked at stream by stream (late-events.ts).
    if (isLate(recorded)) {
      this.#hasLate = true
      return allOf(this.#checkReferences(recorded))?.then(() => true)
    }
    const before = this.#checks.states.before(recorded)
    // Nearly always it is in memory; waiting for every event would double the time.
    if (before instanceof Promise)
      return before.then(async (state) => {
        await this.#checkLaws(recorded, state)
        return true
      })
    return this.#checkLaws(recorded, before)?.then(() => true)
  }

  #checkLaws(recorded: Recorded, before: StateBefore): Promise<void> | undefined {
    const { states, rows } = this.#checks
    const { position, event } = recorded
    const broken = before === unknownState ? undefined : brokenLaw(before.state, recorded)
    if (broken) this.#faults.add(position, 'protocol', `${event.type}: ${broken}`)
    rows?.expect(recorded, before)
    states.evolve(before, recorded)
    const lookUps = this.#checkReferences(recorded)
    const { erasures } = this.#checks
    if (event.type === 'user.erased' && erasures)
      lookUps.push(erasures.check(event.subject, position, recorded.timeMs))
    const ground = before === unknownState ? undefined : groundOf(event, before.state)
    if (ground) lookUps.push(this.#checkGround(recorded, ground))
    return allOf(lookUps)
  }

  /** @returns what is to be waited for */
  #checkReferences(recorded: Recorded): Promise<void>[] {
    const lookUps: Promise<void>[] = []
    for (const reference of referencesOf(recorded.event)) {
      const stands = this.#checks.states.stands(reference, recorded.position)
      if (stands instanceof Promise) lookUps.push(stands.then((it) => this.#tell(it, recorded, reference)))
      else this.#tell(stands, recorded, reference)
    }
    return lookUps
  }

  /** Whether what the event counts by was there before it, and allows it. */
  async #checkGround({ event, position }: Recorded, { stream, version }: Reference): Promise<void> {
    const { states } = this.#checks
    const stood = version > 0 && (await states.stands({ stream, version: version - 1 }, position))
    const ground = stood ? await states.at(stream, version) : { state: undefined, version: 0 }
    const fault = ground === unknownState ? undefined : groundless(event, ground.state)
    if (fault) this.#faults.add(position, 'enrolment_terms', `${event.type}: ${fault}`)
  }

  #tell(stands: boolean, { position, event }: Recorded, { stream, version }: Reference): void {
    const isDropped = !stands && mayBeDropped(stream) && this.#checks.drops.droppedAt(stream) !== undefined
    if (!stands && !isDropped)
      this.#faults.add(
        position,
        'protocol',
        `${event.type} refers to version ${version} of ${stream}, which was not there`,
      )
  }
}

const allOf = (lookUps: readonly Promise<void>[]): Promise<void> | undefined =>
  lookUps.length > 0 ? Promise.all(lookUps).then(() => {}) : undefined
