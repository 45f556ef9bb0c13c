/** Errors on the wire: RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009 section 2.2.1. */

const statusByCode = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_response_type: 400,
  unsupported_token_type: 400,
  invalid_scope: 400,
  invalid_token: 401,
  access_denied: 403,
  server_error: 500,
  temporarily_unavailable: 503,
} as const

export type OAuthErrorCode = keyof typeof statusByCode

/** A refusal as the protocol words it; `description` is for the client's developer and leaks nothing inner. */
export class OAuthError extends Error {
  readonly code: OAuthErrorCode
  readonly status: number

  constructor(code: OAuthErrorCode, description: string, status: number = statusByCode[code]) {
    super(description)
    this.name = 'OAuthError'
    this.code = code
    this.status = status
  }
}

/** What a decision comes to: events to append, then an answer or a refusal. */
export type Decision<A, E> =
  | { events: readonly E[]; answer: A; refusal?: undefined }
  | { events: readonly E[]; refusal: OAuthError; answer?: undefined }

export const refuse = (code: OAuthErrorCode, description: string): { events: []; refusal: OAuthError } => ({
  events: [],
  refusal: new OAuthError(code, description),
})
