/** A browser's login at the server's own page. */
import { user } from './home.ts'

const cookiesOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((cookie) => cookie.slice(0, cookie.indexOf(';')))
    .join('; ')

/** Resolves with the cookie of the session. */
export async function logIn(port: number): Promise<string> {
  const address = `http://localhost:${port}/login`
  const page = await fetch(address)
  const csrfToken = /name="_csrf" value="([^"]+)"/.exec(await page.text())?.[1] ?? ''
  const answer = await fetch(address, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookiesOf(page) },
    body: new URLSearchParams({ ...user, _csrf: csrfToken }),
  })
  if (answer.status !== 303) throw new Error(`the login failed (${answer.status}):\n${await answer.text()}`)
  return cookiesOf(answer)
}
