/** Logout tokens: OpenID Connect Back-Channel Logout 1.0 section 2.4. */

export const logoutTokenType = 'logout+jwt'
const event = 'http://schemas.openid.net/event/backchannel-logout'
/** "It is RECOMMENDED that the expiration time be set to ... preferably at most two minutes in the future". */
const validitySeconds = 120

export interface LogoutNotice {
  issuer: string
  clientId: string
  subject: string
  session: string
  /** Unique, so that a client can tell a token that is sent again. */
  identifier: string
  nowSeconds: number
}

/** "A nonce Claim MUST NOT be present". */
export const logoutTokenClaims = (notice: LogoutNotice): Record<string, unknown> => ({
  iss: notice.issuer,
  sub: notice.subject,
  aud: notice.clientId,
  iat: notice.nowSeconds,
  exp: notice.nowSeconds + validitySeconds,
  jti: notice.identifier,
  events: { [event]: {} },
  sid: notice.session,
})
