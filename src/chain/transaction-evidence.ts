import { Transaction } from 'bitcoinjs-lib'
import { ChainError } from './errors.ts'
import { checkInputSignature } from './input-signature.ts'
import { dataOfScript } from './script-data.ts'

/**
 * Evidence is read from transactions of a few hundred bytes. The limit keeps the cost of a forged one small:
 * hashing for signatures grows with the square of the size.
 */
const maxEvidenceBytes = 100_000

/** What a raw transaction proves by itself, without any node. */
export interface TransactionEvidence {
  readonly txid: string
  /** The data of each OP_RETURN output, in the outputs' order. */
  readonly payloads: readonly Buffer[]
  /** Addresses whose keys signed the whole transaction, outputs included, each once, in the inputs' order. */
  readonly signers: readonly string[]
}

/**
 * Reads a transaction's payloads and who signed it. A signature counts only with SIGHASH_ALL: with any other
 * type the payload could be exchanged under it.
 *
 * @throws ChainError `malformed`. A transaction of 64 bytes is refused too, because an inner node of a Merkle
 *   tree has that size and could be passed off as one.
 */
export function readEvidence(raw: Buffer): TransactionEvidence {
  if (raw.length === 64)
    throw new ChainError('malformed', '64 bytes may be a node of a Merkle tree: no evidence')
  if (raw.length > maxEvidenceBytes) {
    throw new ChainError(
      'malformed',
      `a transaction of ${raw.length} bytes is no evidence: the limit is ${maxEvidenceBytes}`,
    )
  }
  const transaction = parseTransaction(raw)
  const signers = new Set<string>()
  for (const index of transaction.ins.keys()) {
    const signature = checkInputSignature(transaction, index)
    if (signature.kind === 'valid' && signature.hashType === Transaction.SIGHASH_ALL)
      signers.add(signature.address)
  }
  const payloads = transaction.outs
    .map((output) => dataOfScript(output.script))
    .filter((data) => data !== undefined)
  return { txid: transaction.getId(), payloads, signers: [...signers] }
}

/** @throws ChainError `malformed` for bytes that are not exactly one transaction without witnesses. */
export function parseTransaction(raw: Uint8Array): Transaction {
  let transaction: Transaction
  try {
    transaction = Transaction.fromBuffer(raw)
  } catch (cause) {
    throw new ChainError('malformed', 'the bytes are no transaction', { cause })
  }
  // The chain has no segregated witness: witness data would not be covered by the txid.
  if (transaction.hasWitnesses()) throw new ChainError('malformed', 'the transaction carries witness data')
  // Lengths can be written in more than one way; only the canonical bytes hash to the txid.
  if (!Buffer.from(transaction.toBuffer()).equals(raw))
    throw new ChainError('malformed', 'the transaction is not in canonical form')
  return transaction
}
