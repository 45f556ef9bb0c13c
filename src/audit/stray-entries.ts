/** Entries of the store under keys that this program never writes. */

import { listAnnex } from '../ledger/annex.ts'
import { type EntryKind, frontierKey, kindOf, rangeOf } from '../ledger/layout.ts'
import type { StorageReader } from '../ledger/storage.ts'
import type { Faults } from './fault.ts'

const kinds: readonly EntryKind[] = ['annex', 'event', 'frontier', 'life', 'row', 'stream', 'tile', 'side']

/** Names of the annex, as docs/formats.md has them; checkpoints and anchors are looked at by themselves. */
const annexNames =
  /^(checkpoint\/|anchor\/|logout\/|erasing\/|dropping\/(payloads|side_records)$|(anchors|ends|lifetimes)$)/

export async function checkStrayEntries(reader: StorageReader, faults: Faults): Promise<void> {
  const known = kinds.map(rangeOf).toSorted((a, b) => a.gte.compare(b.gte))
  const edges = [
    Buffer.alloc(0),
    ...known.flatMap(({ gte, lt }) => [gte, lt]),
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
  ]
  const gaps = Array.from({ length: edges.length / 2 }, (_, i) => ({
    gte: edges[2 * i]!,
    lt: edges[2 * i + 1]!,
  }))
  for (const gap of [...gaps, rangeOf('frontier')])
    for await (const [key] of reader.entries(gap))
      if (kindOf(key) !== 'frontier' || !key.equals(frontierKey))
        faults.add(null, 'entry_unexpected', `an entry with the key ${key.toString('hex')}`)
  for await (const [name] of listAnnex(reader, ''))
    if (!annexNames.test(name)) faults.add(null, 'entry_unexpected', `an entry ${name} in the annex`)
}
