/**
 * Errors on the wire: RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009 section 2.2.1, RFC 7591
 * section 3.2.2, RFC 8628 section 3.5, RFC 8707 section 2, RFC 9449 sections 5 and 8, OpenID Connect Core section
 * 3.1.2.6, OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
 */

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
  insufficient_scope: 403,
  invalid_redirect_uri: 400,
  invalid_client_metadata: 400,
  invalid_target: 400,
  invalid_dpop_proof: 400,
  use_dpop_nonce: 400,
  authorization_pending: 400,
  slow_down: 400,
  expired_token: 400,
  login_required: 400,
  interaction_required: 400,
  consent_required: 400,
  account_selection_required: 400,
  request_not_supported: 400,
  request_uri_not_supported: 400,
  unmet_authentication_requirements: 400,
  invalid_request_uri: 400,
  server_error: 500,
  temporarily_unavailable: 503,
} as const

export type OAuthErrorCode = keyof typeof statusByCode

export const isOAuthErrorCode = (text: string): text is OAuthErrorCode => Object.hasOwn(statusByCode, text)

/** A refusal as the protocol words it; `description` is for the client's developer and leaks nothing inner. */
export class OAuthError extends Error {
  readonly code: OAuthErrorCode
  readonly status: number
  /** When it is worth trying again. */
  retryAfterSeconds?: number

  constructor(code: OAuthErrorCode, description: string, status: number = statusByCode[code]) {
    super(description)
    this.name = 'OAuthError'
    this.code = code
    this.status = status
  }
}

/**
 * A description as the wire takes it: "MUST NOT include characters outside the set %x20-21 / %x23-5B / %x5D-7E" (RFC
 * 6749 sections 4.1.2.1 and 5.2). It may quote what came from outside.
 */
export const wireDescription = ({ message }: OAuthError): string =>
  message.replaceAll('"', "'").replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/gu, '?')

/** What a decision comes to: events to append, then an answer or a refusal. */
export type Decision<A, E> =
  | { events: readonly E[]; answer: A; refusal?: undefined }
  | { events: readonly E[]; refusal: OAuthError; answer?: undefined }

export const refuse = (code: OAuthErrorCode, description: string): { events: []; refusal: OAuthError } => ({
  events: [],
  refusal: new OAuthError(code, description),
})
