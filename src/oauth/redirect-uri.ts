/**
 * Redirect URIs: exact string comparison (RFC 9700 section 4.1.3), loopback ports free (RFC 8252 section 7.3). Only
 * literal addresses are loopback: `localhost` is a name that may lead elsewhere (RFC 8252 section 8.3), so its port
 * must be the registered one.
 */

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

/** What a client's metadata say of its redirect URIs. */
export interface RedirectUriRules {
  redirectUris: readonly string[]
  redirectUriMatching?: 'exact' | 'prefix'
}

/** Whether `sent` is one of the registered URIs, or, for a client that was allowed this, lies below one. */
export function matchesRedirectUri(rules: RedirectUriRules, sent: string): boolean {
  const { redirectUris, redirectUriMatching } = rules
  if (redirectUris.includes(sent)) return true
  if (redirectUriMatching === 'prefix' && redirectUris.some((uri) => isBelow(uri, sent))) return true
  const native = loopback.exec(sent)
  // The port is the sender's, so that it is one must still be seen.
  if (!native || !URL.canParse(sent)) return false
  return redirectUris.some((uri) => {
    const own = loopback.exec(uri)
    return own !== null && own[1] === native[1] && (own[2] ?? '') === (native[2] ?? '')
  })
}

const longestRedirectUri = 2000
/** A slash, backslash, percent sign or control character in disguise: some server behind it will take it off. */
const disguised = /%(?:[01]|2f|5c|25|7f)/i
/** `.` or `..`, encoded or not, with or without the path parameters that some servers cut off before they look. */
const dotSegment = /^(?:\.|%2e){1,2}(?:;.*|%3b.*)?$/i

/**
 * Comparison by prefix, as SignOn 1.1 did for every client: `http://host:1` takes `http://host:1/page?x=1`. What
 * follows the registered text must begin a new segment or a query, so that scheme, host and port are the
 * registered ones to the letter, and must not lead out of the registered path.
 */
function isBelow(registered: string, sent: string): boolean {
  if (!web.test(registered) || registered.includes('?') || !sent.startsWith(registered)) return false
  if (sent.length > longestRedirectUri || !isRegistrableRedirectUri(sent)) return false
  const rest = sent.slice(registered.length)
  if (!registered.endsWith('/') && !/^[/?]/.test(rest)) return false
  const [path = ''] = rest.split('?', 1)
  const segments = path.split('/')
  // The first is empty where the rest begins with a slash, the last where it ends with one.
  if (segments.slice(1, -1).includes('') || (registered.endsWith('/') && path.startsWith('/'))) return false
  if (disguised.test(path) || segments.some((segment) => dotSegment.test(segment))) return false
  return new URL(sent).origin === new URL(registered).origin
}

/** The redirect URI with the answer's parameters in its query or fragment (RFC 6749 sections 4.1.2 and 4.2.2). */
export function redirectTo(
  uri: string,
  parameters: Readonly<Record<string, string | undefined>>,
  place: 'query' | 'fragment' = 'query',
): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.append(name, value)
  if (place === 'fragment') return `${uri}#${query}`
  return `${uri}${uri.includes('?') ? (/[?&]$/.test(uri) ? '' : '&') : '?'}${query}`
}
