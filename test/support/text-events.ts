/** The simplest domain a ledger can have: events that are texts. */
import type { EventCodec, Projection } from '../../src/ledger/codec.ts'

export interface TextEvent {
  text: string
  side?: string
}

export const textCodec: EventCodec<TextEvent> = {
  encode: ({ text, side }) => ({
    code: 7,
    body: Buffer.from(text),
    ...(side !== undefined && { side: Buffer.from(side) }),
  }),
  decode: (_, body, side) => ({
    text: Buffer.from(body).toString(),
    ...(side !== undefined && { side: Buffer.from(side).toString() }),
  }),
}

/** One row a stream: all its texts, joined. A text that begins with `name ` also takes a unique row. */
export const projectTexts: Projection<TextEvent> = ({ stream, event: { text } }, rows) => {
  const key = textRowKey(stream)
  rows.put(key, Buffer.concat([rows.get(key) ?? Buffer.alloc(0), Buffer.from(`${text};`)]))
  if (text.startsWith('name ')) rows.put(Buffer.from(text), Buffer.from(stream))
}
export const textRowKey = (stream: string): Buffer => Buffer.from(`texts ${stream}`)
