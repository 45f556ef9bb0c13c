import type { Client } from '../oauth/client.ts'
import type { TokenLifetimes } from '../oauth/grants/token-answer.ts'
import type { AuthorizationSettings } from './context.ts'

/** The client's own lifetimes, else the server's. */
export const lifetimesOf = ({ metadata }: Client, settings: AuthorizationSettings): TokenLifetimes => ({
  accessSeconds: metadata.accessTokenValiditySeconds ?? settings.accessSeconds,
  refreshSeconds: metadata.refreshTokenValiditySeconds ?? settings.refreshSeconds,
})
