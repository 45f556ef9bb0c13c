/** Logs in as a browser would and comes back with a code (RFC 6749 section 4.1). */
import { randomBytes } from 'node:crypto'
import { ControlError } from './connection.ts'
import { FormBrowser } from './form-browser.ts'
import { LoadedPage } from './loaded-page.ts'

export interface CodeWishes {
  /** URL of the server. */
  endpoint: string
  clientId: string
  username: string
  password: string
  /** Where the client has registered one only, it may be left out. */
  redirectUri?: string | undefined
  scope?: string | undefined
}

const wrongCredentials = () => new ControlError('client', 'Check your clientId or username, password.')

/**
 * The code that the user's login and consent give to the client.
 *
 * @throws ControlError in the words of SignOn 1.1
 */
export async function requestCode(wishes: CodeWishes): Promise<string> {
  const { clientId, redirectUri, scope, username, password } = wishes
  const state = randomBytes(16).toString('base64url')
  const isAnswer = ({ searchParams }: URL) =>
    searchParams.get('state') === state && (searchParams.has('code') || searchParams.has('error'))
  const browser = new FormBrowser(isAnswer)
  const query = new URLSearchParams({ response_type: 'code', client_id: clientId, state })
  if (redirectUri !== undefined) query.set('redirect_uri', redirectUri)
  if (scope !== undefined) query.set('scope', scope)
  const answer = await reached(async () => {
    let page = await browser.open(new URL(`/oauth/authorize?${query}`, wishes.endpoint))
    if (page instanceof LoadedPage && page.status === 200 && page.html.includes('name="password"'))
      page = await browser.submit(page, { username, password })
    if (page instanceof LoadedPage && page.status === 200 && page.html.includes('value="approve"'))
      page = await browser.submit(page, { decision: 'approve' })
    return page
  })
  if (answer instanceof LoadedPage) throw refusal(answer)
  const code = answer.searchParams.get('code')
  if (code !== null) return code
  const { error, error_description: description } = Object.fromEntries(answer.searchParams)
  throw new ControlError(
    'refused',
    `the server refused the request: ${error}${description ? ` (${description})` : ''}`,
  )
}

async function reached<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    // What fetch says of a server that is not there, or is none of HTTP.
    if (error instanceof TypeError)
      throw new ControlError('unreachable', 'Connection refused. Check server endpoint.')
    throw error
  }
}

/** A page where a redirect was expected: a wrong client (401), user or password (401), or a request that cannot be. */
function refusal({ status, html }: LoadedPage): ControlError {
  if (status === 401) return wrongCredentials()
  const code = /<code>([a-z_]{1,64})<\/code>/.exec(html)?.[1]
  return new ControlError(
    'refused',
    `the server refused the request: ${code ?? `status ${status}`}${code === 'invalid_request' ? '; is --redirect needed?' : ''}`,
  )
}
