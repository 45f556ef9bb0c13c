/**
 * Why a development node cannot be opened or go on:
 *
 * - `port_in_use`, `directory_in_use`: another process has it; choose another or stop that one
 * - `bad_setting`: the message names the setting and what is expected
 * - `other_chain`: the directory holds data of another chain or format; choose an empty one
 */
export type DevNodeErrorCode = 'port_in_use' | 'directory_in_use' | 'bad_setting' | 'other_chain'

/** Base class of the development node's own errors. */
export class DevNodeError extends Error {
  override readonly name: string = 'DevNodeError'
  readonly code: DevNodeErrorCode

  constructor(code: DevNodeErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** A transaction that the node does not take; the message is the reason in the node's wording. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}
