/**
 * Whose name it was. A name leads to the user who bears it now by one row; users who bore it before, and were removed but
 * not erased, are found among all users: that takes as long as there are users, and is done only where the name alone
 * does not tell.
 */
import { rowKey } from '../ledger/layout.ts'
import { readStream } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../oauth/event-codec.ts'
import { streamOf } from '../oauth/events.ts'
import type { User } from '../oauth/user.ts'
import { decodeLoaded, evolveLoaded, stateRowKey, usernameRowKey } from '../projections/rows.ts'

const codec = { encode: encodeEvent, decode: decodeEvent }

/** The subject of the user who bears the name now. */
export const subjectOf = async (reader: StorageReader, username: string): Promise<string | undefined> =>
  (await reader.get(rowKey(usernameRowKey(username.normalize('NFC')))))?.toString()

/** Subjects of all who bear a name or bore it last, removed ones included, in the order of their subjects. */
export async function* bearersOf(reader: StorageReader, username: string): AsyncGenerator<string> {
  const name = username.normalize('NFC')
  const prefix = rowKey(stateRowKey('user:'))
  const range = { gte: prefix, lt: Buffer.concat([prefix, Buffer.of(0xff)]) }
  for await (const [, row] of reader.entries(range)) {
    const { state } = decodeLoaded('user', row)
    if (state?.username === name) yield state.subject
  }
}

/**
 * The subject of the user who bore a name at a moment; where nobody did, of one who bears it at another. A name that went
 * from one person to the next is the name of two.
 */
export async function bearerAt(
  reader: StorageReader,
  username: string,
  atMs: number,
): Promise<string | undefined> {
  const name = username.normalize('NFC')
  const present = await subjectOf(reader, name)
  if (present !== undefined && (await presenceAt(reader, present, name, atMs)) === 'by this name')
    return present
  let [unnamed, former]: (string | undefined)[] = []
  for await (const subject of bearersOf(reader, name)) {
    const presence = await presenceAt(reader, subject, name, atMs)
    if (presence === 'by this name') return subject
    if (presence === 'by an unknown name') unnamed ??= subject
    former ??= subject
  }
  return unnamed ?? present ?? former
}

/**
 * Of a user who bears the name now or bore it last. Where a side record is gone the name of then is not known; only a
 * repository outside the ledger gives users other names.
 */
async function presenceAt(
  reader: StorageReader,
  subject: string,
  name: string,
  atMs: number,
): Promise<'by this name' | 'by an unknown name' | undefined> {
  let loaded: { state: User | undefined; version: number } = { state: undefined, version: 0 }
  for await (const recorded of readStream(reader, codec, streamOf.user(subject))) {
    if (recorded.timeMs > atMs) break
    loaded = evolveLoaded('user', loaded, recorded)
  }
  const { state } = loaded
  if (!state || state.removed) return undefined
  const said = state.username ?? (state.repository === undefined ? name : undefined)
  if (said === name) return 'by this name'
  return said === undefined ? 'by an unknown name' : undefined
}
