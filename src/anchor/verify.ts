/**
 * Does an anchor prove what it claims? Offline from its own bytes, online from what a node says. Faults come as
 * findings, never as exceptions: an audit goes on and tells them all.
 */
import { headerBytes, meetsTarget, parseBlockHeader } from '../chain/block.ts'
import { ChainError } from '../chain/errors.ts'
import { merkleRootFromBranch } from '../chain/merkle.ts'
import { readEvidence, type TransactionEvidence } from '../chain/transaction-evidence.ts'
import type { ChainClient } from '../chain/types.ts'
import type { Checkpoint } from '../tree/checkpoint.ts'
import { sameHash } from '../tree/hash.ts'
import { type Anchor, type AnchorBlock, isConfirmed } from './anchor.ts'
import { encodePayload, parsePayload } from './payload.ts'

/**
 * | kind | meaning |
 * | --- | --- |
 * | `anchor_malformed` | the stored transaction or header is unreadable, or not the one that is named |
 * | `anchor_checkpoint` | there is no checkpoint of this size, or it has another root or origin |
 * | `anchor_payload` | the transaction does not commit to that checkpoint |
 * | `anchor_signer` | no server key signed it |
 * | `anchor_branch` | the Merkle branch does not lead to the header's root |
 * | `anchor_header` | the header is not the named block's or has not the work it claims |
 * | `anchor_missing` | the node does not know the transaction of a confirmed anchor |
 * | `anchor_unconfirmed` | the node has it in its mempool only |
 * | `anchor_reorged` | it is not in the recorded block, or that block is not on the best chain |
 * | `node_unreachable` | nothing is known: the node could not be asked |
 * | `node_bad_answer` | nothing is known: the node's answer is refused |
 */
export type AnchorFindingKind =
  | 'anchor_malformed'
  | 'anchor_checkpoint'
  | 'anchor_payload'
  | 'anchor_signer'
  | 'anchor_branch'
  | 'anchor_header'
  | 'anchor_missing'
  | 'anchor_unconfirmed'
  | 'anchor_reorged'
  | 'node_unreachable'
  | 'node_bad_answer'

export interface AnchorFinding {
  readonly kind: AnchorFindingKind
  readonly detail: string
}

export interface AnchorExpectation {
  /** The checkpoint of the anchor's size, its signature already checked; undefined where there is none. */
  readonly checkpoint: Checkpoint | undefined
  /** Whose signatures count. */
  readonly serverAddresses: readonly string[]
}

/** Everything that can be checked without a node; empty where the anchor holds. */
export function verifyAnchor(anchor: Anchor, expectation: AnchorExpectation): AnchorFinding[] {
  let evidence: TransactionEvidence
  try {
    evidence = readEvidence(anchor.raw)
  } catch (error) {
    return [finding('anchor_malformed', (error as ChainError).message)]
  }
  return [
    ...(evidence.txid === anchor.txid
      ? []
      : [finding('anchor_malformed', `the transaction is ${evidence.txid}, not ${anchor.txid}`)]),
    ...checkCommitment(anchor, evidence, expectation.checkpoint),
    ...checkSigner(evidence, expectation.serverAddresses),
    ...(isConfirmed(anchor) ? checkBlock(evidence.txid, anchor.block) : []),
  ]
}

function checkCommitment(
  { size, root, origin }: Anchor,
  { payloads }: TransactionEvidence,
  checkpoint: Checkpoint | undefined,
): AnchorFinding[] {
  if (checkpoint === undefined)
    return [finding('anchor_checkpoint', `no checkpoint of size ${size} is signed`)]
  const findings: AnchorFinding[] = []
  if (checkpoint.size !== size || checkpoint.origin !== origin || !sameHash(checkpoint.root, root)) {
    findings.push(
      finding(
        'anchor_checkpoint',
        `the anchor names ${described({ origin, size, root })}, the checkpoint ${described(checkpoint)}`,
      ),
    )
  }
  // Two payloads in one transaction could name two trees of one size: exactly one counts.
  const own = payloads.filter((payload) => parsePayload(payload) !== undefined)
  if (own.length !== 1 || !isPayloadOf(own[0]!, checkpoint)) {
    findings.push(finding('anchor_payload', `the transaction does not commit to ${described(checkpoint)}`))
  }
  return findings
}

