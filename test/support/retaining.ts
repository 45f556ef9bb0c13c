/** Ledgers that are sealed and whose old parts are dropped, and what must not change by that. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { type Verification, verifyLedger } from '../../src/audit/verify.ts'
import { findLiveToken } from '../../src/authorization-server/introspect.ts'
import { Retainer, type RetentionPolicy } from '../../src/authorization-server/retain.ts'
import type { Retained } from '../../src/authorization-server/retention-pass.ts'
import { proveConsistency, proveInclusion, readRecords, rootOfSize } from '../../src/ledger/reader.ts'
import { decodeRecord } from '../../src/ledger/record.ts'
import { Sealer } from '../../src/ledger/segments/sealer.ts'
import { layOver } from '../../src/ledger/segments/segmented-storage.ts'
import { serverText } from '../../src/oauth/administration.ts'
import { type EventOf, streamOf } from '../../src/oauth/events.ts'
import { coldRows } from '../../src/projections/cold-rows.ts'
import { LifetimeFollower } from '../../src/projections/lifetime-follower.ts'
import { ed25519PrivateKey, ed25519PublicKeyBytes } from '../../src/tree/ed25519.ts'
import { administratorAddress, serverAddress, signAs, worldOn } from './authorization.ts'
import { openWatchedStorage, temporaryFolder } from './ledger.ts'
import { type Holdings, names } from './random-requests.ts'
import { expectStreamsCounted, openSealedWorld, placesIn, type SealedWorld, segmentsOf } from './sealing.ts'

export interface RetainingWorld extends SealedWorld {
  retainer: Retainer
  lifetimes: LifetimeFollower
  /** Seals what is old enough, then drops what the policy lets go. */
  retain(policy: Partial<RetentionPolicy>, isDry?: boolean): Promise<Retained>
}

export async function openRetainingWorld(folder = temporaryFolder()): Promise<RetainingWorld> {
  const world = await openSealedWorld(folder)
  const { context, storage, sealer, ledger, clock } = world
  const lifetimes = new LifetimeFollower(ledger, {
    onError: (error) => {
      throw error
    },
  })
  onTestFinished(() => lifetimes.stop())
  const retainer = new Retainer({ context, storage, sealer, eventsAtOnce: 16 })
  if (ledger.size === 0)
    await ledger.append(streamOf.server(serverAddress), 0, [opened(context.settings.origin)], clock.nowMs)
  return {
    ...world,
    retainer,
    lifetimes,
    async retain({ payloadsSeconds = 0, sideRecordsSeconds = 0 }, isDry = false) {
      await lifetimes.run()
      if (payloadsSeconds > 0 && !isDry) await sealer.run(clock.nowMs - payloadsSeconds * 1000)
      return retainer.run({ payloadsSeconds, sideRecordsSeconds }, { isDry })
    },
  }
}

/** A world that retains, over a storage whose writes can be held and fail when told. */
export async function openWatchedRetaining(folder: string) {
  const { ledger: directory, segments } = placesIn(folder)
  const hot = await openWatchedStorage(directory)
  const world = worldOn(await layOver(hot, segments))
  const { context, storage, ledger } = world
  const sealer = new Sealer({ ledger, storage, coldRows, segmentEvents: 8 })
  return { ...world, hot, sealer, retainer: new Retainer({ context, storage, sealer, eventsAtOnce: 8 }) }
}

export async function closeWorld({ context, lifetimes, sealer, ledger }: RetainingWorld): Promise<void> {
  await lifetimes.stop()
  await context.keys.load()
  await sealer.stop()
  await ledger.close()
}

/** Position and stream of each record that is there. */
export async function kept({ storage, ledger }: RetainingWorld): Promise<string[]> {
  const records: string[] = []
  for await (const [position, bytes] of readRecords(storage, 0, ledger.size))
    records.push(`${position} ${decodeRecord(bytes).stream}`)
  return records
}

/** Everything below a folder, as one text. */
export const bytesIn = (folder: string): string =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n')

export function opened(origin: string): EventOf<'server.opened'> {
  const checkpointKey = ed25519PublicKeyBytes(ed25519PrivateKey(Buffer.alloc(32, 7))).toString('base64url')
  const unsigned = { origin, administratorAddress, serverAddress, checkpointKey, signature: '' }
  const event: EventOf<'server.opened'> = { type: 'server.opened', ...unsigned }
  return { ...event, signature: signAs(serverAddress, serverText(event)) }
}

/** Verifies all of it, but for one session that the tests' browsers say they have. */
export async function verifyWorld({ storage, folder }: SealedWorld): Promise<Verification> {
  const result = await verifyLedger(storage, {
    verifyMessage: (address, text, signature) => signature === signAs(address, text),
    rows: true,
    mostFaults: 10_000,
    segments: segmentsOf(storage, folder),
  })
  const faults = result.faults.filter(
    ({ detail }) => !detail.endsWith('session:browser, which was not there'),
  )
  return { ...result, faults, ok: faults.length === 0 }
}

/** Roots of all sizes, and a proof for each event and between some sizes. */
export function proofsOf({ ledger, storage }: SealedWorld, size = ledger.size): string[] {
  const hex = (hashes: readonly Buffer[]) => hashes.map((hash) => hash.toString('hex')).join(' ')
  const proofs: string[] = []
  for (let at = 0; at < size; at++) {
    proofs.push(hex([rootOfSize(storage, at + 1)]), hex(proveInclusion(storage, at, size)))
    if (at % 7 === 1) proofs.push(hex(proveConsistency(storage, at, size)))
  }
  return proofs
}

/** What introspection says of each token. */
export const livenessOf = ({ context }: SealedWorld, { access, refresh }: Holdings) =>
  Promise.all([...access, ...refresh].map((token) => findLiveToken(context, token)))

/** Which pauses last, of the names that random requests guess at. */
export const pausesOf = ({ context }: SealedWorld) =>
  names.map((name) => {
    const { pausedUntilMs, pausedAddresses } = context.limits.view('user', name)
    return { pausedUntilMs, pausedAddresses }
  })

export async function expectVerified(world: RetainingWorld): Promise<Verification> {
  await world.lifetimes.run()
  const verification = await verifyWorld(world)
  expect(verification.faults).toEqual([])
  expect(verification.unchecked).toEqual([])
  await expectStreamsCounted(world)
  return verification
}
