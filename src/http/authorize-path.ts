/** The way back to an authorization request: a path of this server and nothing else (no open redirect). */
import type { Parameters } from './parameters.ts'

const base = 'http://signon.invalid'
const path = '/oauth/authorize'

/**
 * The request as a path. `secret`, which 1.1's samples send here, is left behind, so that it does not travel on
 * through addresses and logs.
 */
export function authorizePath(parameters: Parameters): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined && name !== 'secret' && name !== 'client_secret') query.append(name, value)
  return `${path}?${query}`
}

/** The same path again if `text` is one, as a browser would read it; undefined for anything else. */
export function parseAuthorizePath(text: string | undefined): string | undefined {
  if (text === undefined || !text.startsWith(`${path}?`)) return undefined
  try {
    const url = new URL(text, base)
    return url.origin === base && url.pathname === path && url.hash === ''
      ? url.pathname + url.search
      : undefined
  } catch {
    return undefined
  }
}

/** Parameters of such a path. */
export const authorizeParameters = (text: string): Record<string, string> =>
  Object.fromEntries(new URL(text, base).searchParams)
