import { opcodes, script, Transaction } from 'bitcoinjs-lib'
import {
  type BlockHeader,
  type BlockHeaderFields,
  encodeBlockHeader,
  meetsTarget,
  parseBlockHeader,
} from '../chain/block.ts'
import { merkleRoot } from '../chain/merkle.ts'
import { blockVersion, genesisText, genesisTimeSeconds, proofOfWorkBits, rewardSats } from './parameters.ts'

const noHash = '0'.repeat(64)

/** A block of this chain, complete: its transactions begin with the coinbase. */
export interface AssembledBlock {
  readonly header: BlockHeader
  readonly height: number
  readonly transactions: readonly Transaction[]
}

/** The first block, the same on every development chain; its coinbase pays nobody. */
export function genesisBlock(): AssembledBlock {
  const coinbase = coinbaseOf(
    script.compile([Buffer.from(genesisText)]),
    script.compile([opcodes.OP_RETURN!]),
    0n,
  )
  return assembleBlock({
    height: 0,
    parent: noHash,
    timeSeconds: genesisTimeSeconds,
    transactions: [coinbase],
  })
}

/**
 * The coinbase of a block: reward and fees to the miner. Height (BIP 34) and `extraNonce` make its txid unique,
 * also between branches of equal height.
 */
export function coinbaseTransaction(
  height: number,
  minerScript: Uint8Array,
  feesSats: bigint,
  extraNonce: Buffer,
): Transaction {
  const input = script.compile([script.number.encode(height), extraNonce])
  return coinbaseOf(input, minerScript, rewardSats + feesSats)
}

function coinbaseOf(inputScript: Uint8Array, outputScript: Uint8Array, valueSats: bigint): Transaction {
  const coinbase = new Transaction()
  coinbase.version = 1
  coinbase.addInput(Buffer.alloc(32), 0xffffffff, 0xffffffff, inputScript)
  coinbase.addOutput(outputScript, valueSats)
  return coinbase
}

export interface BlockTemplate {
  readonly height: number
  readonly parent: string
  readonly timeSeconds: number
  readonly transactions: readonly Transaction[]
}

/** Finds the nonce: two tries on average, so this never takes long. */
export function assembleBlock(template: BlockTemplate): AssembledBlock {
  const { height, parent, timeSeconds, transactions } = template
  const fields: BlockHeaderFields = {
    version: blockVersion,
    prevHash: parent,
    merkleRoot: merkleRoot(transactions.map((transaction) => transaction.getId())),
    timeSeconds,
    bits: proofOfWorkBits,
    nonce: 0,
  }
  for (let nonce = 0; ; nonce++) {
    const header = parseBlockHeader(encodeBlockHeader({ ...fields, nonce }))
    if (meetsTarget(header)) return { header, height, transactions }
  }
}
