/** The vectors of fixtures/vectors: one small ledger, its receipts and a bundle, of fixed keys, the same bytes every time. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodePayload } from '../../src/anchor/payload.ts'
import { exportBundle } from '../../src/audit/bundle-export.ts'
import { publicEvent } from '../../src/audit/public-event.ts'
import { encodeReceipt } from '../../src/audit/receipt.ts'
import { receiptFor } from '../../src/audit/receipts.ts'
import { sideKey, tileKey } from '../../src/ledger/layout.ts'
import { proveConsistency, proveInclusion, readRecords, rootOfSize } from '../../src/ledger/reader.ts'
import { decodeRecord } from '../../src/ledger/record.ts'
import { administrationText, isAdministration, serverText } from '../../src/oauth/administration.ts'
import { decodeEvent } from '../../src/oauth/event-codec.ts'
import type { Event } from '../../src/oauth/events.ts'
import { ed25519PrivateKey, ed25519PublicKeyBytes } from '../../src/tree/ed25519.ts'
import { leafHash } from '../../src/tree/hash.ts'
import { administrator, lifeEvents, options, origin, SampleLedger, server } from '../audit/support.ts'
import { anchorOf, checkpointsOf, liveAnchored } from './anchored-ledger.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

export interface Vectors {
  'ledger.json': object
  'receipt.json': string
  'receipt-disclosed.json': string
  [file: `bundle/${string}`]: Buffer
}

/** Builds the ledger in an empty directory and tells everything about it. */
export async function makeVectors(directory: string): Promise<Vectors> {
  const log = await SampleLedger.open(directory)
  await liveAnchored(log)
  const { storage } = log
  const records: object[] = []
  for await (const [position, bytes] of readRecords(storage, 0, lifeEvents)) {
    const { commitment, ...record } = decodeRecord(bytes)
    const side = storage.get(sideKey(position))
    const event = decodeEvent(record.type, record.body, side?.subarray(32))
    records.push({
      record: hex(bytes),
      leafHash: hex(leafHash(bytes)),
      ...(side && commitment && { side: hex(side), commitment: hex(commitment) }),
      ...signedTextOf(event, record, commitment),
      event: publicEvent({ ...record, event }, { disclose: true }),
    })
  }
  const sizes = Array.from({ length: lifeEvents + 1 }, (_, size) => size)
  const checkpoints: object[] = []
  for (const checkpoint of await checkpointsOf(storage)) {
    const { size } = checkpoint
    const note = storage.get(Buffer.from(`acheckpoint/${String(size).padStart(16, '0')}`))
    const { txid, raw, block } = anchorOf(checkpoint)
    checkpoints.push({
      size,
      note: note?.toString(),
      anchor: {
        payload: hex(encodePayload(checkpoint)),
        txid,
        transaction: hex(raw),
        block: { ...block, header: hex(block.header) },
      },
    })
  }
  const seed = Buffer.alloc(32, 7)
  const verified = { verifyMessage: options.verifyMessage }
  const vectors: Vectors = {
    'ledger.json': {
      source:
        'made by test/support/vectors.ts in the formats of docs/formats.md; the keys are for tests only',
      origin,
      keys: {
        administrator: { wif: administrator.toWif(), address: administrator.address },
        server: { wif: server.toWif(), address: server.address },
        checkpoint: { seed: hex(seed), publicKey: hex(ed25519PublicKeyBytes(ed25519PrivateKey(seed))) },
      },
      records,
      roots: sizes.map((size) => hex(rootOfSize(storage, size))),
      tile: { path: `tile/0/000.p/${lifeEvents}`, bytes: hex(storage.get(tileKey(0, 0))!) },
      inclusionProofs: sizes.slice(1).map((size) => ({
        index: size >> 1,
        size,
        path: proveInclusion(storage, size >> 1, size).map(hex),
      })),
      consistencyProofs: sizes.slice(1).map((from) => ({
        from,
        to: lifeEvents,
        path: proveConsistency(storage, from, lifeEvents).map(hex),
      })),
      checkpoints,
    },
    // A token of a grant that has ended: issued, replaced, revoked.
    'receipt.json': encodeReceipt(await receiptFor(storage, [7, 8, 9], verified)),
    // An act of administration, with its side record.
    'receipt-disclosed.json': encodeReceipt(await receiptFor(storage, [2], { ...verified, disclose: true })),
  }
  // From the middle of the log to before its end, so that there are hashes on both sides.
  const folder = join(directory, 'bundle')
  await exportBundle(storage, folder, { from: 3, to: 9, disclose: true, ...verified })
  for (const name of readdirSync(folder)) vectors[`bundle/${name}`] = readFileSync(join(folder, name))
  await log.ledger.close()
  return vectors
}

/** The text that the event's signature is over, where it has one. */
function signedTextOf(
  event: Event,
  { stream, version }: { stream: string; version: number },
  commitment: Buffer | undefined,
): { signedText?: string } {
  if (event.type === 'server.opened') return { signedText: serverText(event) }
  if (!isAdministration(event)) return {}
  return { signedText: administrationText({ origin, stream, version }, event, commitment) }
}
