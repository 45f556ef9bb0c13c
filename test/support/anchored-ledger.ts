/** The sample ledger with anchors in blocks that no chain knows: the same bytes whenever they are made. */
import { type ConfirmedAnchor, encodeAnchor } from '../../src/anchor/anchor.ts'
import { encodePayload } from '../../src/anchor/payload.ts'
import { encodeBlockHeader, meetsTarget, parseBlockHeader } from '../../src/chain/block.ts'
import type { PrivateKey } from '../../src/chain/keys.ts'
import { merkleBranch, merkleRoot } from '../../src/chain/merkle.ts'
import { buildTransaction } from '../../src/chain/transaction.ts'
import { putAnnex } from '../../src/ledger/annex.ts'
import { listCheckpoints } from '../../src/ledger/checkpoints.ts'
import type { Storage, StorageReader } from '../../src/ledger/storage.ts'
import type { Checkpoint } from '../../src/tree/checkpoint.ts'
import { liveThrough, type SampleLedger, server, startMs } from '../audit/support.ts'
import { coin } from '../chain/support.ts'

/** One hash in 65,536 meets it: work enough that an altered header is seen, little enough for a test. */
const bits = 0x1f00ffff

/** An anchor of a tree as the third of three transactions in a block. */
export function anchorOf(
  { origin, size, root }: Checkpoint,
  key: PrivateKey = server,
  payload: Buffer = encodePayload({ origin, size, root }),
): ConfirmedAnchor {
  const { raw, txid } = buildTransaction({ key, unspentOutputs: [coin(key, 100_000n)], payload, feeRate: 1 })
  const txids = ['11'.repeat(32), '22'.repeat(32), txid]
  const header = minedHeader(merkleRoot(txids), startMs / 1000 + 600 + size)
  return {
    origin,
    size,
    root,
    txid,
    raw,
    sentAtMs: startMs,
    status: 'confirmed',
    block: {
      hash: parseBlockHeader(header).hash,
      height: size,
      header,
      index: 2,
      branch: merkleBranch(txids, 2),
    },
  }
}

function minedHeader(root: string, timeSeconds: number): Buffer {
  const fields = { version: 4, prevHash: '33'.repeat(32), merkleRoot: root, timeSeconds, bits }
  for (let nonce = 0; ; nonce++) {
    const header = encodeBlockHeader({ ...fields, nonce })
    if (meetsTarget(parseBlockHeader(header))) return header
  }
}

const mined = new Map<string, ConfirmedAnchor>()

/** Stores anchors of signed trees, all of them or those of some sizes. */
export async function anchorTrees(
  { storage }: { storage: Storage },
  sizes?: readonly number[],
): Promise<void> {
  for (const checkpoint of await checkpointsOf(storage)) {
    if (sizes && !sizes.includes(checkpoint.size)) continue
    const name = checkpoint.root.toString('hex')
    const anchor = mined.get(name) ?? anchorOf(checkpoint)
    mined.set(name, anchor)
    const entry = `anchor/${String(checkpoint.size).padStart(16, '0')}`
    await putAnnex(storage, { [entry]: encodeAnchor(anchor) })
  }
}

export async function checkpointsOf(reader: StorageReader): Promise<Checkpoint[]> {
  const checkpoints: Checkpoint[] = []
  for await (const { checkpoint } of listCheckpoints(reader)) checkpoints.push(checkpoint)
  return checkpoints
}

/** The life of the sample ledger, its trees of 5 and 13 events anchored, and `more` events behind. */
export async function liveAnchored(log: SampleLedger, more = 0): Promise<void> {
  await liveThrough(log)
  await anchorTrees(log)
  if (more > 0) await log.issueToClient(more)
}
