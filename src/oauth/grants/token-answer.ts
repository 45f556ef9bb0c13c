/** The successful answer of the token endpoint (RFC 6749 section 5.1). */
export interface TokenAnswer {
  access_token: string
  token_type: 'bearer'
  expires_in: number
  refresh_token?: string
  scope: string
}

/** Fresh tokens and their hashes: randomness is data to a decision. */
export interface FreshTokens {
  access: { token: string; hash: string }
  refresh: { token: string; hash: string }
}

/** Lifetimes in seconds: the client's own, else the server's. */
export interface TokenLifetimes {
  accessSeconds: number
  refreshSeconds: number
}

export const tokenAnswer = (
  tokens: FreshTokens,
  withRefresh: boolean,
  scopes: readonly string[],
  expiresInSeconds: number,
): TokenAnswer => ({
  access_token: tokens.access.token,
  token_type: 'bearer',
  ...(withRefresh && { refresh_token: tokens.refresh.token }),
  expires_in: expiresInSeconds,
  scope: scopes.join(' '),
})
