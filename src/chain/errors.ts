/**
 * What went wrong with a key, a transaction or the node. Switch on `code`:
 *
 * | code | what the caller does |
 * | --- | --- |
 * | `unreachable` | no connection, time-out or a node that cannot serve now: try again later |
 * | `refused` | the node said no; the message carries its reason; `retry` says whether it asked to come again |
 * | `fee_too_low` | refused for its fee: build the transaction again with a higher rate |
 * | `insufficient_funds` | `availableSats` and `requiredSats` say what is there and what is needed |
 * | `bad_answer` | the node's answer is not what its API promises: do not use it |
 * | `bad_key`, `bad_address`, `bad_amount`, `bad_payload` | wrong input of the caller: nothing was sent |
 * | `malformed` | bytes that are no block, header or transaction |
 */
export type ChainErrorCode =
  | 'unreachable'
  | 'refused'
  | 'fee_too_low'
  | 'insufficient_funds'
  | 'bad_answer'
  | 'bad_key'
  | 'bad_address'
  | 'bad_amount'
  | 'bad_payload'
  | 'malformed'

export interface ChainErrorDetails {
  readonly cause?: unknown
  /** True where the same call may succeed later without any change. */
  readonly retry?: boolean
  /** What there is: the coins of an address, or the fee that was offered. */
  readonly availableSats?: bigint
  readonly requiredSats?: bigint
}

/** Base class of every error that leaves the chain room. The message is one line and holds no key. */
export class ChainError extends Error {
  override readonly name = 'ChainError'
  readonly code: ChainErrorCode
  readonly retry: boolean
  readonly availableSats: bigint | undefined
  readonly requiredSats: bigint | undefined

  constructor(code: ChainErrorCode, message: string, details: ChainErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.retry = details.retry ?? false
    this.availableSats = details.availableSats
    this.requiredSats = details.requiredSats
  }
}
