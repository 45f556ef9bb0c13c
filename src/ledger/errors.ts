/**
 * What can go wrong, and what the caller does:
 * `conflict`: another append has moved the stream on: wait for `settled()`, load and decide again.
 * `exists`: a row that had to be absent is there: tell the user.
 * `unavailable`: nothing could be read or written, or it is not known whether it was: answer 503, never "inactive".
 * `locked`: another process has the ledger open. `damaged`: stored bytes are not what was hashed or signed.
 */
export type LedgerErrorCode = 'conflict' | 'exists' | 'unavailable' | 'locked' | 'damaged' | 'closed'

export class LedgerError extends Error {
  readonly code: LedgerErrorCode

  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LedgerError'
    this.code = code
  }
}

/** Whether something could not be read because of what stands there. */
export const isDamage = (error: unknown): error is LedgerError =>
  error instanceof LedgerError && error.code === 'damaged'

/** Of a file or folder: it is damage where one of another kind, or a link that leads nowhere, stands in its place. */
export function unreadable(message: string, cause: unknown): LedgerError {
  const isOfAnotherKind = ['EISDIR', 'ENOTDIR', 'ELOOP'].includes((cause as NodeJS.ErrnoException).code ?? '')
  return new LedgerError(isOfAnotherKind ? 'damaged' : 'unavailable', message, { cause })
}
