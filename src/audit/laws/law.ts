/** What one law of the protocol is, and what several rest on. */
import type { Client } from '../../oauth/client.ts'
import { type EventOf, type EventType, streamOf } from '../../oauth/events.ts'
import type { User } from '../../oauth/user.ts'
import type { States, StreamKind } from '../../projections/state-codec.ts'

/** What an event rests on in another stream: an event of that stream must stand before it. */
export interface Reference {
  stream: string
  version: number
}

export interface Law<T extends EventType, K extends StreamKind> {
  kind: K
  /** The one stream this event can stand in; undefined where its name is random. */
  stream?: (event: EventOf<T>) => string
  /** What is wrong with the event in this state, or undefined. */
  broken?: (state: States[K] | undefined, event: EventOf<T>, timeMs: number) => string | undefined
  references?: (event: EventOf<T>) => Reference[]
  /** What the event counts by: the other stream, and how many of its events there were. */
  ground?: (event: EventOf<T>, state: States[K] | undefined) => Reference | undefined
  /** What is wrong with the event by the state of that stream. */
  groundless?: (event: EventOf<T>, ground: States[StreamKind] | undefined) => string | undefined
}

/** One for each event of a family. */
export type Laws<Events> = {
  readonly [T in keyof Events & EventType]: { [K in StreamKind]: Law<T, K> }[StreamKind]
}

export const firstOfItsStream = (state: unknown): string | undefined =>
  state ? 'the stream has begun before' : undefined

export const isNotThere = (state: Client | User | undefined, what: string): string | undefined =>
  !state || state.removed ? `${what} was not there` : undefined

export const clientOf = ({
  clientId,
  clientVersion,
}: {
  clientId: string
  clientVersion: number
}): Reference => ({
  stream: streamOf.client(clientId),
  version: clientVersion,
})

export const userOf = (subject: string): Reference => ({ stream: streamOf.user(subject), version: 0 })

export const sessionOf = (id: string): Reference => ({ stream: streamOf.session(id), version: 0 })
