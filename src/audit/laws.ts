/**
 * The laws of the protocol, as an auditor holds them against the log: what may follow on what in a stream.
 * They are stated here once more, apart from the code that decides, so that a fault there is seen here. A file a
 * family of events, as in `src/oauth/events`.
 */
import type { EventOf, EventType, Recorded } from '../oauth/events.ts'
import { kindOfStream } from '../projections/rows.ts'
import type { States, StreamKind } from '../projections/state-codec.ts'
import { clientLaws } from './laws/client.ts'
import { grantLaws } from './laws/grant.ts'
import type { Law, Reference } from './laws/law.ts'
import { retentionLaws } from './laws/retention.ts'
import { serverLaws } from './laws/server.ts'
import { sessionLaws } from './laws/session.ts'
import { userLaws } from './laws/user.ts'

export type { Reference } from './laws/law.ts'

const lawsByType = {
  ...serverLaws,
  ...retentionLaws,
  ...clientLaws,
  ...userLaws,
  ...sessionLaws,
  ...grantLaws,
} satisfies Record<EventType, unknown>
/** Each with an event and a state that are its own: whoever asks has looked at the kind of the stream. */
const laws = lawsByType as unknown as Readonly<Record<EventType, Law<EventType, StreamKind>>>

/** What is wrong with the event's stream, whatever its state. */
export function misplacement(event: EventOf<EventType>, stream: string): string | undefined {
  const { kind, stream: expected } = laws[event.type]
  if (kindOfStream(stream) !== kind) return `${event.type} does not belong into stream ${stream}`
  if (expected && expected(event) !== stream)
    return `${event.type} of ${expected(event)} stands in stream ${stream}`
  return undefined
}

/** Which law the event breaks in the state it was appended to. */
export const brokenLaw = (
  state: States[StreamKind] | undefined,
  { event, timeMs }: Recorded,
): string | undefined => laws[event.type].broken?.(state, event as never, timeMs)

/** What the event counts by, where that is another stream. */
export const groundOf = (
  event: EventOf<EventType>,
  state: States[StreamKind] | undefined,
): Reference | undefined => laws[event.type].ground?.(event, state)

export const groundless = (
  event: EventOf<EventType>,
  ground: States[StreamKind] | undefined,
): string | undefined => laws[event.type].groundless?.(event, ground)

export const referencesOf = (event: EventOf<EventType>): Reference[] =>
  laws[event.type].references?.(event) ?? noReferences
const noReferences: Reference[] = []
