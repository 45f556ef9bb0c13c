/** The annex: what is said about the log but is not of it, such as checkpoints and anchors, by name. */
import { annexKey } from './layout.ts'
import type { Storage, StorageBatch, StorageReader } from './storage.ts'

/** Stores entries durably, or takes away those without a value, all or none. */
export async function putAnnex(
  storage: Storage,
  entries: Readonly<Record<string, Buffer | undefined>>,
): Promise<void> {
  const batch = storage.batch()
  for (const [name, value] of Object.entries(entries)) putAnnexEntry(batch, name, value)
  await batch.write()
}

/** Puts one entry, or its removal where there is no value, into a batch. */
export function putAnnexEntry(batch: StorageBatch, name: string, value: Buffer | undefined): void {
  if (value) batch.put(annexKey(name), value)
  else batch.del(annexKey(name))
}

/** Takes an entry away, durably. */
export async function deleteAnnex(storage: Storage, name: string): Promise<void> {
  const batch = storage.batch()
  batch.del(annexKey(name))
  await batch.write()
}

/** Entries whose name begins with `prefix`, by name; from one on, backwards and limited where asked for. */
export async function* listAnnex(
  reader: StorageReader,
  prefix: string,
  { from = prefix, ...options }: { from?: string; reverse?: boolean; limit?: number } = {},
): AsyncGenerator<[name: string, value: Buffer]> {
  // Names are ASCII, so 0xff is behind every one of them.
  const range = {
    gte: annexKey(from),
    lt: Buffer.concat([annexKey(prefix), Buffer.from([0xff])]),
    ...options,
  }
  for await (const [key, value] of reader.entries(range)) yield [key.toString('utf8', 1), value]
}
