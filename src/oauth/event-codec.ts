/** Events to record bodies and back; docs/formats.md gives the bytes. */
import { type Event, type EventType, eventLayouts } from './events.ts'
import { type PositionalCodec, positionalCodec } from './positional-codec.ts'

export interface EncodedEvent {
  code: number
  body: Buffer
  /** Content of the erasable side record, where the type has one. */
  side?: Buffer
}

interface TypeCodec {
  type: EventType
  code: number
  body: PositionalCodec
  side?: PositionalCodec
  /** The body without its signature. */
  signed: PositionalCodec
}

const byType = new Map<EventType, TypeCodec>()
const byCode = new Map<number, TypeCodec>()
for (const [type, { code, fields, side }] of Object.entries(eventLayouts) as [
  EventType,
  (typeof eventLayouts)[EventType],
][]) {
  const codec: TypeCodec = {
    type,
    code,
    body: positionalCodec(fields),
    ...(side && { side: positionalCodec(side) }),
    signed: positionalCodec(fields.filter((field) => field !== 'signature')),
  }
  byType.set(type, codec)
  byCode.set(code, codec)
}

/** Encodes an event into the body that is hashed and the side record that is not. */
export function encodeEvent(event: Event): EncodedEvent {
  const codec = byType.get(event.type)!
  const body = codec.body.encode(event)
  return codec.side && 'side' in event
    ? { code: codec.code, body, side: codec.side.encode(event.side) }
    : { code: codec.code, body }
}

/**
 * Restores an event. Where the side record was erased, `side` comes back empty: the fold must live with it.
 *
 * @throws RangeError for a type this version does not know
 */
export function decodeEvent(code: number, body: Uint8Array, side?: Uint8Array): Event {
  const codec = byCode.get(code)
  if (!codec) throw new RangeError(`event type ${code} is not known to this version`)
  const event = codec.body.decode(body, codec.type)
  if (codec.side) event.side = side ? codec.side.decode(side) : {}
  return event as unknown as Event
}

/** The body without its signature: what the signer signed. */
export function encodeSignedPart(event: Event): Buffer {
  return byType.get(event.type)!.signed.encode(event)
}
