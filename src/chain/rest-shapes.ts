import { ChainError } from './errors.ts'
import { displayHash } from './hash.ts'
import type { BlockSummary, ChainStatus, UnspentOutput } from './types.ts'

// Reads the node's JSON. Nothing of it is taken on trust: a field of another type than the API promises is a
// `bad_answer`, never an undefined that travels on.

export function statusOf(text: string): ChainStatus {
  const body = objectOf(parse(text), 'status')
  return {
    bestBlockHash: hash(body.best_block_hash, 'best_block_hash'),
    bestHeight: count(body.best_height, 'best_height'),
  }
}

/** Blocks that hold the transaction; empty while it is in the mempool only. */
export function blocksOfTransaction(
  text: string,
  txid: string,
): { blockHash: string; blockHeight: number }[] {
  const body = objectOf(parse(text), 'transaction')
  if (body.transaction_hash !== txid) throw bad('transaction_hash', 'the hash that was asked for')
  return listOf(body.block_hash, 'block_hash').map((entry) => {
    const block = objectOf(entry, 'block_hash')
    return {
      blockHash: hash(block.block_hash, 'block_hash'),
      blockHeight: count(block.block_height, 'block_height'),
    }
  })
}

export function blockOf(text: string, asked: string): BlockSummary {
  const body = objectOf(parse(text), 'block')
  if (body.block_hash !== asked) throw bad('block_hash', 'the hash that was asked for')
  // RFC 3339 in the node's own time zone, with or without nanoseconds.
  const timeMs = typeof body.confirmation_time === 'string' ? Date.parse(body.confirmation_time) : Number.NaN
  if (Number.isNaN(timeMs)) throw bad('confirmation_time', 'an RFC 3339 time')
  return {
    hash: asked,
    height: count(body.height, 'height'),
    timeSeconds: Math.floor(timeMs / 1000),
    // The genesis block has none.
    parent: body.parent ? hash(body.parent, 'parent') : '0'.repeat(64),
    txids: listOf(body.transaction_list, 'transaction_list').map((txid) => hash(txid, 'transaction_list')),
  }
}

export function hashAtHeight(text: string): string | undefined {
  const [first] = listOf(parse(text), 'block hashes')
  return first === undefined ? undefined : hash(first, 'block hash')
}

/** The balance is a JSON number that may exceed 2^53: it is read from the text, not through a double. */
export function balanceOf(text: string): bigint {
  const body = objectOf(parse(text), 'balance')
  const digits = /"balance"\s*:\s*(\d+)/.exec(text)
  if (typeof body.balance !== 'number' || digits === null) throw bad('balance', 'a whole number of satoshis')
  return BigInt(digits[1]!)
}

/** Odd: here, and only here, the node writes the transaction's hash byte-reversed. */
export function unspentOutputsOf(text: string): UnspentOutput[] {
  return listOf(parse(text), 'unspent outputs').map((entry) => {
    const output = objectOf(entry, 'unspent output')
    if (typeof output.value !== 'string' || !/^\d{1,19}$/.test(output.value))
      throw bad('value', 'a string of digits')
    if (typeof output.script !== 'string') throw bad('script', 'hex')
    return {
      txid: displayHash(Buffer.from(hash(output.transaction_hash, 'transaction_hash'), 'hex')),
      index: count(output.index, 'index'),
      valueSats: BigInt(output.value),
      script: hexOf(output.script),
      confirmations: count(output.confirmations, 'confirmations'),
    }
  })
}

/** @throws ChainError `bad_answer` unless the text is whole bytes in hex. */
export function hexOf(text: string): Buffer {
  const hex = text.trim()
  if (!/^([0-9a-f]{2})*$/i.test(hex)) throw bad('raw bytes', 'hex')
  return Buffer.from(hex, 'hex')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ChainError('bad_answer', "the node's answer is no JSON", { cause })
  }
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(name, 'an object')
  return value as Record<string, unknown>
}

/** Go encodes an empty list as null or leaves it out. */
function listOf(value: unknown, name: string): unknown[] {
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) throw bad(name, 'a list')
  return value
}

function hash(value: unknown, name: string): string {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) throw bad(name, 'a hash of 64 hex digits')
  return value
}

function count(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw bad(name, 'a whole number')
  return value
}

function bad(name: string, expected: string): ChainError {
  return new ChainError('bad_answer', `the node's answer has no proper ${name}: expected ${expected}`)
}
