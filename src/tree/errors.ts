/**
 * What can be wrong with a tree, a proof or a note. The code says what the caller does:
 * `invalid_argument` and `invalid_key` are faults of the calling code or its configuration;
 * `invalid_frontier` and `invalid_tile` mean damaged storage: stop, verify and rebuild;
 * all others mean that what was shown proves nothing: refuse it and keep it as evidence.
 */
export type TreeErrorCode =
  | 'invalid_argument'
  | 'invalid_key'
  | 'invalid_frontier'
  | 'invalid_tile'
  | 'invalid_inclusion_proof'
  | 'invalid_consistency_proof'
  | 'malformed_note'
  | 'unverified_note'
  | 'invalid_signature'
  | 'malformed_checkpoint'
  | 'unexpected_origin'

export class TreeError extends Error {
  readonly code: TreeErrorCode

  constructor(code: TreeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'TreeError'
    this.code = code
  }
}
