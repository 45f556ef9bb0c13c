/** Redirect URIs: exact string comparison (RFC 9700 section 4.1.3), loopback ports free (RFC 8252 section 7.3). */

const loopback = /^http:\/\/(127\.0\.0\.1|\[::1\])(?::\d{1,5})?(\/[^#]*)?$/
/** With host and without user, as written: a browser resolves `https:host` against the page it stands on. */
const web = /^https?:\/\/[^/?@]+(?:[/?]|$)/i

/** Whether a client may register this URI: absolute, without fragment, user information or a script scheme. */
export function isRegistrableRedirectUri(text: string): boolean {
  if (/[^\x21-\x7e]/.test(text) || text.includes('#') || text.includes('\\')) return false
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return false
  }
  if (url.username || url.password) return false
  if (url.protocol === 'https:' || url.protocol === 'http:') return web.test(text)
  // RFC 8252 section 7.1: private-use schemes are reverse domain names, so they hold a dot.
  return /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol)
}

/** Whether `sent` is one of the registered URIs. */
export function matchesRedirectUri(registered: readonly string[], sent: string): boolean {
  if (registered.includes(sent)) return true
  const native = loopback.exec(sent)
  // The port is the sender's, so that it is one must still be seen.
  if (!native || !URL.canParse(sent)) return false
  return registered.some((uri) => {
    const own = loopback.exec(uri)
    return own !== null && own[1] === native[1] && (own[2] ?? '') === (native[2] ?? '')
  })
}

/** The redirect URI with the answer's parameters in its query (RFC 6749 section 4.1.2). */
export function redirectTo(uri: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.append(name, value)
  return `${uri}${uri.includes('?') ? (/[?&]$/.test(uri) ? '' : '&') : '?'}${query}`
}
