/** The successful answer of the token endpoint (RFC 6749 section 5.1). */
export interface TokenAnswer {
  access_token: string
  token_type: 'bearer'
  expires_in: number
  refresh_token?: string
  scope: string
}

/** Fresh tokens and their hashes: randomness is data to a decision. */
export interface FreshToken {
  token: string
  hash: string
}

export interface FreshTokens {
  access: FreshToken
  refresh: FreshToken
}

/** Lifetimes in seconds: the client's own, else the server's. */
export interface TokenLifetimes {
  accessSeconds: number
  refreshSeconds: number
}

export function tokenAnswer(
  access: FreshToken,
  refresh: FreshToken | undefined,
  scopes: readonly string[],
  expiresInSeconds: number,
): TokenAnswer {
  const answer: TokenAnswer = {
    access_token: access.token,
    token_type: 'bearer',
    expires_in: expiresInSeconds,
    scope: scopes.join(' '),
  }
  if (refresh) answer.refresh_token = refresh.token
  return answer
}
