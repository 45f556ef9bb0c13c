/** Makes receipts: for each event its place in the first anchored tree that holds it, and who signed that tree. */
import type { ConfirmedAnchor } from '../anchor/anchor.ts'
import { readEvidence } from '../chain/transaction-evidence.ts'
import { LedgerError } from '../ledger/errors.ts'
import { decodePosition, eventKey, sideKey } from '../ledger/layout.ts'
import { logSize, readRecord, readRecordsAt } from '../ledger/reader.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { isAdministration } from '../oauth/administration.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import type { EventOf } from '../oauth/events.ts'
import { type Checkpoint, openCheckpoint } from '../tree/checkpoint.ts'
import { ed25519PublicKey } from '../tree/ed25519.ts'
import { ed25519Verifier } from '../tree/signed-note.ts'
import type { VerifyMessage } from './authority.ts'
import { dropsWithin } from './drops.ts'
import type { ProvenAnchor, ProvenRecord, Receipt } from './receipt.ts'
import { checkReceipt } from './receipt-check.ts'
import { firstAnchoredTree, firstSignedTree, proofIn, type SignedTree } from './signed-trees.ts'

/**
 * What the caller does: `not_found`: there is no such event or token. `not_anchored`: ask again when the next anchor
 * stands in a block, or take a receipt without anchor. `dropped`: a receipt made before still proves it.
 */
export class ReceiptError extends Error {
  override readonly name = 'ReceiptError'
  readonly code: 'not_found' | 'not_anchored' | 'dropped'

  constructor(code: ReceiptError['code'], message: string) {
    super(message)
    this.code = code
  }
}

export interface ReceiptOptions {
  verifyMessage: VerifyMessage
  /** Puts side records in, which hold what names a person and hashes of passwords and secrets. */
  disclose?: boolean
  /** Contents itself with a signed checkpoint where no anchor stands in a block yet. */
  unanchored?: boolean
}

/** A server as it introduced itself, and where. */
export interface FoundServer {
  position: number
  event: EventOf<'server.opened'>
}

/**
 * One receipt for all of these events. What leaves here has been checked as its reader will check it.
 *
 * @throws ReceiptError, LedgerError damaged or unavailable
 */
export async function receiptFor(
  reader: StorageReader,
  positions: readonly number[],
  options: ReceiptOptions,
): Promise<Receipt> {
  const inOrder = [...new Set(positions)].sort((a, b) => a - b)
  const [servers, trees] = await Promise.all([
    openedServers(reader),
    treesWith(reader, inOrder, options.unanchored ?? false),
    ...inOrder.map((position) => assertKept(reader, position)),
  ])
  const vouchers = await Promise.all(
    trees.map(([position, tree]) => vouchersOf(reader, position, tree, servers)),
  )
  const wanted = new Map<number, SignedTree>()
  for (const [i, [, tree]] of trees.entries())
    for (const { position } of vouchers[i]!)
      if (!wanted.has(position)) wanted.set(position, await treeWithServer(reader, position, tree))
  // What is asked for in one turn is one question, the tiles of all proofs.
  const prove = (some: Iterable<[number, SignedTree]>, disclose: boolean) =>
    Promise.all([...some].map(([position, tree]) => provenRecord(reader, position, tree, disclose)))
  const [events, vouching] = await Promise.all([
    prove(trees, options.disclose ?? false),
    prove(
      [...wanted].sort(([a], [b]) => a - b),
      false,
    ),
  ])
  const bySize = new Map(trees.map(([, tree]) => [tree.checkpoint.size, tree]))
  const anchors = [...bySize.values()].flatMap(({ anchor }) => (anchor ? [provenAnchor(anchor)] : []))
  const receipt: Receipt = { events, servers: vouching, anchors }
  await assertHolds(receipt, options.verifyMessage)
  return receipt
}

/** @throws ReceiptError dropped */
async function assertKept(reader: StorageReader, position: number): Promise<void> {
  if (await reader.get(eventKey(position))) return
  for await (const { position: drop } of dropsWithin(reader, { from: position, to: position + 1 }))
    throw new ReceiptError(
      'dropped',
      `the record at position ${position} was dropped by the retention policy, as the event at position ${drop} says; its leaf hash and all proofs made before stay`,
    )
}

/**
 * Who has to be in the receipt: who signed the tree, who paid for its anchor, who named the administrator. A server with
 * several keys is known by its first one, so that one is in it too.
 */
async function vouchersOf(
  reader: StorageReader,
  position: number,
  tree: SignedTree,
  servers: readonly FoundServer[],
): Promise<FoundServer[]> {
  const { record } = await readRecord(reader, position)
  const namer = isAdministration(decodeEvent(record.type, record.body))
    ? servers.findLast((server) => server.position < position)
    : undefined
  const signer = firstKeyOf(signerOf(tree, servers), servers)
  const payer = tree.anchor && payerOf(tree.anchor, tree.checkpoint, servers)
  const isSigner = payer?.event.serverAddress === signer.event.serverAddress
  const payers = payer && !isSigner ? [firstKeyOf(payer, servers), payer] : []
  return [signer, ...(namer ? [firstKeyOf(namer, servers)] : []), ...payers]
}

