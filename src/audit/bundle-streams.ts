/**
 * The streams of a range, as far as it tells: versions without gaps, and the laws of the protocol. What began before
 * the range is followed from the first event in it; its state is not known.
 */
import QuickLRU from 'quick-lru'
import type { Event, Recorded } from '../oauth/events.ts'
import { mayBeDropped } from '../projections/retention.ts'
import { evolveLoaded, kindOfStream } from '../projections/rows.ts'
import type { Faults } from './fault.ts'
import { brokenLaw, groundless, groundOf, misplacement, type Reference, referencesOf } from './laws.ts'
import type { Stations } from './stations.ts'
import { noEvents, type StateBefore, unknownState } from './stream-states.ts'

interface FollowedStream {
  version: number
  after: StateBefore
}

export interface BundleStreamsOptions {
  /** Streams that are kept at a time. */
  most?: number
  /** Where the last event stands that says that a stream was dropped; undefined where none does. */
  droppedAt?: (stream: string) => number | undefined
}

/** Some 100 MB of states at most. */
const keptStreams = 100_000
/** Invitations as they were after each of their uses; they share their terms. */
const keptGrounds = 100_000

export class BundleStreams {
  readonly #from: number
  readonly #faults: Faults
  readonly #droppedAt: (stream: string) => number | undefined
  readonly #streams: QuickLRU<string, FollowedStream>
  /** What registrations count by: the state of an invitation after so many of its events. */
  readonly #grounds = new QuickLRU<string, StateBefore>({ maxSize: keptGrounds })
  #older = 0
  #groundsUnknown = 0
  #events = 0
  #hasForgotten = false

  constructor(
    from: number,
    faults: Faults,
    { most = keptStreams, droppedAt = () => undefined }: BundleStreamsOptions = {},
  ) {
    this.#from = from
    this.#faults = faults
    this.#droppedAt = droppedAt
    this.#streams = new QuickLRU<string, FollowedStream>({
      maxSize: most,
      onEviction: () => {
        this.#hasForgotten = true
      },
    })
  }

  check(recorded: Recorded): void {
    const { event, stream, version, position } = recorded
    this.#events++
    const misplaced = misplacement(event, stream)
    if (misplaced) this.#faults.add(position, 'protocol', misplaced)
    const before = this.#before(recorded)
    const broken = misplaced || before === unknownState ? undefined : brokenLaw(before.state, recorded)
    if (broken) this.#faults.add(position, 'protocol', `${event.type}: ${broken}`)
    this.#checkReferences(event, position)
    const ground = before === unknownState ? undefined : groundOf(event, before.state)
    if (ground) this.#checkGround(recorded, ground)
    const isFollowed = !misplaced && before !== unknownState
    const after = isFollowed ? evolveLoaded(kindOfStream(stream), before, recorded) : unknownState
    this.#streams.set(stream, { version, after })
    if (kindOfStream(stream) === 'invitation') this.#grounds.set(`${stream}\0${version + 1}`, after)
  }

  finish(stations: Stations): void {
    stations.proved('protocol', 'bundle', `${this.#events} events, in the order of their streams`)
    if (this.#older > 0)
      stations.notProved(
        'protocol',
        'bundle',
        `that ${this.#older} streams which began before position ${this.#from} kept to the laws: their beginnings are not in it`,
      )
    if (this.#groundsUnknown > 0)
      stations.notProved(
        'protocol',
        'bundle',
        `that ${this.#groundsUnknown} registrations kept to the terms of their invitations: these are not in it`,
      )
    if (this.#hasForgotten)
      stations.notProved(
        'protocol',
        'bundle',
        'the laws between events of one stream that lie very far apart: there are too many streams',
      )
  }

  /** Every stream of the range is followed from its beginning. */
  get #isWhole(): boolean {
    return this.#from === 0 && !this.#hasForgotten
  }

  #before({ stream, version, position }: Recorded): StateBefore {
    const followed = this.#streams.get(stream)
    if (!followed && version === 0) return noEvents
    if (followed?.version === version - 1) return followed.after
    if (followed)
      this.#faults.add(
        position,
        'stream_version',
        `version ${version} of ${stream} follows on version ${followed.version}`,
      )
    else if (this.#isWhole)
      this.#faults.add(position, 'stream_version', `${stream} begins with version ${version}`)
    else this.#older++
    return unknownState
  }

  #checkReferences(event: Event, position: number): void {
    for (const { stream, version } of referencesOf(event)) {
      const followed = this.#streams.get(stream)
      if (followed ? followed.version >= version : !this.#isWhole) continue
      if (mayBeDropped(stream) && this.#droppedAt(stream) !== undefined) continue
      this.#faults.add(
        position,
        'protocol',
        `${event.type} refers to version ${version} of ${stream}, which was not there`,
      )
    }
  }

  /** Whether what the event counts by allows it, where the range tells. */
  #checkGround({ event, position }: Recorded, { stream, version }: Reference): void {
    const stood = this.#grounds.get(`${stream}\0${version}`)
    const followed = this.#streams.get(stream)
    const isMissing = version === 0 || (followed ? followed.version + 1 < version : this.#isWhole)
    if (stood === unknownState || (!stood && !isMissing)) {
      this.#groundsUnknown++
      return
    }
    const fault = groundless(event, stood?.state)
    if (fault) this.#faults.add(position, 'enrolment_terms', `${event.type}: ${fault}`)
  }
}
