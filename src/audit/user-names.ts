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
  const present = await subjectOf(reader, username)
  if (present !== undefined && (await wasThere(reader, present, atMs))) return present
  let former: string | undefined
  for await (const subject of bearersOf(reader, username)) {
    if (await wasThere(reader, subject, atMs)) return subject
    former ??= subject
  }
  return present ?? former
}

async function wasThere(reader: StorageReader, subject: string, atMs: number): Promise<boolean> {
  let loaded: { state: User | undefined; version: number } = { state: undefined, version: 0 }
  for await (const recorded of readStream(reader, codec, streamOf.user(subject))) {
    if (recorded.timeMs > atMs) break
    loaded = evolveLoaded('user', loaded, recorded)
  }
  return loaded.state !== undefined && !loaded.state.removed
}
