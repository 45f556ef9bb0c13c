/**
 * Which rows of the read models are cold: those of streams that are over, such as grants and sessions, their lifetimes
 * with them, and what an event put into the history for ever. They move to segments with the events; nothing of what they
 * say is lost or changes.
 */
import { rowKey } from '../ledger/layout.ts'
import { readStream } from '../ledger/reader.ts'
import type { EventRecord } from '../ledger/record.ts'
import type { ColdRows } from '../ledger/segments/cold-rows.ts'
import type { Entry } from '../ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { hashesOf } from '../oauth/events.ts'
import { forgetAfterMs } from '../oauth/failed-attempts.ts'
import { lifeRows, lifetimeOf } from './lifetimes.ts'
import { decodeLoaded, kindOfStream, projectRows, stateRowKey, tokenRowKey } from './rows.ts'
import type { States, StreamKind } from './state-codec.ts'

const codec = { encode: encodeEvent, decode: decodeEvent }
const historyPrefix = 'h'.charCodeAt(0)
const statePrefix = rowKey(Buffer.from('s'))

/** When a grant is over by itself, in seconds since 1970. */
export const endOfGrant = ({
  ended,
  code,
  device,
  access,
  refresh,
  issuedAtSeconds,
}: States['grant']): number =>
  ended?.atSeconds ??
  Math.max(
    issuedAtSeconds,
    code?.expiresAtSeconds ?? 0,
    device?.expiresAtSeconds ?? 0,
    access?.expiresAtSeconds ?? 0,
    refresh?.expiresAtSeconds ?? 0,
  )

/** When nothing of failed attempts counts any more, in seconds since 1970. */
export const endOfAttempts = ({ whole, pairs }: States['attempts']): number =>
  Math.max(whole?.untilSeconds ?? 0, ...pairs.map(({ untilSeconds }) => untilSeconds)) + forgetAfterMs / 1000

/**
 * When streams are over by themselves, in seconds since 1970; undefined while no end is in sight. Streams of other kinds
 * never are. Something may happen to one that is over: that brings its state back to LevelDB.
 */
const ends: { readonly [K in StreamKind]?: (state: States[K]) => number | undefined } = {
  grant: endOfGrant,
  assertion: ({ expiresAtSeconds }) => expiresAtSeconds,
  session: ({ endedAtSeconds, expiresAtSeconds }) => endedAtSeconds ?? expiresAtSeconds,
  par: ({ expiresAtSeconds }) => expiresAtSeconds,
  attempts: endOfAttempts,
  invitation: ({ terms, uses, withdrawn }) =>
    withdrawn || uses === terms.uses ? 0 : (terms.expiresAtSeconds ?? undefined),
  signing_key: ({ retiredAtSeconds }) => retiredAtSeconds ?? undefined,
}

export const coldRows: ColdRows = {
  ofEvent(record: EventRecord) {
    const keys: Buffer[] = []
    // Only the first event of a stream has rows in the history, and it needs no state.
    if (record.version > 0) return keys
    const event = decodeEvent(record.type, record.body)
    projectRows(
      { ...record, event },
      {
        get: () => undefined,
        put: (key) => void (key[0] === historyPrefix && keys.push(rowKey(key))),
        del: () => {},
      },
    )
    return keys
  },

  async ofStream(storage, stream, beforeMs) {
    const kind = kindOfStream(stream)
    const endOf = ends[kind] as ((state: unknown) => number | undefined) | undefined
    if (!endOf) return undefined
    const { state } = decodeLoaded(kind, storage.get(rowKey(stateRowKey(stream))))
    if (!state) return undefined
    const endSeconds = endOf(state)
    if (endSeconds === undefined) return undefined
    const endMs = endSeconds * 1000
    if (endMs >= beforeMs) return endMs
    const rows = [rowKey(stateRowKey(stream))]
    for await (const { event } of readStream(storage, codec, stream))
      for (const hash of hashesOf(event)) if (hash !== null) rows.push(rowKey(tokenRowKey(hash)))
    const life = lifetimeOf(stream, state)
    const keysOf = (entries: Entry[]) => entries.map(([key]) => key)
    if (life) rows.push(...keysOf(lifeRows(life, life.endSeconds)))
    return { rows, open: life?.isRefreshable ? keysOf(lifeRows(life)) : [] }
  },

  streamOf: (key) => (key.compare(statePrefix, 0, 2, 0, 2) === 0 ? key.toString('utf8', 2) : undefined),
}
