/**
 * The index by time anew. It loses its place first, so that nobody asks it, and is then written by the code that always
 * writes it. Dying on the way leaves an index that goes as far as its place says; a server does the rest.
 */
import { NEVER } from 'rxjs'
import { annexKey, rangeOf } from '../ledger/layout.ts'
import { logSize } from '../ledger/reader.ts'
import type { Storage } from '../ledger/storage.ts'
import { LifetimeFollower } from '../projections/lifetime-follower.ts'
import { lifetimesPlace } from '../projections/lifetimes.ts'
import { Faults } from './fault.ts'
import { checkLifetimes } from './lifetime-check.ts'

const deletedAtOnce = 10_000

/**
 * Only where it is not right.
 *
 * @param storage of a ledger that nobody appends to and whose states are right
 * @returns whether it was built anew
 */
export async function rebuildLifetimes(storage: Storage): Promise<boolean> {
  const size = await logSize(storage)
  const faults = new Faults(1)
  await checkLifetimes(storage, size, faults)
  if (faults.count === 0) return false
  await clear(storage)
  let failure: unknown
  const follower = new LifetimeFollower(
    {
      storage,
      size,
      committed$: NEVER,
      maintain(change) {
        const batch = storage.batch()
        change(batch, () => false)
        return batch.write()
      },
    },
    { restFactor: 0, onError: (error) => (failure = error) },
  )
  await follower.run()
  await follower.stop()
  if (failure) throw failure
  return true
}

async function clear(storage: Storage): Promise<void> {
  const place = storage.batch()
  place.del(annexKey(lifetimesPlace))
  await place.write()
  let batch = storage.batch()
  let count = 0
  for await (const [key] of storage.entries(rangeOf('life'))) {
    batch.del(key)
    if (++count % deletedAtOnce !== 0) continue
    await batch.write()
    batch = storage.batch()
  }
  await batch.write()
}