/** Where the first key of the same server was introduced, with the same checkpoint key and administrator. */
function firstKeyOf(server: FoundServer, servers: readonly FoundServer[]): FoundServer {
  const { origin, checkpointKey, administratorAddress } = server.event
  const ofKey = servers.filter(
    ({ position, event }) =>
      position <= server.position && event.origin === origin && event.checkpointKey === checkpointKey,
  )
  const former = ofKey.findLastIndex(({ event }) => event.administratorAddress !== administratorAddress)
  return ofKey[former + 1] ?? server
}

/** The last server in the tree by the address that paid, else the first one behind it; undefined for a stranger. */
export function payerOf(
  { raw }: ConfirmedAnchor,
  { origin, size }: Checkpoint,
  servers: readonly FoundServer[],
): FoundServer | undefined {
  const { signers } = readEvidence(raw)
  const paying = servers.filter(
    ({ event }) => event.origin === origin && signers.includes(event.serverAddress),
  )
  return paying.findLast(({ position }) => position < size) ?? paying[0]
}

/** A server that was introduced after the tree was signed stands in a later one. */
async function treeWithServer(
  reader: StorageReader,
  position: number,
  tree: SignedTree,
): Promise<SignedTree> {
  return position < tree.checkpoint.size ? tree : treeWith(reader, position, true)
}

/** The tree that shows each event, by position: one that shows several is looked for once. */
async function treesWith(
  reader: StorageReader,
  inOrder: readonly number[],
  unanchored: boolean,
): Promise<[position: number, tree: SignedTree][]> {
  const trees: [number, SignedTree][] = []
  let last: SignedTree | undefined
  for (const position of inOrder) {
    // The smallest tree that shows an earlier event is the smallest for every event in it.
    if (!last || position >= last.checkpoint.size) last = await treeWith(reader, position, unanchored)
    trees.push([position, last])
  }
  return trees
}

/** The servers of the log, in its order; a peer's keys and replaced ones included. @throws LedgerError damaged */
export async function openedServers(reader: StorageReader): Promise<FoundServer[]> {
  const positions: number[] = []
  const range = { gte: Buffer.from('sserver:'), lt: Buffer.from('sserver;') }
  for await (const [, value] of reader.entries(range)) positions.push(decodePosition(value))
  const servers: FoundServer[] = []
  for (const { position, type, body } of await readRecordsAt(reader, positions)) {
    const event = decodeEvent(type, body)
    if (event.type === 'server.opened') servers.push({ position, event })
  }
  return servers.sort((a, b) => a.position - b.position)
}

/** The last server before the end of the tree whose key signed it. @throws LedgerError damaged */
export function signerOf({ checkpoint, note }: SignedTree, servers: readonly FoundServer[]): FoundServer {
  const { origin, size } = checkpoint
  const signer = servers.findLast(({ position, event }) => {
    if (position >= size || event.origin !== origin) return false
    try {
      const key = ed25519PublicKey(Buffer.from(event.checkpointKey, 'base64url'))
      return openCheckpoint(note, origin, [ed25519Verifier(origin, key)]).verified.length > 0
    } catch {
      return false
    }
  })
  if (signer) return signer
  throw new LedgerError('damaged', `the checkpoint of ${size} events is signed by no server of this ledger`)
}

/** A record and its place. @throws LedgerError damaged */
export async function provenRecord(
  reader: StorageReader,
  position: number,
  tree: SignedTree,
  disclose: boolean,
): Promise<ProvenRecord> {
  const { bytes, record } = await readRecord(reader, position)
  const side = disclose && record.commitment ? await reader.get(sideKey(position)) : undefined
  return { record: bytes, ...(side && { side }), proof: await proofIn(reader, position, tree) }
}

export const provenAnchor = ({ raw, block }: NonNullable<SignedTree['anchor']>): ProvenAnchor => ({
  transaction: raw,
  block: { header: block.header, index: block.index, branch: [...block.branch] },
})

/**
 * The tree that shows an event: the first that is anchored, or signed where that is enough.
 *
 * @throws ReceiptError; LedgerError damaged
 */
export async function treeWith(
  reader: StorageReader,
  position: number,
  unanchored: boolean,
): Promise<SignedTree> {
  const size = await logSize(reader)
  if (position >= size)
    throw new ReceiptError(
      'not_found',
      `the ledger has ${size} events: there is none at position ${position}`,
    )
  const anchored = await firstAnchoredTree(reader, position)
  if (anchored) return anchored
  if (!unanchored)
    throw new ReceiptError(
      'not_anchored',
      `the event at position ${position} is not yet anchored: no anchor behind it stands in a block; wait for one, or take --unanchored`,
    )
  const signed = await firstSignedTree(reader, position)
  if (signed) return signed
  throw new ReceiptError('not_anchored', `no checkpoint covers the event at position ${position} yet`)
}

/** A damaged ledger gives no receipts. Who paid for an anchor is for the reader to judge, who may know more keys. */
async function assertHolds(receipt: Receipt, verifyMessage: VerifyMessage): Promise<void> {
  const { stations } = await checkReceipt(receipt, { verifyMessage })
  const wrong = stations.find(
    ({ outcome, station }) => outcome === 'failed' && station !== 'anchor_signature',
  )
  if (wrong) throw new LedgerError('damaged', `the ledger gives no receipt: ${wrong.about}: ${wrong.detail}`)
}
