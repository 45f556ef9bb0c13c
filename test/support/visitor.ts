/** A person at a browser who goes through whatever pages of the server come: signs in, decides, goes on. */
import type { FormBrowser } from '../../src/admin/form-browser.ts'
import { LoadedPage } from '../../src/admin/loaded-page.ts'

export interface Person {
  username: string
  password: string
  decision?: 'approve' | 'deny'
}

/** Who comes where a test says nothing else. */
export const person = { username: 'alice', password: 'correct horse battery staple' }
/** As the administrator registers her. */
export const registeredPerson = {
  ...person,
  authorities: ['USER'],
  claims: { name: 'Alice Archer', email: 'alice@example.com' },
}

/** Where the person comes to, and what the server asked for on the way. */
export interface Visit {
  at: LoadedPage | URL
  asked: ('password' | 'consent')[]
}

const mostPages = 3

/** @param start an address, or a page that the browser shows already */
export async function visit(
  browser: FormBrowser,
  start: URL | string | LoadedPage,
  { username, password, decision = 'approve' }: Person,
): Promise<Visit> {
  const asked: Visit['asked'] = []
  let at: LoadedPage | URL = start instanceof LoadedPage ? start : await browser.open(start)
  while (at instanceof LoadedPage) {
    const isLogin = at.html.includes('name="password"')
    if (!isLogin && !at.html.includes('value="approve"')) break
    if (asked.length === mostPages) throw new Error(`still at ${at.url.pathname}: ${at.html}`)
    asked.push(isLogin ? 'password' : 'consent')
    at = await browser.submit(at, isLogin ? { username, password } : { decision })
  }
  return { at, asked }
}

/** The page that was come to. @throws Error where it was another end */
export function pageOf({ at }: Visit): LoadedPage {
  if (at instanceof LoadedPage) return at
  throw new Error(`no page but the redirect ${at.origin}${at.pathname}`)
}

/** The redirect that was come to, one that the browser does not follow. @throws Error where it was a page */
export function redirectOf({ at }: Visit): URL {
  if (at instanceof URL) return at
  throw new Error(`no redirect but the page ${at.url.pathname}: ${at.html}`)
}
