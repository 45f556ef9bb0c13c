/**
 * Tokens are opaque: a fixed prefix that secret scanners recognise, then 256 bits in base64url.
 * Only their SHA-256 is ever stored, so that the holder can recognise the record and nobody else can guess it.
 */
import { hash } from 'node:crypto'

export const tokenPrefixes = {
  code: 'cs_ac_',
  access: 'cs_at_',
  refresh: 'cs_rt_',
  session: 'cs_se_',
  device: 'cs_dc_',
  /** `jti` of a JWT access token: not a token by itself. */
  jwtId: 'cs_jt_',
  /** RFC 9126 section 2.2. */
  request: 'urn:ietf:params:oauth:request_uri:',
  /** Initial access token and registration access token (RFC 7591 section 1.2). */
  invitation: 'cs_in_',
  registration: 'cs_rg_',
} as const

export type TokenKind = keyof typeof tokenPrefixes

/** @param secret 43 characters of base64url: 256 bits */
export const formatToken = (kind: TokenKind, secret: string): string => tokenPrefixes[kind] + secret

const secretText = /^[A-Za-z0-9_-]{43}$/

/** Whether the text can be such a token at all: others need no look-up, and no token passes for one of another kind. */
export const isToken = (kind: TokenKind, text: string): boolean =>
  text.startsWith(tokenPrefixes[kind]) && secretText.test(text.slice(tokenPrefixes[kind].length))

/** base64url of the SHA-256 of the token's characters. */
export const hashToken = (token: string): string => hash('sha256', token, 'base64url')