function isPayloadOf(payload: Buffer, checkpoint: Checkpoint): boolean {
  return checkpoint.size > 0 && encodePayload(checkpoint).equals(payload)
}

function checkSigner({ signers }: TransactionEvidence, serverAddresses: readonly string[]): AnchorFinding[] {
  if (signers.some((signer) => serverAddresses.includes(signer))) return []
  const who = signers.length === 0 ? 'nobody' : signers.join(', ')
  return [finding('anchor_signer', `it is signed by ${who}, not by a server key`)]
}

function checkBlock(txid: string, block: AnchorBlock): AnchorFinding[] {
  if (block.header.length !== headerBytes)
    return [finding('anchor_header', `a block header has ${headerBytes} bytes, not ${block.header.length}`)]
  const header = parseBlockHeader(block.header)
  const findings: AnchorFinding[] = []
  if (header.hash !== block.hash)
    findings.push(finding('anchor_header', `the header is that of ${header.hash}, not of ${block.hash}`))
  if (!meetsTarget(header))
    findings.push(finding('anchor_header', `the header ${header.hash} does not meet its own target`))
  if (rootOf(txid, block) !== header.merkleRoot)
    findings.push(finding('anchor_branch', `the branch does not lead from ${txid} to ${header.merkleRoot}`))
  return findings
}

function rootOf(txid: string, { index, branch }: AnchorBlock): string | undefined {
  try {
    return merkleRootFromBranch(txid, index, branch)
  } catch {
    return undefined
  }
}

export interface ChainVerdict {
  readonly findings: readonly AnchorFinding[]
  /** 0 where the transaction is in no block of the best chain, or nothing is known. */
  readonly confirmations: number
}

/** What a node says of an anchor. One that is not confirmed yet claims nothing, so nothing of it can be missing. */
export async function verifyAnchorOnChain(anchor: Anchor, client: ChainClient): Promise<ChainVerdict> {
  try {
    if (!isConfirmed(anchor)) return { findings: [], confirmations: 0 }
    const fault = await checkPlace(anchor.txid, anchor.block, client)
    if (fault) return { findings: [fault], confirmations: 0 }
    const { bestHeight } = await client.status()
    return { findings: [], confirmations: Math.max(bestHeight - anchor.block.height + 1, 1) }
  } catch (error) {
    if (!(error instanceof ChainError)) throw error
    const kind = error.code === 'unreachable' ? 'node_unreachable' : 'node_bad_answer'
    return { findings: [finding(kind, error.message)], confirmations: 0 }
  }
}

async function checkPlace(
  txid: string,
  block: AnchorBlock,
  client: ChainClient,
): Promise<AnchorFinding | undefined> {
  const place = await client.transaction(txid)
  // Whatever else listens there does not know it either.
  if (place === undefined) await client.status()
  if (place === undefined) return finding('anchor_missing', `the node does not know transaction ${txid}`)
  if (place.blockHash === undefined)
    return finding('anchor_unconfirmed', `transaction ${txid} is in no block`)
  if (place.blockHash !== block.hash)
    return finding('anchor_reorged', `transaction ${txid} is in block ${place.blockHash}, not ${block.hash}`)
  const best = await client.blockHashAt(block.height)
  if (best === block.hash) return undefined
  return finding('anchor_reorged', `block ${block.hash} is not on the best chain at height ${block.height}`)
}

const described = ({ origin, size, root }: Pick<Checkpoint, 'origin' | 'size' | 'root'>) =>
  `the tree of ${size} events of ${origin} with root ${root.toString('base64')}`

const finding = (kind: AnchorFindingKind, detail: string): AnchorFinding => ({ kind, detail })
