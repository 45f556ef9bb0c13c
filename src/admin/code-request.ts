/** Logs in as a browser would and comes back with a code or a token (RFC 6749 sections 4.1 and 4.2). */
import { randomBytes } from 'node:crypto'
import type { TokenAnswer } from '../oauth/grants/token-answer.ts'
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
export const requestCode = async (wishes: CodeWishes): Promise<string> =>
  (await authorizeAs('code', wishes)).get('code')!

/**
 * The access token that they give to a client of the implicit grant (RFC 6749 section 4.2).
 *
 * @throws ControlError in the words of SignOn 1.1
 */
export async function requestImplicitToken(wishes: CodeWishes): Promise<TokenAnswer> {
  const answer = await authorizeAs('token', wishes)
  return {
    access_token: answer.get('access_token')!,
    token_type: 'bearer',
    expires_in: Number(answer.get('expires_in')),
    scope: answer.get('scope') ?? wishes.scope ?? '',
  }
}

/** Where the answer to each response type stands, and what must be in it. */
const answers = {
  code: { parametersOf: (url: URL) => url.searchParams, wanted: 'code' },
  token: { parametersOf: (url: URL) => new URLSearchParams(url.hash.slice(1)), wanted: 'access_token' },
} as const

async function authorizeAs(responseType: keyof typeof answers, wishes: CodeWishes): Promise<URLSearchParams> {
  const { clientId, redirectUri, scope, username, password } = wishes
  const { parametersOf, wanted } = answers[responseType]
  const state = randomBytes(16).toString('base64url')
  const isAnswer = (url: URL) => {
    const parameters = parametersOf(url)
    return parameters.get('state') === state && (parameters.has(wanted) || parameters.has('error'))
  }
  const browser = new FormBrowser(isAnswer)
  const query = new URLSearchParams({ response_type: responseType, client_id: clientId, state })
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
  const parameters = parametersOf(answer)
  if (parameters.has(wanted)) return parameters
  const { error, error_description: description } = Object.fromEntries(parameters)
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
