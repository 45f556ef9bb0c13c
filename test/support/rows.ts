/** The rows of a ledger as they are on disk, and as a replay of all its events into nothing makes them; in hex. */
import { rangeOf } from '../../src/ledger/layout.ts'
import { readEvents } from '../../src/ledger/reader.ts'
import type { Storage } from '../../src/ledger/storage.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { eventCodec, type World } from './authorization.ts'

type Rows = ReadonlyMap<string, string>

export async function liveRows({ storage }: Pick<World<Storage>, 'storage'>): Promise<Rows> {
  const rows = new Map<string, string>()
  for await (const [key, value] of storage.entries(rangeOf('row')))
    rows.set(key.subarray(1).toString('hex'), value.toString('hex'))
  return rows
}

export async function replayedRows({
  storage,
  ledger,
}: Pick<World<Storage>, 'storage' | 'ledger'>): Promise<Rows> {
  const rows = new Map<string, string>()
  for await (const recorded of readEvents(storage, eventCodec, 0, ledger.size))
    projectRows(recorded, {
      get: (key) => {
        const row = rows.get(key.toString('hex'))
        return row === undefined ? undefined : Buffer.from(row, 'hex')
      },
      put: (key, value) => void rows.set(key.toString('hex'), value.toString('hex')),
      del: (key) => void rows.delete(key.toString('hex')),
    })
  return rows
}
