import { addressOfScript } from '../chain/keys.ts'
import type { BlockView, SpendableCoin, TransactionView } from './chain-queries.ts'

// The bodies of the REST API, field by field as the node writes them. Values are strings of satoshis.

/** RFC 3339 in UTC, to the second, as mined times are written. */
function blockTime(timeSeconds: number): string {
  return `${new Date(timeSeconds * 1000).toISOString().slice(0, 19)}Z`
}

/** RFC 3339 with nanoseconds, as the moment of asking is written. */
function momentOfAsking(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000000Z')
}

export function blockAnswer(block: BlockView) {
  return {
    block_hash: block.hash,
    height: block.height,
    confirmation_time: blockTime(block.timeSeconds),
    parent: block.parent,
    ...(block.child === undefined ? {} : { children: [block.child] }),
    transaction_list: block.txids,
  }
}

export function transactionAnswer(view: TransactionView, nowMs: number) {
  const { transaction, block } = view
  const inputs = view.spent.map((output, index) => ({
    transaction_hash: Buffer.from(transaction.ins[index]!.hash).reverse().toString('hex'),
    output_index: transaction.ins[index]!.index,
    address: addressesOf(output.script),
    value: output.valueSats.toString(),
  }))
  const outputs = transaction.outs.map((output, index) => ({
    index,
    address: addressesOf(output.script),
    value: output.value.toString(),
    script: Buffer.from(output.script).toString('hex'),
    // Odd, and kept: never true.
    used: false,
  }))
  return {
    transaction_hash: view.txid,
    block_hash: block === undefined ? [] : [{ block_hash: block.hash, block_height: block.height }],
    coinbase: transaction.isCoinbase(),
    is_deleted: false,
    inputs,
    outputs,
    time: block === undefined ? momentOfAsking(nowMs) : blockTime(block.timeSeconds),
    addresses: [...new Set([...inputs, ...outputs].flatMap((part) => part.address))],
  }
}

export function coinAnswer(coin: SpendableCoin) {
  return {
    // Odd, and kept, for clients depend on it: byte-reversed here and only here.
    transaction_hash: Buffer.from(coin.txid, 'hex').reverse().toString('hex'),
    index: coin.index,
    value: coin.valueSats.toString(),
    script: coin.script.toString('hex'),
    confirmations: coin.confirmations,
  }
}

/** The node's error body; `cause` is left out where it has none. */
export function errorAnswer(kind: keyof typeof errors, cause?: string) {
  const { status, type, code, message, retry } = errors[kind]
  const body = { error_type: `io.coinstack#${type}`, error_code: code, error_message: message, retry }
  return { status, body: cause === undefined ? body : { ...body, error_cause: cause } }
}

const errors = {
  notFound: {
    status: 404,
    type: 'ResourceNotFoundError',
    code: 3003,
    message: 'The requested resource does not exist.',
    retry: false,
  },
  refused: {
    status: 400,
    type: 'ValidationFailed',
    code: 3004,
    message: 'The request could not be processed.',
    retry: false,
  },
  internal: {
    status: 500,
    type: 'InternalServer',
    code: 4001,
    message: 'The server encountered an internal error.',
    retry: true,
  },
  unavailable: {
    status: 503,
    type: 'ServiceUnavailable',
    code: 4002,
    message: 'The service is unavailable.',
    retry: true,
  },
} as const

function addressesOf(script: Uint8Array): string[] {
  const address = addressOfScript(script)
  return address === undefined ? [] : [address]
}
