/** The anchors of a receipt: transaction, path, header, and with a node the block's place on the chain. */
import type { ConfirmedAnchor } from '../anchor/anchor.ts'
import { encodePayload, parsePayload } from '../anchor/payload.ts'
import { type AnchorFindingKind, verifyAnchor } from '../anchor/verify.ts'
import { type BlockHeader, parseBlockHeader, targetOfBits } from '../chain/block.ts'
import { merkleRootFromBranch } from '../chain/merkle.ts'
import { readEvidence, type TransactionEvidence } from '../chain/transaction-evidence.ts'
import type { ChainClient } from '../chain/types.ts'
import type { ProvenAnchor } from './receipt.ts'
import type { NotedTree } from './receipt-check.ts'
import type { StationName, Stations } from './stations.ts'

const stationOf: Partial<Record<AnchorFindingKind, StationName>> = {
  anchor_signer: 'anchor_signature',
  anchor_branch: 'anchor_branch',
  anchor_header: 'block_header',
}

/** Difficulty 1 (Bitcoin Core, chainparams.cpp): what every public chain of this type has surpassed. */
const easiestPublicTarget = targetOfBits(0x1d00ffff)

export class AnchorStations {
  readonly #stations: Stations
  readonly #addresses: readonly string[]
  readonly #chain: ChainClient | undefined

  constructor(stations: Stations, addresses: readonly string[], chain: ChainClient | undefined) {
    this.#stations = stations
    this.#addresses = addresses
    this.#chain = chain
  }

  /** @returns the tree that the transaction commits to, if it is one of these and the block holds it */
  async check(
    anchor: ProvenAnchor,
    trees: readonly NotedTree[],
    about: string,
  ): Promise<NotedTree | undefined> {
    const stations = this.#stations
    const evidence = stations.attempt('anchor_payload', about, () => readEvidence(anchor.transaction))
    const header = stations.attempt('block_header', about, () => parseBlockHeader(anchor.block.header))
    if (!evidence || !header) return undefined
    const tree = trees.find(({ checkpoint }) => commitsTo(evidence, checkpoint))
    const faults = this.#findings(anchor, evidence, header, tree ?? trees[0])
    for (const { station, detail } of faults) stations.failed(station, about, detail)
    const holds = (station: StationName) => !faults.some((fault) => fault.station === station)
    const when = new Date(header.timeSeconds * 1000).toISOString()
    if (tree && holds('anchor_payload'))
      stations.proved('anchor_payload', about, `it commits to the tree of ${tree.checkpoint.size} events`)
    if (holds('anchor_signature'))
      stations.proved(
        'anchor_signature',
        about,
        `transaction ${evidence.txid} is signed by ${evidence.signers.filter((it) => this.#addresses.includes(it)).join(', ')}`,
      )
    if (holds('anchor_branch'))
      stations.proved('anchor_branch', about, `block ${header.hash} holds the transaction`)
    if (holds('block_header')) this.#tellWork(header, about, when)
    await this.#ask(evidence.txid, header, about)
    return faults.length === 0 ? tree : undefined
  }

  #findings(
    { transaction, block }: ProvenAnchor,
    evidence: TransactionEvidence,
    header: BlockHeader,
    tree: NotedTree | undefined,
  ): { station: StationName; detail: string }[] {
    const checkpoint = tree?.checkpoint ?? { origin: '', size: 0, root: Buffer.alloc(32) }
    const asAnchor: ConfirmedAnchor = {
      ...checkpoint,
      txid: evidence.txid,
      raw: transaction,
      sentAtMs: 0,
      status: 'confirmed',
      // Its height is only the node's to say.
      block: { ...block, hash: header.hash, height: 0 },
    }
    const findings = verifyAnchor(asAnchor, { checkpoint, serverAddresses: this.#addresses }).map(
      ({ kind, detail }) => ({
        station: stationOf[kind] ?? ('anchor_payload' as const),
        detail:
          kind === 'anchor_signer'
            ? `${detail}; if you know that address to be the server's, say so`
            : detail,
      }),
    )
    if (!isCanonical(evidence.txid, block))
      findings.push({ station: 'anchor_branch', detail: 'its place in the block is not the one of its path' })
    return findings
  }

  #tellWork({ hash, bits }: BlockHeader, about: string, when: string): void {
    const target = targetOfBits(bits)
    if (target > easiestPublicTarget)
      this.#stations.notProved(
        'block_header',
        about,
        `anything about time: block ${hash}, dated ${when}, took next to no work, as on a development chain, which proves nothing`,
      )
    else
      this.#stations.proved(
        'block_header',
        about,
        `block ${hash}, dated ${when} by who mined it, took about 2^${((1n << 256n) / (target + 1n)).toString(2).length - 1} hashes`,
      )
  }

  async #ask(txid: string, header: BlockHeader, about: string): Promise<void> {
    const stations = this.#stations
    if (!this.#chain) {
      stations.notProved(
        'block_on_chain',
        about,
        'that the block is on the chain that others follow: no node was asked',
      )
      return
    }
    try {
      const place = await this.#chain.transaction(txid)
      // Whatever else listens there does not know it either.
      if (place === undefined) await this.#chain.status()
      const height = place?.blockHash === header.hash ? place.blockHeight : undefined
      if (height === undefined || (await this.#chain.blockHashAt(height)) !== header.hash)
        stations.failed(
          'block_on_chain',
          about,
          `the node at ${this.#chain.endpoint} does not have the transaction in block ${header.hash} on its best chain`,
        )
      else
        stations.proved(
          'block_on_chain',
          about,
          `the node has the block at height ${height} of its best chain`,
        )
    } catch (error) {
      // It was asked for, so it must not pass for checked.
      stations.failed('block_on_chain', about, `the node could not be asked: ${(error as Error).message}`)
    }
  }
}

function commitsTo({ payloads }: TransactionEvidence, checkpoint: NotedTree['checkpoint']): boolean {
  return (
    checkpoint.size > 0 &&
    payloads.some((payload) => parsePayload(payload) && encodePayload(checkpoint).equals(payload))
  )
}

/** A hash that pairs with itself stands at the left: else one transaction could be said to have two places. */
function isCanonical(txid: string, { index, branch }: ProvenAnchor['block']): boolean {
  for (let level = 0; level < branch.length; level++) {
    if (Math.floor(index / 2 ** level) % 2 === 0) continue
    const node = merkleRootFromBranch(txid, index % 2 ** level, branch.slice(0, level))
    if (node === branch[level]) return false
  }
  return true
}
