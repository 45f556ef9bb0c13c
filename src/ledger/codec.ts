/** How a ledger of one domain's events is told what they are: the ledger itself knows nothing of them. */
export interface EncodedForRecord {
  code: number
  body: Buffer
  /** Content of the side record. */
  side?: Buffer
}

export interface EventCodec<E> {
  encode(event: E): EncodedForRecord
  /** @throws RangeError for an unknown type or a malformed body */
  decode(code: number, body: Uint8Array, side?: Uint8Array): E
}

export interface RecordedEvent<E> {
  position: number
  timeMs: number
  stream: string
  version: number
  event: E
}

/** Rows of the durable read models, as a projection sees them: its own writes of this append, then the disk. */
export interface Rows {
  get(key: Buffer): Buffer | undefined
  put(key: Buffer, value: Buffer): void
  del(key: Buffer): void
}

/**
 * Writes the rows that follow from an event. Pure but for `rows`: replay runs the same code.
 *
 * @param before what this projection came to for the event before it in the stream, where the caller has it: it need
 * not be read again
 * @returns what is to be handed in with the stream's next event; the ledger knows nothing of it
 */
export type Projection<E> = (recorded: RecordedEvent<E>, rows: Rows, before?: unknown) => unknown
